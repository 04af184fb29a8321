"""The peers rank as their papers say, on texts whose order is known."""

import numpy as np
import pytest

from knowledge import peers
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.vector_cache import VectorCache

HISTORY = [
    {"role": "user", "text": "A tent?"},
    {"role": "assistant", "text": "We have three."},
    {"role": "user", "text": "The red one?"},
    {"role": "assistant", "text": "It sleeps two."},
    {"role": "user", "text": "Good."},
    {"role": "assistant", "text": "Anything else?"},
]


def article(name: str, body: str, title: str = "") -> GivenArticle:
    return GivenArticle(name, title or name, body, "public", "en")


SHELF = [
    article("a", "Refunds reach the card within five days.", "Refunds"),
    article("b", "The courier scans every parcel.", "Parcels"),
    article("c", "Stoves burn gas. Refunds are not given for gas."),
]


def question(text: str, history: list[dict[str, str]] | None = None) -> GivenQuestion:
    return GivenQuestion("q", text, history or [], ("a",), True)


@pytest.fixture
def cache(tmp_path):
    with VectorCache(tmp_path / "vectors.sqlite3") as cache:
        yield cache


def test_a_follow_up_is_asked_in_three_ways():
    assert peers.queries(question("Waterproof?", HISTORY)) == {
        "last": "Waterproof?",
        "hist": "The red one? Good. Waterproof?",
        "hist_all": "It sleeps two. Good. Anything else? Waterproof?",
    }


def test_bm25_knows_stems_titles_and_stop_words(cache):
    ranked = peers.rank_all(
        ["bm25"], SHELF, [question("a refund"), question("the scanned parcels"), question("the")], cache
    )
    assert ranked == {"bm25 last": [["a", "c"], ["b"], []]}


def test_minilm_takes_the_nearest_passage_of_an_article(cache, fake_model):
    long = article("d", "gravel " * 200 + "\n\n" + "hammock rope knot")
    ranked = peers.rank_all(["minilm"], [*SHELF, long], [question("hammock rope knot")], cache)
    assert ranked["minilm last"][0][0] == "d"
    assert [len(text.split()) for text in peers.word_passages(long)] == [180, 23]


def test_vectors_are_made_once(cache, fake_model, monkeypatch):
    asked = [question("hammock rope", HISTORY)]
    first = peers.rank_all(peers.NAMES, SHELF, asked, cache)
    monkeypatch.setattr(peers, "embed_passages", None)  # a call would fail
    monkeypatch.setattr(peers, "embed_questions", None)
    assert peers.rank_all(peers.NAMES, SHELF, asked, cache) == first
    assert set(first) == {f"{name} {way}" for name in peers.NAMES for way in ("last", "hist", "hist_all")}


def test_ranks_are_fused_and_scores_forgotten():
    words, meaning = np.array([[9.0, 8.0, 0.0]]), np.array([[0.1, 0.3, 0.2]])
    fused = peers.reciprocal_ranks(words) + peers.reciprocal_ranks(meaning)
    assert fused[0].tolist() == pytest.approx([1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 62])
    assert peers.best_first(fused, "abc") == [["b", "a", "c"]]


def test_a_missing_package_is_a_sentence(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    with pytest.raises(peers.PeersMissing, match="pip install bm25s PyStemmer"):
        peers.check(["rrf"])
    peers.check(["minilm"])
