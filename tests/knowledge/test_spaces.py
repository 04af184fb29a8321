"""A space is built beside the one that is searched, compared, switched to, and left again; every verb says why not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from knowledge import building, built_in_questions, filling, indexing, passages, publishing, spaces, tasks
from knowledge.chunking import TooManyPieces
from knowledge.embedding import default_recipe, embed_passages
from knowledge.index_state import index_state
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
    verdict = {
        "n": 40,
        "with_pk": indexing.active_space().pk,
        "worse": True,
        "ndcg@10": {"value": -0.3, "low": -0.4, "high": -0.2, "n": 40},
    }
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


def test_an_article_that_cannot_be_cut_for_a_space_is_not_lost_without_a_word(shop, monkeypatch):
    real = passages.split

    def split(title, body, tokens):
        if tokens == 64 and title == "How to pitch a tent":
            raise TooManyPieces("This article is too long.")
        return real(title, body, tokens)

    monkeypatch.setattr(passages, "split", split)
    new = spaces.prepare(other(passage_tokens=64))
    build_all()
    new.refresh_from_db()
    assert new.state == "building" and "“How to pitch a tent” could not be embedded" in new.trouble
    with pytest.raises(SpaceError, match="found by words alone"):
        spaces.switch(new)
    spaces.switch(new, anyway=True)
    assert Article.objects.get(pk=shop["tents"].pk).answerable_at is None
    build_all()
    state = index_state(Article.objects.get(pk=shop["tents"].pk))
    assert (state.kind, "too long" in state.text) == ("failed", True)


def test_going_back_by_itself_loses_no_article(shop, ada):
    old = indexing.active_space()
    spaces.prepare(other())
    build_all()
    shop["refunds"].body = "## Refunds\n\nA refund takes nine days."
    publishing.publish(article=shop["refunds"], by=ada)
    spaces.back()
    Attempt.objects.create(space=old, article=shop["refunds"], count=5, error="Refused.")
    build_all()
    old.refresh_from_db()
    assert old.state == "building" and "“Money back” could not be embedded" in old.trouble
    spaces.resume(old)
    build_all()
    assert indexing.active_space() == old


def test_no_passage_is_sent_twice_while_articles_are_cut(shop, delivery, ada, monkeypatch):
    monkeypatch.setattr(building, "CUT_AT_ONCE", 2)
    monkeypatch.setattr(filling.plan, "__defaults__", (3,))
    for number in range(12):
        article = Article(slug=f"more-{number}", title=f"More {number}", body="Words. " * 90, category=delivery)
        publishing.publish(article=article, by=ada)
    build_all()
    sent = []

    def embed(recipe, texts):
        sent.extend(texts)
        return embed_passages(recipe, texts)

    monkeypatch.setattr(filling, "embed_passages", embed)
    new = spaces.prepare(other(passage_tokens=64), goal="wait")
    build_all()
    assert len(sent) == new.embeddings.count() > 20


@pytest.mark.parametrize("act", ["pause", "compare_again", "search another"])
def test_a_person_who_acts_last_is_not_overtaken(shop, act):
    new = spaces.prepare(other(), goal="wait")
    build_all()
    EmbeddingSpace.objects.filter(pk=new.pk).update(goal="compare")
    new.refresh_from_db()
    if act == "search another":
        third = EmbeddingSpace.objects.create(fingerprint="third", recipe=new.recipe, dimensions=64, state="retired")
        indexing.activate(third)
    else:
        getattr(spaces, act)(EmbeddingSpace.objects.get(pk=new.pk))
    with pytest.raises(SpaceError, match="Something was changed"):
        spaces.switch_by_itself(new)
    assert state_of(new) == "building"


def test_a_comparison_with_a_space_that_is_left_meanwhile_is_not_kept(shop, monkeypatch):
    old = indexing.active_space()
    new = spaces.prepare(other(), goal="wait")
    fill_only(new)
    third = EmbeddingSpace.objects.create(fingerprint="third", recipe=old.recipe, dimensions=384, state="retired")

    def overtaken(*arguments, **options):
        indexing.activate(third)
        return None

    monkeypatch.setattr(building, "compare_spaces", overtaken)
    with pytest.raises(SpaceError, match="Another space came to be searched"):
        building.compare(new, built_in_questions.questions())
    new.refresh_from_db()
    assert new.comparison is None


def test_what_is_waited_for_stays_told_until_something_is_written(shop):
    new = spaces.prepare(other(), goal="wait")
    build_all()
    new.refresh_from_db()
    assert "Switch to it when you like" in new.trouble
    building.fill(new, float("inf"))
    new.refresh_from_db()
    assert "Switch to it when you like" in new.trouble


def test_the_planner_knows_how_many_rows_a_new_space_has(shop):
    new = spaces.prepare(other(), goal="wait")
    build_all()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT most_common_vals::text FROM pg_stats "
            "WHERE tablename = 'knowledge_embedding' AND attname = 'space_id'"
        )
        assert str(new.pk) in cursor.fetchone()[0]


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
    assert len(built_in_questions.questions()) == 3
    assert len(built_in_questions.of_the_demo()) > 400
    assert all(Path(path).is_file() for path in built_in_questions.FILES)
