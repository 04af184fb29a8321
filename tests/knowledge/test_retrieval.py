"""A question finds passages: by meaning, by words, in its language; never one that this reader may not see."""

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils.text import slugify

from knowledge import indexing, publishing
from knowledge.followups import kind_of
from knowledge.lexemes import find_terms
from knowledge.models import Article, Audience, Category
from knowledge.retrieval import afind_passages, find_passages
from knowledge.scope import Scope, survey

pytestmark = pytest.mark.django_db(transaction=True)

DEAD = "unix:/nowhere/model.sock"
REFUNDS = "We pay the money back to the card that you paid with. It takes five working days."
PARCELS = "Every parcel has a tracking number. The courier scans it in the evening."


def write(title: str, body: str, *, slug: str = "", audience: str = Audience.PUBLIC, language: str = "en") -> Article:
    category, _ = Category.objects.get_or_create(name="Help", slug="help")
    article = Article(
        slug=slug or slugify(title),
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
    assert set(found.ms) == {"embed", "survey", "terms", "search", "read", "total"}


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


def test_a_passage_without_a_vector_yet_is_found_by_its_words(shop, settings):
    new = write("Zeppelin hire", "A zeppelin can be hired for a weekend.")
    found = find_passages("Can I hire a zeppelin for the weekend?")
    assert found.passages[0].article_id == new.pk
    assert found.passages[0].similarity is None


def test_at_most_two_passages_of_an_article_come_back(fake_model):
    sections = "\n\n".join(
        f"## Refund {n}\n\nThe refund of kind {n} takes {n} days. {'More. ' * 60}" for n in range(1, 6)
    )
    long, short = write("Refunds at length", sections), write("Refund in short", "A refund takes days.")
    indexing.embed_stale()
    found = find_passages("How many days does a refund take?", limit=5)
    of = [passage.article_id for passage in found.passages]
    assert of.count(long.pk) == 2 and of.count(short.pk) == 1
    assert found.passages[0].score == max(passage.score for passage in found.passages)


def test_an_article_in_the_asked_language_is_preferred_and_the_others_stay(fake_model):
    english = write("Wifi", "Wifi Router Reset", language="en")
    german = write("Wifi", "Wifi Router Reset", slug="wlan", language="de")
    indexing.embed_stale()
    for language, first in (("de", german), ("en", english)):
        found = find_passages("Wifi Router Reset", language=language)
        assert found.ranked_article_ids[0] == first.pk
        assert set(found.ranked_article_ids) == {english.pk, german.pk}


def test_a_german_question_is_stemmed_as_german(fake_model, settings):
    settings.EMBEDDING_URL = DEAD
    article = write("Rücksendung", "Rücksendungen sind für alle Kundinnen kostenlos.", language="de")
    found = find_passages("Ist eine Rücksendung für Kunden kostenlos?", language="de")
    assert found.ranked_article_ids == [article.pk]


def test_what_the_help_pages_hide_from_a_known_customer_is_named_without_a_link(fake_model):
    write("Trade prices", "Known customers pay ten per cent less.", audience=Audience.CUSTOMERS)
    indexing.embed_stale()
    found = find_passages("Do known customers pay less?", audiences=("public", "customers"))
    assert (found.passages[0].title, found.passages[0].url) == ("Trade prices", "")
    assert found.nearest == [("Trade prices", "")]


def test_a_heading_leads_to_its_anchor(fake_model):
    write("Opening hours", "## In winter\n\nWe open at ten.\n\n## In summer\n\nWe open at eight on the terrace.")
    indexing.embed_stale()
    best = find_passages("When do you open the terrace in summer?").passages[0]
    assert best.url == f"/help/opening-hours/#{best.anchor}"
    assert best.heading == "In summer" and best.anchor


def test_an_empty_knowledge_base_answers_nothing(fake_model):
    found = find_passages("Where is my parcel?")
    assert found.passages == [] and found.answerable == 0 and found.nearest == []


def test_what_was_said_before_tells_what_a_follow_up_is_about(fake_model):
    tents, boots = write("Tents", "Tents are delivered in 3 days."), write("Boots", "Boots are delivered in 5 days.")
    indexing.embed_stale()
    follow_up = "and in how many days is that delivered?"
    for subject, article in (("I want to buy boots", boots), ("I want to buy tents", tents)):
        assert find_passages(follow_up, context=subject).ranked_article_ids[0] == article.pk
    assert find_passages("When are tents delivered?", context="boots").ranked_article_ids[0] == tents.pk


def test_a_question_that_stands_alone_loses_nothing_by_what_was_said_and_may_gain(fake_model):
    write("Tents", "Tents are delivered in 3 days, and a deposit is asked for each.")
    write("Boots", "Boots are brown.")
    indexing.embed_stale()
    question = "How large would the usual deposit be?"
    alone, on, off = (
        find_passages(question, context=said) for said in ("", "Tents are delivered when?", "Boots brown?")
    )
    assert kind_of(question) == "alone"
    assert "lean" in on.ms and "lean" not in alone.ms
    assert on.answerable > off.answerable
    assert "lean" not in find_passages("How large is it?", context="Tents?").ms  # it leans on them in any case


def test_a_language_that_is_demanded_leaves_the_others_out(fake_model):
    english = write("Wifi", "Wifi Router Reset", language="en")
    german = write("Wifi", "Wifi Router Reset", slug="wlan", language="de")
    indexing.embed_stale()
    for language, only in (("de", german), ("en", english)):
        found = find_passages("Wifi Router Reset", language=language, only_language=True)
        assert found.ranked_article_ids == [only.pk]
    assert find_passages("Wifi Router Reset", language="fr", only_language=True).passages == []
    assert find_passages("Wifi Router Reset", language="xx'; --", only_language=True).passages == []


async def test_a_language_is_demanded_from_the_loop_too(fake_model):
    german = await sync_to_async(write)("Wifi", "Wifi Router Reset", slug="wlan", language="de")
    await sync_to_async(write)("Wifi", "Wifi Router Reset")
    found = await afind_passages("Wifi Router Reset", language="de", only_language=True)
    assert found.ranked_article_ids == [german.pk]


def test_an_article_in_another_language_takes_no_word_from_a_question(fake_model, settings):
    """ "Door" says nothing in Dutch, "will" and "am" nothing in German."""
    settings.EMBEDDING_URL = DEAD
    lock = write("Door lock", "If the door does not open, the lock is broken.")
    write("Levering", "Wij leveren binnen drie dagen.", language="nl")
    write("Testament", "Wir liefern am Montag.", language="de")
    for language in (None, "en"):
        assert find_passages("door", language=language).ranked_article_ids == [lock.pk]
        assert find_passages("door lock broken", language=language).ranked_article_ids[0] == lock.pk


def test_the_stop_words_of_the_question_s_own_language_are_left_out(fake_model, settings):
    settings.EMBEDDING_URL = DEAD
    english = write("Will", "The will of a customer is kept.")
    german = write("Lieferung", "Die Lieferung kommt durch die Post.", language="de")
    assert find_passages("die", language="de").ranked_article_ids == []
    assert find_passages("Wann kommt die Lieferung?").ranked_article_ids[0] == german.pk
    assert find_passages("will", language="de").ranked_article_ids == []
    assert find_passages("customer will", language="en").ranked_article_ids == [english.pk]


def test_retired_passages_make_no_word_common(shop):
    """However often an article was published, and whatever ANALYZE has seen of it."""
    for number in range(30):
        shop["parcels"].body = f"{PARCELS} This is text {number}."
        publishing.publish(article=shop["parcels"], by=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE knowledge_chunk")
    scope = Scope.of(["public"], None)
    assert scope is not None
    (term,) = find_terms("courier", languages=["en"], scope=scope, total=survey(scope).passages)
    assert term.passages == 1 and term.weight > 0.5
