"""Other ways of searching, set beside ours on the same files: BM25, an encoder alone, and the ranks of the two fused.

They rank whole articles. A conversation is asked in three ways, since they know nothing of history: the last message
alone, with the two questions of the customer before it, and with the three turns of either side before it.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec

import numpy as np
from django.conf import settings

from knowledge.embedding import default_recipe, embed_passages, embed_questions
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.vector_cache import VectorCache

NAMES = ("bm25", "minilm", "rrf")
K1, B = 1.5, 0.75
PASSAGE_WORDS = 180
RRF_K = 60
FUSED_DEPTH = 100  # articles of each list that are fused
BATCH = 64
PARAGRAPHS = re.compile(r"\n\s*\n")
Rankings = list[list[str]]  # article ids best first, for each question
Embed = Callable[[Sequence[str]], list[list[float]]]


class PeersMissing(RuntimeError):
    """A peer cannot be built here; the text says what to install."""


def check(names: Sequence[str]) -> None:
    """Before hours of work, not after them. Raises PeersMissing."""
    for package in ("bm25s", "Stemmer") if {"bm25", "rrf"} & set(names) else ():
        if find_spec(package) is None:
            raise PeersMissing(f"The peer BM25 needs {package}, which is not here: pip install bm25s PyStemmer")


def queries(question: GivenQuestion) -> dict[str, str]:
    """What the peers are given, by name: `last`, and for a follow-up `hist` and `hist_all`."""
    said = [turn["text"] for turn in question.history if turn["role"] == "user"]
    turns = [turn["text"] for turn in question.history]
    return {
        "last": question.question,
        "hist": " ".join([*said[-2:], question.question]),
        "hist_all": " ".join([*turns[-3:], question.question]),
    }


def rank_all(
    names: Sequence[str], articles: Sequence[GivenArticle], questions: Sequence[GivenQuestion], cache: VectorCache
) -> dict[str, Rankings]:
    """Rankings of each peer and way of asking, as `bm25 last`. Raises EmbeddingFailed."""
    ways = ("last", "hist", "hist_all") if any(question.history for question in questions) else ("last",)
    asked = {way: [queries(question)[way] for question in questions] for way in ways}
    ids = [article.id for article in articles]
    scores: dict[str, dict[str, np.ndarray]] = {}
    if "bm25" in names or "rrf" in names:
        scores["bm25"] = bm25_scores(articles, asked)
    if "minilm" in names or "rrf" in names:
        scores["minilm"] = encoder_scores(articles, asked, cache)
    ranked = {}
    for name in names:
        for way in ways:
            if name == "rrf":
                words, meaning = reciprocal_ranks(scores["bm25"][way]), reciprocal_ranks(scores["minilm"][way])
                ranked[f"rrf {way}"] = best_first(words + meaning, ids)
            else:
                ranked[f"{name} {way}"] = best_first(scores[name][way], ids)
    return ranked


def bm25_scores(articles: Sequence[GivenArticle], asked: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Of title and body, with English stop words and stemmer; an array of questions x articles for each way."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")

    def words(texts: list[str]) -> list[list[str]]:
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False)

    index = bm25s.BM25(method="lucene", k1=K1, b=B)
    index.index(words([f"{title_of(article)}\n{article.body}" for article in articles]), show_progress=False)
    nothing = np.zeros(len(articles), np.float32)
    return {
        way: np.stack([index.get_scores(said) if said else nothing for said in words(texts)])
        for way, texts in asked.items()
    }


def encoder_scores(
    articles: Sequence[GivenArticle], asked: dict[str, list[str]], cache: VectorCache
) -> dict[str, np.ndarray]:
    """An article's nearest passage, by cosine; passages are of 180 words, under the article's title."""
    recipe = default_recipe()
    owners, texts = [], []
    for number, article in enumerate(articles):
        for passage in word_passages(article):
            owners.append(number)
            texts.append(passage)
    passages = vectors(
        f"peer passages {settings.EMBEDDING_MODEL}", texts, cache, lambda new: embed_passages(recipe, new)
    )
    scores = {}
    for way, said in asked.items():
        questions = vectors(
            f"peer questions {settings.EMBEDDING_MODEL}", said, cache, lambda new: embed_questions(recipe, new)
        )
        nearest = np.full((len(said), len(articles)), -1.0, np.float32)
        similar = questions @ passages.T
        for column, owner in enumerate(owners):
            np.maximum(nearest[:, owner], similar[:, column], out=nearest[:, owner])
        scores[way] = nearest
    return scores


def word_passages(article: GivenArticle) -> Iterable[str]:
    """Paragraphs gathered to at most PASSAGE_WORDS, under the title; a longer paragraph is cut by counting words."""
    gathered: list[str] = []
    for paragraph in PARAGRAPHS.split(article.body):
        words = paragraph.split()
        while words:
            room = PASSAGE_WORDS - len(gathered)
            if gathered and len(words) > room:
                yield f"{title_of(article)}\n{' '.join(gathered)}"
                gathered = []
                continue
            gathered += words[:room]
            words = words[room:]
    yield f"{title_of(article)}\n{' '.join(gathered)}"


def title_of(article: GivenArticle) -> str:
    """Without the id that stands in for the title of an article that has none."""
    return "" if article.title == article.id else article.title


def vectors(kind: str, texts: Sequence[str], cache: VectorCache, embed: Embed) -> np.ndarray:
    """A row for each text; what the cache does not hold is made and put there."""
    hashes = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
    known = cache.get(kind, set(hashes))
    missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
    keys = sorted(missing, key=lambda key: len(missing[key]))  # texts of one length pad each other least
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        made = dict(zip(batch, embed([missing[key].strip() or "?" for key in batch]), strict=True))
        cache.put(kind, made)
        known |= made
    return np.array([known[key] for key in hashes], np.float32)


def reciprocal_ranks(scores: np.ndarray) -> np.ndarray:
    """1 / (60 + rank) of the best articles of each question, 0 behind them and without a score."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :FUSED_DEPTH]
    fused = np.zeros_like(scores)
    places = np.broadcast_to(1 / (RRF_K + 1 + np.arange(order.shape[1])), order.shape)
    np.put_along_axis(fused, order, places.astype(scores.dtype), axis=1)
    return np.where(scores > 0, fused, 0)


def best_first(scores: np.ndarray, ids: Sequence[str]) -> Rankings:
    """At most ten articles of each question; one without any score is not found."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return [[ids[place] for place in row if scores[number, place] > 0] for number, row in enumerate(order)]
