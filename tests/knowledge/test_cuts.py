"""A live revision has the passages of every cut that a space needs; what is searched is one of them."""

from dataclasses import asdict, replace

import pytest

from knowledge import chunking, indexing, passages, publishing, tasks
from knowledge.attempts import LiveAttempts
from knowledge.embedding import default_recipe
from knowledge.filling import Stale, write_vectors
from knowledge.index_state import index_state
from knowledge.models import Article, Chunk, Embedding, EmbeddingSpace
from knowledge.publishing import PublishingError
from supportbot import startup

LONG = "## Boots\n\n" + " ".join(f"Boot number {n} is waxed by hand and kept dry." for n in range(20))


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


@pytest.fixture
def two_cuts(db) -> list[EmbeddingSpace]:
    """The space that is searched, and one beside it whose passages are shorter."""
    recipe = replace(default_recipe(), passage_tokens=64)
    shorter = EmbeddingSpace.objects.create(
        fingerprint=recipe.fingerprint, recipe=asdict(recipe), dimensions=recipe.dimensions
    )
    return [indexing.active_space(), shorter]


def live(article, cut):
    return list(Chunk.objects.filter(article=article, live=True, cut=cut).order_by("position"))


def give_vectors(article, space):
    batch = [Stale(chunk.pk, article.pk, chunk.text) for chunk in live(article, space.cut)]
    write_vectors(space, batch, [[1.0] * space.dimensions] * len(batch), LiveAttempts())


def test_publishing_cuts_once_for_each_cut(two_cuts, prices, ada):
    prices.body = LONG
    publishing.publish(article=prices, by=ada)
    usual, short = (live(prices, space.cut) for space in two_cuts)
    assert 1 < len(usual) < len(short)
    assert [chunk.position for chunk in short] == list(range(len(short)))
    assert " ".join(chunk.text for chunk in usual) == " ".join(chunk.text for chunk in short)
    assert all(chunk.search for chunk in short)


def test_each_space_lacks_vectors_of_its_own_cut_alone(two_cuts, prices, ada):
    prices.body = LONG
    publishing.publish(article=prices, by=ada)
    for space in two_cuts:
        assert indexing.unembedded(space).count() == len(live(prices, space.cut))
    give_vectors(prices, two_cuts[0])
    assert not indexing.unembedded(two_cuts[0]).exists()
    assert indexing.unembedded(two_cuts[1]).exists()


def test_an_article_is_answerable_when_the_searched_cut_has_its_vectors(two_cuts, prices, ada):
    prices.body = LONG
    publishing.publish(article=prices, by=ada)
    give_vectors(prices, two_cuts[1])
    prices.refresh_from_db()
    assert prices.answerable_at is None and index_state(prices).kind == "moving"
    give_vectors(prices, two_cuts[0])
    prices.refresh_from_db()
    assert prices.answerable_at and index_state(prices).kind == "live"
    assert index_state(prices).text.startswith(f"{len(live(prices, two_cuts[0].cut))} passages")


def test_an_edit_keeps_the_vectors_of_unchanged_passages_in_each_space(two_cuts, prices, ada):
    prices.body = f"{LONG}\n\n## Islands\n\nIslands cost £14."
    publishing.publish(article=prices, by=ada)
    for space in two_cuts:
        give_vectors(prices, space)
    prices.body = prices.body.replace("£14", "£15")
    publishing.publish(article=prices, by=ada)
    for space in two_cuts:
        assert [chunk.text for chunk in indexing.unembedded(space)] == ["Islands cost £15."]
    assert not Embedding.objects.filter(chunk__live=False).exists()
    cuts = set(Embedding.objects.values_list("chunk__cut", "space__recipe__passage_tokens"))
    assert cuts == {("1/200", 200), ("1/64", 64)}


@pytest.mark.parametrize("verb", [publishing.unpublish, publishing.archive])
def test_what_is_withdrawn_leaves_every_cut_in_the_same_transaction(verb, two_cuts, prices, ada):
    publishing.publish(article=prices, by=ada)
    for space in two_cuts:
        give_vectors(prices, space)
    verb(article=prices, by=ada)
    assert not Chunk.objects.filter(live=True).exists() and not Embedding.objects.exists()


def test_a_stricter_audience_holds_for_every_cut(two_cuts, prices, ada):
    publishing.publish(article=prices, by=ada)
    prices.audience = "internal"
    publishing.save_draft(article=prices, by=ada)
    assert set(Chunk.objects.filter(live=True).values_list("cut", "audience")) == {
        ("1/200", "internal"), ("1/64", "internal"),
    }  # fmt: skip


def test_an_article_of_before_is_cut_for_a_new_space_once(prices, ada, two_cuts):
    EmbeddingSpace.objects.filter(pk=two_cuts[1].pk).update(state="dropped")
    prices.body = LONG
    publishing.publish(article=prices, by=ada)
    before = [chunk.pk for chunk in live(prices, "1/200")]
    assert not live(prices, "1/64") and passages.add_cut(article_id=prices.pk, cut="1/64") == 0  # nobody needs it
    EmbeddingSpace.objects.filter(pk=two_cuts[1].pk).update(state="building")
    assert list(indexing.not_cut(two_cuts[1])) == [prices]
    made = passages.add_cut(article_id=prices.pk, cut="1/64")
    assert made == len(live(prices, "1/64")) > 2
    assert passages.add_cut(article_id=prices.pk, cut="1/64") == 0
    assert not indexing.not_cut(two_cuts[1]).exists()
    assert [chunk.pk for chunk in live(prices, "1/200")] == before


def test_a_cut_that_nobody_needs_any_more_goes_with_the_next_publication(two_cuts, prices, ada):
    publishing.publish(article=prices, by=ada)
    EmbeddingSpace.objects.filter(pk=two_cuts[1].pk).update(state="dropped")
    prices.body = "All free."
    publishing.publish(article=prices, by=ada)
    assert {chunk.cut for chunk in Chunk.objects.filter(live=True)} == {"1/200"}


def test_too_many_short_passages_forbid_no_publication(two_cuts, prices, ada, monkeypatch):
    """The space that is searched takes the article; the one in the making will say that it cannot."""
    monkeypatch.setattr(chunking, "MAX_PIECES", 3)
    prices.body = LONG
    publishing.publish(article=prices, by=ada)
    assert live(prices, "1/200") and not live(prices, "1/64")
    with pytest.raises(passages.Uncuttable, match="Divide it"):
        passages.add_cut(article_id=prices.pk, cut="1/64")
    EmbeddingSpace.objects.filter(state="active").update(state="retired")
    EmbeddingSpace.objects.filter(pk=two_cuts[1].pk).update(state="active")
    with pytest.raises(PublishingError, match="Divide it"):
        publishing.publish(article=Article.objects.get(), by=ada)


def test_a_start_waits_for_the_searched_cut_alone(two_cuts, prices, ada):
    publishing.publish(article=prices, by=ada)
    assert startup._passages_without_vector() == 3
    give_vectors(prices, two_cuts[0])
    assert startup._passages_without_vector() == 0
