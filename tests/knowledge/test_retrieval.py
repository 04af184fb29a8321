"""A question finds passages: by meaning, by words, in its language; never one that this reader may not see."""

import pytest

from knowledge import indexing, publishing
from knowledge.models import Article, Audience, Category
from knowledge.retrieval import afind_passages, find_passages

pytestmark = pytest.mark.django_db(transaction=True)

DEAD = "unix:/nowhere/model.sock"
REFUNDS = "We pay the money back to the card that you paid with. It takes five working days."
PARCELS = "Every parcel has a tracking number. The courier scans it in the evening."


def write(title: str, body: str, *, audience: str = Audience.PUBLIC, language: str = "en") -> Article:
    category, _ = Category.objects.get_or_create(name="Help", slug="help")
    article = Article(
        slug=title.lower().replace(" ", "-"),
        title=title,
        body=body,
        category=category,
        audience=audience,
        language=language,
    )
    publishing.publish(article=article, by=None)
    return article


@pytest.fixture
def shop(fake_model):
    """Ada has written two articles and they are embedded."""
    articles = {"refunds": write("Refunds", REFUNDS), "parcels": write("Parcels", PARCELS)}
    indexing.embed_stale()
    return articles


def test_it_finds_the_passage_and_says_where_it_stands(shop):
    found = find_passages("How many working days does the money back take?")

    best = found.passages[0]
    assert best.article_id == shop["refunds"].pk == found.ranked_article_ids[0]
    assert (best.title, best.slug, best.url, best.language) == ("Refunds", "refunds", "/help/refunds/", "en")
    assert best.text == REFUNDS
    assert best.revision_id == shop["refunds"].live_revision_id
    assert best.similarity is not None and best.lexical is not None
    assert found.nearest[0] == ("Refunds", "/help/refunds/")
    assert found.degraded == ""
    assert set(found.ms) == {"embed", "terms", "search", "total"}


def test_a_question_about_the_matter_is_more_answerable_than_one_about_nothing_here(shop):
    near = find_passages("Does the courier scan the tracking number of every parcel?").answerable
    far = find_passages("Which wine goes with grilled aubergine?").answerable
    assert 0 <= far < near <= 1


async def test_it_is_found_without_blocking_the_loop(shop):
    found = await afind_passages("Where is the tracking number of my parcel?")
    assert found.ranked_article_ids[0] == shop["parcels"].pk


def test_words_alone_answer_while_the_embeddings_server_is_away(shop, settings):
    settings.EMBEDDING_URL = DEAD
    found = find_passages("Where is the tracking number of my parcel?")
    assert found.passages[0].article_id == shop["parcels"].pk
    assert found.passages[0].similarity is None
    assert found.degraded == "no vector of the question"
    assert 0 < found.answerable < 1
