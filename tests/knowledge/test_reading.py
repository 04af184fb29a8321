"""The first articles are read word by word and put in a better order; without a server that reads, nothing changes."""

import socket
import time
from uuid import UUID

import pytest

from knowledge import indexing, reading
from knowledge.comparison import compare_spaces
from knowledge.evaluation import EvaluationFailed, ask, reading_seconds
from knowledge.evaluation_files import GivenQuestion
from knowledge.fusion import Ranking
from knowledge.reading import read, reorder
from knowledge.retrieval import find_passages
from supportbot.inference.reranking import Reading

from .test_retrieval import write

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
ARTICLE_OF = {1: A, 2: B, 3: A, 4: C}
SEARCHED = Ranking(
    scores={1: 1.0, 2: 0.9, 3: 0.6, 4: 0.5},
    chunk_ids=[1, 2, 3, 4],
    article_ids=[A, B, C],
    article_scores=[1.0, 0.9, 0.5],
)
NORWAY = "We ship to Norway for 12 euros. It takes three days."
AUSTRIA = "We ship to Austria for 4 euros. It takes two days."


@pytest.fixture(autouse=True)
def ask_at_once(monkeypatch):
    monkeypatch.setattr(reading, "_not_before", {})


def test_the_more_relevant_article_comes_first_with_its_passages():
    ranking = reorder(SEARCHED, {A: Reading(0.3), B: Reading(0.6)}, ARTICLE_OF)
    assert ranking.article_ids == [B, A, C]
    assert ranking.chunk_ids == [2, 1, 3, 4]


def test_the_scores_stay_those_of_the_search():
    ranking = reorder(SEARCHED, {A: Reading(0.3), B: Reading(0.6)}, ARTICLE_OF)
    assert ranking.scores == SEARCHED.scores
    assert ranking.article_scores == [0.9, 1.0, 0.5]


def test_what_was_read_stays_before_what_was_not():
    ranking = reorder(SEARCHED, {A: Reading(0.6), B: Reading(-0.9)}, ARTICLE_OF)
    assert ranking.article_ids == [A, B, C]


@pytest.mark.parametrize("readings", [{}, {A: Reading(0.5)}, {A: Reading(0.5), B: Reading(0.5)}])
def test_nothing_to_choose_between_changes_nothing(readings):
    assert reorder(SEARCHED, readings, ARTICLE_OF) == SEARCHED


def test_a_server_that_reads_says_which_passage_and_which_word(model_server):
    found = read("What does shipping to Norway cost?", "", 0.0, {A: AUSTRIA, B: NORWAY})
    assert found[B].relevance > found[A].relevance
    assert found[B].least > found[A].least


def test_a_follow_up_is_read_with_what_it_follows_and_no_word_is_missed(model_server):
    question, context = "And to Norway?", "What does shipping cost? We ship to many countries. And to Norway?"
    found = read(question, context, 0.4, {A: AUSTRIA, B: NORWAY})
    assert found[B].relevance > found[A].relevance
    assert found[B].least is None


def test_the_sentences_of_a_passage_are_told_apart(model_server):
    found = read("How long does it take?", "", 0.0, {A: NORWAY})
    assert [NORWAY[start:][:8] for start, _, _ in found[A].sentences] == ["We ship ", "It takes"]
    first, second = found[A].sentences
    assert second[1] > first[1]
    followed = read("And how long?", "Shipping to Norway? And how long?", 0.4, {A: NORWAY})
    assert [start for start, _, _ in followed[A].sentences] == [start for start, _, _ in found[A].sentences]


def test_a_server_that_cannot_read_is_not_asked_again_for_a_while(fake_model, monkeypatch):
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}) is None
    monkeypatch.setattr(reading, "rerank", lambda *_args, **_others: pytest.fail("it was asked again"))
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}) is None


@pytest.fixture
def silent_server(settings):
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings.RERANK_URL = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        settings.RERANK_SECONDS = 0.2
        yield


def test_a_server_that_is_late_costs_one_question_the_wait_and_the_next_ones_nothing(silent_server, monkeypatch):
    start = time.monotonic()
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}) is None
    assert 0.2 <= time.monotonic() - start < 5
    monkeypatch.setattr(reading, "rerank", lambda *_args, **_others: pytest.fail("it was asked again"))
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}) is None


def test_a_measurement_asks_again_whatever_failed_before(model_server):
    reading._not_before[model_server] = time.monotonic() + 60
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}) is None
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}, seconds=60)
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}, seconds=0) == {}


def test_a_follow_up_is_read_twice_and_waits_once(monkeypatch, settings):
    limits = []

    def answer(_query: str, documents: list[str], *, timeout: float, **_others: str) -> list[Reading]:
        limits.append(timeout)
        return [Reading(0.5)] * len(documents)

    monkeypatch.setattr(reading, "rerank", answer)
    assert read("And to Norway?", "Shipping? And to Norway?", 0.4, {A: NORWAY})
    assert settings.RERANK_SECONDS >= limits[0] > limits[1] > 0


def test_a_measurement_says_that_no_server_reads(model_server, fake_model_url, settings):
    said: list[str] = []
    assert reading_seconds(said.append) == 60 and not said
    settings.RERANK_URL = fake_model_url
    assert reading_seconds(said.append) == 0 and "the search alone" in said[0]
    settings.RERANK_URL = "unix:/nowhere/model.sock"
    with pytest.raises(EvaluationFailed, match="does not answer"):
        reading_seconds(said.append)
    settings.RERANK_PASSAGES = 0
    assert reading_seconds(said.append) == 0 and "RERANK_PASSAGES is 0" in said[1]


def test_it_can_be_turned_off(model_server, settings):
    settings.RERANK_PASSAGES = 0
    assert read("What does shipping cost?", "", 0.0, {A: NORWAY}) == {}


@pytest.fixture
def countries(db, model_server):
    """Ada has written where parcels go, and the passages are embedded."""
    written = {name: write(f"Shipping to {name}", body) for name, body in (("Norway", NORWAY), ("Austria", AUSTRIA))}
    indexing.embed_stale()
    return written


@pytest.mark.django_db(transaction=True)
def test_retrieval_reads_what_it_found(countries):
    found = find_passages("How many euros is it to ship to Norway?")
    assert found.ranked_article_ids[0] == countries["Norway"].pk
    assert found.evidence is not None and found.evidence.relevance > 0.75 > found.evidence.least > 0.41
    assert found.ms["read"] > 0


@pytest.mark.django_db(transaction=True)
def test_passages_are_ordered_by_the_score_and_what_reading_added(countries):
    ranked = find_passages("How many euros is it to ship to Norway?", ranked=10).ranked
    placed = [passage.score + passage.gain for passage in ranked]
    assert placed == sorted(placed, reverse=True) and ranked[0].gain > 0


@pytest.mark.django_db(transaction=True)
def test_what_was_read_of_a_sentence_is_told_with_its_place_in_the_passage(countries):
    passage = find_passages("How many days is it to Norway?").passages[0]
    assert [passage.text[start:][:8] for start, _, _ in passage.read] == ["We ship ", "It takes"]
    assert all(headed >= alone for _, alone, headed in passage.read)


@pytest.mark.django_db(transaction=True)
def test_a_word_that_no_passage_speaks_of_makes_an_answer_less_likely(countries):
    there = find_passages("How many euros is it to ship to Norway?").answerable
    missing = find_passages("How many euros is it to insure a piano?").answerable
    assert missing < there


@pytest.mark.django_db(transaction=True)
def test_retrieval_goes_on_without_a_server_that_reads(countries, settings):
    settings.RERANK_URL = "unix:/nowhere/model.sock"
    found = find_passages("How many euros is it to ship to Norway?")
    assert found.ranked_article_ids[0] == countries["Norway"].pk
    assert found.degraded == "" and found.unread
    assert found.evidence is not None and not found.evidence.was_read


@pytest.mark.django_db(transaction=True)
def test_a_language_that_the_reader_does_not_know_is_not_read(countries, settings):
    write("Versand nach Norwegen", "Wir versenden für 12 Euro nach Norwegen.", language="de")
    indexing.embed_stale()
    german, english = "Was kostet der Versand nach Norwegen?", "How many euros is it to ship to Norway?"
    assert not find_passages(german).evidence.was_read
    assert find_passages(english).evidence.was_read
    settings.RERANK_LANGUAGES = ["all"]
    assert find_passages(german).evidence.was_read


@pytest.mark.django_db(transaction=True)
def test_no_measurement_mixes_questions_that_were_read_with_others(countries, settings):
    asked = GivenQuestion("q1", "How many euros is it to ship to Norway?", [], ("norway",), True)
    assert ask(asked, audience="public", seconds=60).evidence.was_read
    assert not ask(asked, audience="public", seconds=0).evidence.was_read
    space = indexing.active_space()
    names = {article.pk: name.lower() for name, article in countries.items()}
    assert compare_spaces(space, space, [asked], ids=names).as_json()["read"] is True
    settings.RERANK_URL = "unix:/nowhere/model.sock"
    with pytest.raises(EvaluationFailed, match="q1 was not read"):
        ask(asked, audience="public", seconds=60)
    with pytest.raises(EvaluationFailed, match="does not answer"):
        compare_spaces(space, space, [asked], ids=names)
