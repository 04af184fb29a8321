"""A space is built beside the one that is searched, compared, switched to, and left again; every verb says why not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from knowledge import building, indexing, publishing, spaces, tasks
from knowledge.embedding import default_recipe
from knowledge.models import Article, Attempt, Chunk, Embedding, EmbeddingSpace, TestQuestion
from knowledge.retrieval import find_passages
from knowledge.spaces import SpaceError
from knowledge.vector_index import is_built

pytestmark = pytest.mark.django_db(transaction=True)
TEXTS = {
    "parcels": ("Where parcels are", "## Tracking\n\nThe carrier sends a tracking number by mail."),
    "tents": ("How to pitch a tent", "## Pegs\n\nPegs go in at an angle.\n\n## Storm\n\nAdd guy ropes in a storm."),
    "refunds": ("Money back", "## Refunds\n\nA refund takes five days to reach your bank."),
}
QUESTIONS = {"parcels": "where is my tracking number", "tents": "guy ropes in a storm", "refunds": "refund to my bank"}


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


@pytest.fixture
def shop(fake_model, delivery, ada) -> dict[str, Article]:
    """Three published articles, each with a question that it must go on answering; all embedded and indexed."""
    articles = {}
    for slug, (title, body) in TEXTS.items():
        articles[slug] = Article(slug=slug, title=title, body=body, category=delivery)
        publishing.publish(article=articles[slug], by=ada)
        TestQuestion.objects.create(article=articles[slug], question=QUESTIONS[slug])
    build_all()
    return articles


def other(**parts):
    return replace(default_recipe(), **({"model": "other-64d", "dimensions": 64} | parts))


def build_all(rounds=20):
    for _ in range(rounds):
        if not building.build(20):
            return
    pytest.fail("there is always more to build")


def state_of(space):
    return EmbeddingSpace.objects.get(pk=space.pk).state


def first_hit(question):
    found = find_passages(question)
    assert not found.degraded
    return found.passages[0]


def test_a_space_of_other_dimensions_is_built_compared_and_searched(shop):
    old = indexing.active_space()
    new = spaces.prepare(other())
    assert (new.state, state_of(old)) == ("building", "active")
    assert first_hit(QUESTIONS["tents"]).slug == "tents"
    build_all()
    new.refresh_from_db()
    assert (new.state, state_of(old)) == ("active", "retired")
    assert is_built(new) and new.embeddings.count() == old.embeddings.count() == 4
    assert new.comparison["n"] == 3 and not new.comparison["worse"]
    assert set(new.comparison["ndcg@10"]) >= {"value", "low", "high"}
    assert first_hit(QUESTIONS["tents"]).slug == "tents"


def test_a_space_of_another_cut_gets_its_passages_then_its_vectors(shop, ada):
    shop["tents"].body = "## Pegs\n\n" + " ".join(f"Peg number {n} goes in at an angle." for n in range(40))
    publishing.publish(article=shop["tents"], by=ada)
    build_all()
    new = spaces.prepare(replace(default_recipe(), passage_tokens=64))
    assert not Chunk.objects.filter(cut="1/64").exists()
    build_all()
    new.refresh_from_db()
    assert new.state == "active"
    assert new.embeddings.count() == Chunk.objects.filter(cut="1/64", live=True).count() > 4
    passage = first_hit("peg number 30")
    assert Chunk.objects.get(pk=passage.chunk_id).cut == "1/64"


def test_going_back_is_one_action(shop):
    old = indexing.active_space()
    spaces.prepare(other())
    build_all()
    assert spaces.back() == old
    assert state_of(old) == "active" and indexing.active_space() == old
    assert first_hit(QUESTIONS["refunds"]).slug == "refunds"


def test_going_back_catches_up_with_what_was_published_since(shop, ada):
    old = indexing.active_space()
    spaces.prepare(other())
    build_all()
    shop["refunds"].body = "## Refunds\n\nA refund takes nine days to reach your bank."
    publishing.publish(article=shop["refunds"], by=ada)
    back = spaces.back()
    assert (back, back.state, back.goal) == (old, "building", "switch")
    assert "1 passage has no vector" in spaces.missing(back)
    build_all()
    assert indexing.active_space() == old
    assert "nine days" in first_hit("how many days does a refund take").text


def test_without_a_question_a_space_waits_for_a_person(shop):
    TestQuestion.objects.all().delete()
    new = spaces.prepare(other())
    build_all()
    new.refresh_from_db()
    assert new.state == "building" and "no question to compare on" in new.trouble
    spaces.switch(new)
    assert indexing.active_space() == new


def test_a_worse_space_is_not_switched_to_unless_somebody_insists(shop, delivery, ada):
    """One dimension cannot tell any two texts apart; without the words in common the articles are in no order."""
    new = spaces.prepare(other())
    fill_only(new)
    verdict = {"n": 40, "worse": True, "ndcg@10": {"value": -0.3, "low": -0.4, "high": -0.2, "n": 40}}
    EmbeddingSpace.objects.filter(pk=new.pk).update(comparison=verdict)
    build_all()
    new.refresh_from_db()
    assert new.state == "building" and "worse" in new.trouble
    with pytest.raises(SpaceError, match="less often"):
        spaces.switch(new)
    spaces.switch(new, anyway=True)
    assert indexing.active_space() == new


def fill_only(space):
    building.fill(space, float("inf"))
    building.build_index(space)


def test_a_space_that_shall_wait_waits(shop):
    new = spaces.prepare(other(), goal="wait")
    build_all()
    new.refresh_from_db()
    assert new.state == "building" and new.comparison["n"] == 3 and "Switch to it when you like" in new.trouble


def test_a_paused_space_is_left_alone(shop):
    new = spaces.prepare(other())
    spaces.pause(new)
    build_all()
    assert not new.embeddings.exists()
    with pytest.raises(SpaceError, match="can be paused"):
        spaces.pause(new)
    spaces.resume(new)
    build_all()
    assert indexing.active_space() == new


def test_an_unfinished_space_is_not_switched_to(shop):
    new = spaces.prepare(other())
    with pytest.raises(SpaceError, match="4 passages have no vector"):
        spaces.switch(new)
    assert state_of(new) == "building"


def test_a_dropped_space_leaves_nothing_but_what_old_answers_show(shop):
    old = indexing.active_space()
    new = spaces.prepare(replace(default_recipe(), passage_tokens=64))
    build_all()
    quoted = first_hit(QUESTIONS["tents"])
    assert Chunk.objects.get(pk=quoted.chunk_id).cut == "1/64"
    spaces.back()
    with pytest.raises(SpaceError, match="a moment ago"):
        spaces.drop(new)
    EmbeddingSpace.objects.filter(pk=old.pk).update(activated=timezone.now() - timedelta(minutes=2))
    spaces.drop(new)
    build_all()
    assert not EmbeddingSpace.objects.filter(pk=new.pk).exists()
    assert not Embedding.objects.filter(space_id=new.pk).exists() and is_built(new) is None
    assert set(Chunk.objects.filter(live=True).values_list("cut", flat=True)) == {"1/200"}
    assert Chunk.objects.get(pk=quoted.chunk_id).text == quoted.text


def test_the_searched_space_is_not_dropped(shop):
    with pytest.raises(SpaceError, match="is searched cannot be dropped"):
        spaces.drop(indexing.active_space())


def test_a_model_that_nobody_serves_is_told_at_once(shop, settings, tmp_path):
    settings.EMBEDDING_SERVERS = {"away": f"unix:{tmp_path}/nobody.sock"}
    with pytest.raises(SpaceError, match="away gives no vectors: The model server cannot be reached"):
        spaces.prepare(other(model="away"))
    with pytest.raises(SpaceError, match="64 dimensions, and 65 were expected"):
        spaces.prepare(other(dimensions=65))


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"model": ""}, "Name the model"),
        ({"dimensions": 4_001}, "1 to 4,000 dimensions"),
        ({"passage_tokens": 20}, "at most 32 to 460 tokens"),
        ({"query_prefix": "q" * 501}, "at most 500 characters"),
    ],
)
def test_a_recipe_out_of_bounds_is_refused(shop, parts, sentence):
    with pytest.raises(SpaceError, match=sentence):
        spaces.prepare(other(**parts))


def test_the_same_recipe_is_prepared_once_and_only_one_space_is_built_at_a_time(shop):
    with pytest.raises(SpaceError, match="exactly this recipe"):
        spaces.prepare(default_recipe())
    new = spaces.prepare(other())
    assert spaces.prepare(other()) == new
    with pytest.raises(SpaceError, match="Another space is being built"):
        spaces.prepare(other(model="third-32d", dimensions=32))


def test_an_article_that_a_new_space_cannot_take_says_so_there_and_not_at_the_article(shop, monkeypatch):
    new = spaces.prepare(other())
    Attempt.objects.create(space=new, article=shop["tents"], count=5, error="The model server refused the request.")
    build_all()
    new.refresh_from_db()
    assert new.state == "building" and "“How to pitch a tent” could not be embedded" in new.trouble
    tents = Article.objects.get(pk=shop["tents"].pk)
    assert (tents.index_attempts, tents.index_error) == (0, "") and tents.answerable_at
    spaces.switch(new, anyway=True)
    assert Article.objects.get(pk=shop["tents"].pk).answerable_at is None
    building.build(20)
    assert Article.objects.get(pk=shop["tents"].pk).answerable_at  # the searched space tries on its own account


def test_publishing_while_a_space_is_built_reaches_both(shop, ada):
    new = spaces.prepare(other(passage_tokens=64))
    building.fill(new, float("inf"))
    shop["refunds"].body = "## Refunds\n\nA refund takes nine days."
    publishing.publish(article=shop["refunds"], by=ada)
    assert "1 passage has no vector" in spaces.missing(new)
    build_all()
    assert indexing.active_space() == new
    assert "nine days" in first_hit("how long does a refund take").text


def test_demo_questions_count_where_the_demo_is(shop):
    from knowledge import built_in_questions

    assert len(built_in_questions.questions()) == 3
    assert len(built_in_questions.of_the_demo()) > 400
    assert all(Path(path).is_file() for path in built_in_questions.FILES)
