"""An editor asks with what is not published yet: it is found as it would be, and nothing of it is kept."""

import pytest

from knowledge import indexing, publishing
from knowledge.chunking import split
from knowledge.drafts import EMBEDDED, DraftPassage
from knowledge.models import Article, Audience, Chunk, Embedding
from knowledge.retrieval import RetrievalError, find_passages, find_passages_with_draft
from tests.knowledge.test_retrieval import DEAD, PARCELS, REFUNDS, write

pytestmark = pytest.mark.django_db(transaction=True)

RETURNS = "## By post\n\nSend the tent back within thirty days.\n\n## In the shop\n\nBring the tent to any shop."
QUESTION = "Within how many days may I send a tent back by post?"


@pytest.fixture
def shop(fake_model) -> dict[str, Article]:
    """Ada has published three articles."""
    articles = {
        "refunds": write("Refunds", REFUNDS),
        "parcels": write("Parcels", PARCELS),
        "returns": write("Returns", "## By post\n\nTents cannot be sent back."),
    }
    indexing.embed_stale()
    return articles


def draft_of(article: Article, body: str) -> list[DraftPassage]:
    return [
        DraftPassage(
            text=piece.text,
            title=article.title,
            heading=piece.heading,
            anchor=piece.anchor,
            language=article.language,
            audience=article.audience,
        )
        for piece in split(article.title, body)
    ]


def test_a_draft_is_ranked_as_it_is_once_published(shop):
    returns = shop["returns"]
    tried = find_passages_with_draft(
        QUESTION, draft=draft_of(returns, RETURNS), replacing=returns.pk, limit=5, ranked=10
    )
    returns.body = RETURNS
    publishing.publish(article=returns, by=None)
    indexing.embed_stale()
    found = find_passages(QUESTION, limit=5, ranked=10)

    assert tried.ranked_article_ids == found.ranked_article_ids and found.ranked_article_ids[0] == returns.pk
    assert [passage.text for passage in tried.ranked] == [passage.text for passage in found.ranked]
    for before, after in zip(tried.ranked, found.ranked, strict=True):
        assert (before.heading, before.anchor, before.title) == (after.heading, after.anchor, after.title)
        # The words that are rare are not quite the same before as after.
        assert before.similarity == pytest.approx(after.similarity, abs=0.002)
        assert before.lexical == pytest.approx(after.lexical, abs=0.15)
    assert tried.answerable == pytest.approx(found.answerable, abs=0.1)


def test_what_the_draft_replaces_is_left_out_and_the_draft_has_no_address(shop):
    returns = shop["returns"]
    tried = find_passages_with_draft(QUESTION, draft=draft_of(returns, RETURNS), replacing=returns.pk, limit=3)

    assert not any("cannot be sent back" in passage.text for passage in tried.passages)
    own = [passage for passage in tried.passages if passage.article_id == returns.pk]
    assert own and all(passage.chunk_id < 0 and passage.url == "" for passage in own)
    assert tried.nearest[0] == ("Returns", "")
    assert all(passage.chunk_id > 0 for passage in tried.passages if passage.article_id != returns.pk)


def test_a_new_article_is_tried_beside_the_others_and_nothing_is_kept(shop):
    kept = (Chunk.objects.count(), Embedding.objects.count())
    draft = [DraftPassage(text="A zeppelin can be hired for a weekend.", title="Zeppelins")]
    tried = find_passages_with_draft("Can I hire a zeppelin?", draft=draft, replacing=None)
    assert tried.passages[0].title == "Zeppelins"
    assert (Chunk.objects.count(), Embedding.objects.count()) == kept
    assert not any(passage.title == "Zeppelins" for passage in find_passages("Can I hire a zeppelin?").passages)


def test_a_draft_for_others_is_not_shown_to_this_reader(shop):
    secret = [DraftPassage(text="A zeppelin costs 9.", title="Zeppelins", audience=Audience.INTERNAL)]
    for readers, seen in ((["public"], False), (["public", "internal"], True)):
        tried = find_passages_with_draft("What does a zeppelin cost?", draft=secret, replacing=None, audiences=readers)
        assert any(passage.title == "Zeppelins" for passage in tried.passages) is seen


def test_a_draft_in_another_language_is_stemmed_in_its_own(shop):
    draft = [DraftPassage(text="Rücksendungen sind kostenlos.", title="Rücksendung", language="de")]
    tried = find_passages_with_draft("Ist eine Rücksendung kostenlos?", draft=draft, replacing=None, language="de")
    assert tried.passages[0].title == "Rücksendung" and tried.passages[0].lexical


def test_of_a_long_draft_the_passages_of_the_most_words_are_read(shop):
    draft = [DraftPassage(text=f"Paragraph {number} of the long story.", title="Story") for number in range(60)]
    draft.append(DraftPassage(text="A zeppelin can be hired.", title="Story"))
    tried = find_passages_with_draft("Can I hire a zeppelin?", draft=draft, replacing=None, limit=1, ranked=100)
    assert tried.passages[0].chunk_id == -61
    assert sum(passage.chunk_id < 0 for passage in tried.ranked) == EMBEDDED


def test_words_alone_judge_the_draft_while_the_embeddings_server_is_away(shop, settings):
    settings.EMBEDDING_URL = DEAD
    draft = [DraftPassage(text="A zeppelin can be hired for a weekend.", title="Zeppelins")]
    tried = find_passages_with_draft("Can I hire a zeppelin?", draft=draft, replacing=None)
    assert tried.passages[0].similarity is None and tried.degraded


def test_a_search_with_a_draft_says_when_it_cannot(shop, monkeypatch):
    draft = [DraftPassage(text="A zeppelin can be hired for a weekend.", title="Zeppelins")]
    monkeypatch.setattr("knowledge.drafts.WORDS", "SELECT nothing FROM nowhere WHERE {rank} > 0")
    with pytest.raises(RetrievalError, match="cannot be searched just now"):
        find_passages_with_draft("Can I hire a zeppelin?", draft=draft, replacing=None)


def test_ranked_passages_come_only_when_they_are_asked_for(shop):
    assert find_passages(QUESTION).ranked == []
    ranked = find_passages(QUESTION, ranked=2).ranked
    assert len(ranked) == 2 and ranked[0].score >= ranked[1].score
