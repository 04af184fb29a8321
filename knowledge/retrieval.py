"""A question -> the passages that may answer it, for this reader, now.

Who may read what, and what is withdrawn, is decided inside the one SQL statement of `candidates`; nothing afterwards
adds a passage. Without the embedding server the words alone answer, and the result says so.
"""

import asyncio
import time
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection

from knowledge.answerability import READ_PASSAGES, Evidence, answerable, evidence_of
from knowledge.blending import blend_terms, blend_vectors
from knowledge.candidates import Candidate, find_candidates
from knowledge.drafts import DraftPassage, draft_candidates
from knowledge.embedding import EmbeddingFailed, Recipe, embed_questions, passage_text
from knowledge.followups import LEANING, context_share
from knowledge.fusion import Ranking, choose, rank
from knowledge.lexemes import Term, find_terms
from knowledge.models import Audience, Chunk, EmbeddingSpace
from knowledge.reading import Reading, gains_of, is_readable, read, reorder
from knowledge.scope import Scope, Survey, survey
from supportbot.log import get_logger

logger = get_logger(__name__)

MAX_QUESTION_CHARS = 4_000  # a follow-up with what was said before is longer than what a customer may type
MAX_CONTEXT_CHARS = 1_500
RANKED_ARTICLES = 10
NEAREST = 3
SEARCHERS = 4  # threads of the web process; each holds a database connection while it searches

_searchers = ThreadPoolExecutor(SEARCHERS, thread_name_prefix="search")


class RetrievalError(Exception):
    """The knowledge base cannot be searched at all. The text is a sentence for people, without the question."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What may be quoted to this reader. `similarity` is None without a vector, `lexical` None without the words.

    `url` is empty for what customers meet in the chat alone: the help pages do not know who they are.
    """

    chunk_id: int
    revision_id: UUID
    article_id: UUID
    slug: str
    title: str
    heading: str
    anchor: str
    url: str
    text: str
    language: str
    score: float
    similarity: float | None
    lexical: float | None
    gain: float = 0.0  # what reading it word by word added to the score, for its place
    # Where each sentence begins that was read, and how near it is to the question, alone and below its headings.
    read: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages best first, at most two of an article; `answerable` is the chance that they hold the answer.

    `degraded` says in a word what was missing ("" when nothing was); `ms` is the time of each step.
    """

    passages: list[Passage] = field(default_factory=list)
    ranked_article_ids: list[UUID] = field(default_factory=list)
    nearest: list[tuple[str, str]] = field(default_factory=list)  # (title, url or "") of the best articles
    answerable: float = 0.0
    ms: dict[str, float] = field(default_factory=dict)
    degraded: str = ""
    evidence: Evidence | None = None  # what `answerable` was judged by; None when nothing was found
    ranked: list[Passage] = field(default_factory=list)  # best first, however many of an article; only if asked for
    unread: bool = False  # the server that reads did not answer in time: the order is that of the search alone


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who asks, and what they want to have. `ranked`: how many passages to rank for somebody who looks on."""

    audiences: Collection[str]
    language: str | None
    only_language: bool
    limit: int
    context: str
    ranked: int
    reading_seconds: float | None = None


def find_passages(
    question: str,
    *,
    audiences: Collection[str] = ("public",),
    language: str | None = None,
    only_language: bool = False,
    limit: int = 3,
    context: str = "",
    ranked: int = 0,
    space: EmbeddingSpace | None = None,
    reading_seconds: float | None = None,
) -> Retrieval:
    """Search by meaning and by words. RetrievalError without a database.

    `language` is preferred, or demanded with `only_language`. `context` is what was said just before, if the question
    follows something: it counts, but less than the question. `space` is searched in place of the active one.
    `reading_seconds`: how long a measurement waits for the server that reads (0: it is not asked).
    An empty question finds nothing; one longer than MAX_QUESTION_CHARS is cut.
    """
    wanted = Wanted(audiences, language, only_language, limit, context, ranked, reading_seconds)
    return _find(question, wanted, space=space)


def find_passages_with_draft(
    question: str,
    *,
    draft: Sequence[DraftPassage],
    replacing: UUID | None,
    audiences: Collection[str] = ("public",),
    language: str | None = None,
    only_language: bool = False,
    limit: int = 3,
    context: str = "",
    ranked: int = 0,
) -> Retrieval:
    """`find_passages` as it would be if the draft were published in place of the article `replacing`.

    Its passages have ids below zero, and no address. Nothing is written.
    """
    wanted = Wanted(audiences, language, only_language, limit, context, ranked)
    return _find(question, wanted, draft=draft, replacing=replacing)


async def afind_passages(
    question: str,
    *,
    audiences: Collection[str] = ("public",),
    language: str | None = None,
    only_language: bool = False,
    limit: int = 3,
    context: str = "",
    reading_seconds: float | None = None,
) -> Retrieval:
    """`find_passages` in a thread of its own few, so that many questions wait for a search and not for each other."""
    wanted = Wanted(audiences, language, only_language, limit, context, 0, reading_seconds)
    search = partial(_find, question, wanted)
    return await asyncio.get_running_loop().run_in_executor(_searchers, _give_connection_back_after, search)


def _find(
    question: str,
    wanted: Wanted,
    *,
    space: EmbeddingSpace | None = None,
    draft: Sequence[DraftPassage] = (),
    replacing: UUID | None = None,
) -> Retrieval:
    asked = clean(question)
    clock = Clock()
    try:
        space = space or EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
        scope = Scope.of(wanted.audiences, space, language=wanted.language if wanted.only_language else None)
        if scope is None or not asked:
            return Retrieval()
        texts = [asked]
        if wanted.context.strip():
            texts.append(clean(f"{wanted.context[-MAX_CONTEXT_CHARS:]} {asked}"))
        share = context_share(asked)
        vectors, degraded = _embed(space, texts)
        clock.lap("embed")
        known = survey(scope)
        clock.lap("survey")
        spoken = _terms(texts, scope, known, wanted.language, {one.language for one in draft})
        vector, terms = _blend(vectors, spoken, share)
        clock.lap("terms")
        replaced = Chunk.objects.filter(article=replacing, live=True) if replacing else Chunk.objects.none()
        without = list(replaced.values_list("pk", flat=True))
        candidates = find_candidates(terms=terms, scope=scope, known=known, space=space, vector=vector, without=without)
        clock.lap("search")
        if draft:
            candidates += draft_candidates(
                draft, replacing=replacing, terms=terms, scope=scope, space=space, vector=vector
            )
            clock.lap("draft")
        leaning: list[float] = []
        if len(texts) > 1 and share < LEANING:
            vector, terms = _blend(vectors, spoken, LEANING)
            near = find_candidates(terms=terms, scope=scope, known=known, space=space, vector=vector, without=without)
            leaning = rank(near, wanted.language).article_scores
            clock.lap("lean")
    except DatabaseError as error:
        logger.warning("retrieval_failed", error=type(error).__name__)
        raise RetrievalError("The articles cannot be searched just now: the database does not answer.") from error
    except EmbeddingFailed as error:
        logger.warning("draft_not_embedded", reason=error.text)
        raise RetrievalError(f"The draft cannot be searched just now. {error.text}") from error
    searched = rank(candidates, wanted.language)
    readings = {} if degraded else _read(texts, share, candidates, searched, wanted.reading_seconds)
    clock.lap("read")
    found = arrange(
        asked, candidates, searched, readings or {}, leaning=leaning, limit=wanted.limit, ranked=wanted.ranked
    )
    return replace(found, degraded=degraded, unread=readings is None, ms=clock.done())


def _read(
    texts: list[str], share: float, candidates: list[Candidate], searched: Ranking, seconds: float | None
) -> dict[UUID, Reading] | None:
    """A reading of the best passage of each of the first articles; None where the server that reads does not answer.

    An article that the reader does not know the language of is not overtaken by what stands behind it.
    """
    by_chunk = {candidate.chunk_id: candidate for candidate in candidates}
    best = {by_chunk[chunk].article_id: by_chunk[chunk] for chunk in reversed(searched.chunk_ids)}
    leading = [best[article] for article in searched.article_ids[: settings.RERANK_PASSAGES]]
    first = list(takewhile(lambda one: is_readable(one.language), leading))
    passages = {one.article_id: passage_text(one.title, one.heading, one.text) for one in first}
    return read(texts[0], texts[1] if len(texts) > 1 else "", share, passages, seconds=seconds)


def arrange(
    question: str,
    candidates: list[Candidate],
    searched: Ranking,
    readings: Mapping[UUID, Reading],
    *,
    leaning: Sequence[float] = (),
    limit: int,
    ranked: int = 0,
) -> Retrieval:
    """Candidates -> what is shown and quoted. Pure."""
    if not candidates:
        return Retrieval()
    by_words_alone = all(candidate.similarity is None for candidate in candidates)
    ranking = reorder(searched, readings, {candidate.chunk_id: candidate.article_id for candidate in candidates})
    gains = gains_of(readings)
    by_chunk = {candidate.chunk_id: candidate for candidate in candidates}
    best = {by_chunk[chunk].article_id: chunk for chunk in reversed(searched.chunk_ids)}
    read_there = {best[article]: reading for article, reading in readings.items()}
    ordered = [by_chunk[chunk] for chunk in ranking.chunk_ids]
    first = {candidate.article_id: candidate for candidate in reversed(ordered)}
    articles = [first[article] for article in ranking.article_ids]
    chosen = choose(ordered, limit)
    texts = [
        passage_text(candidate.title, candidate.heading, candidate.text) for candidate in choose(ordered, READ_PASSAGES)
    ]
    reading = readings.get(ranking.article_ids[0])
    evidence = evidence_of(question, searched.article_scores, texts, reading, leaning=leaning)
    return Retrieval(
        passages=[_passage(candidate, ranking, gains, read_there) for candidate in chosen],
        ranked_article_ids=[candidate.article_id for candidate in articles[:RANKED_ARTICLES]],
        ranked=[_passage(candidate, ranking, gains, read_there) for candidate in ordered[:ranked]],
        nearest=[(candidate.title, open_address(candidate)) for candidate in articles[:NEAREST]],
        answerable=answerable(evidence, by_words_alone=by_words_alone),
        evidence=evidence,
    )


def clean(question: str) -> str:
    """Without NUL, lone surrogates and other characters that PostgreSQL or JSON refuse; bounded."""
    kept = question[:MAX_QUESTION_CHARS].encode("utf-8", "ignore").decode()
    return "".join(" " if unicodedata.category(character) == "Cc" else character for character in kept).strip()


class Clock:
    """Milliseconds of each step and in all."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.ms: dict[str, float] = {}

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.ms[step] = round(1000 * (now - self.last), 2)
        self.last = now

    def done(self) -> dict[str, float]:
        return self.ms | {"total": round(1000 * (time.perf_counter() - self.start), 2)}


def _embed(space: EmbeddingSpace | None, texts: list[str]) -> tuple[list[list[float]], str]:
    """A vector of each text in the active space, and what is wrong if there are none."""
    if space is None:
        return [], "no active embedding space"
    try:
        return embed_questions(Recipe(**space.recipe), texts), ""
    except EmbeddingFailed as error:
        logger.warning("question_not_embedded", space=space.pk, reason=error.text)
        return [], "no vector of the question"


def _terms(
    texts: list[str], scope: Scope, known: Survey, language: str | None, drafted: Collection[str]
) -> list[list[Term]]:
    """The words of each text. `language` is the one preferred, `drafted` are those of a draft."""
    languages = known.languages
    if not scope.language:
        languages = languages | {*drafted, language or ""} - {""}
    return [
        find_terms(text, languages=languages, scope=scope, total=known.passages, live=known.live, language=language)
        for text in texts
    ]


def _blend(
    vectors: Sequence[list[float]], spoken: Sequence[list[Term]], share: float
) -> tuple[list[float] | None, list[Term]]:
    """The question alone, or so much of it after what was said before."""
    if len(spoken) == 1:
        return (vectors[0] if vectors else None), spoken[0]
    vector = blend_vectors(vectors[0], vectors[1], share) if vectors else None
    return vector, blend_terms(spoken[0], spoken[1], share)


def address(slug: str, anchor: str = "") -> str:
    return f"/help/{slug}/" + (f"#{anchor}" if anchor else "")


def open_address(candidate: Candidate, anchor: str = "") -> str:
    """Where anybody may read it; "" if the help pages show it to staff alone, or it is a draft."""
    return address(candidate.slug, anchor) if candidate.audience == Audience.PUBLIC and candidate.slug else ""


def _passage(
    candidate: Candidate, ranking: Ranking, gains: Mapping[UUID, float], readings: Mapping[int, Reading]
) -> Passage:
    """`gains` are by article, `readings` by passage."""
    reading = readings.get(candidate.chunk_id)
    before = len(passage_text(candidate.title, candidate.heading, "x")) - 1  # the lines above the text
    return Passage(
        chunk_id=candidate.chunk_id,
        revision_id=candidate.revision_id,
        article_id=candidate.article_id,
        slug=candidate.slug,
        title=candidate.title,
        heading=candidate.heading,
        anchor=candidate.anchor,
        url=open_address(candidate, candidate.anchor),
        text=candidate.text,
        language=candidate.language,
        score=round(ranking.scores[candidate.chunk_id], 4),
        similarity=candidate.similarity,
        lexical=candidate.lexical or None,
        gain=round(gains.get(candidate.article_id, 0.0), 4),
        read=tuple(
            (start - before, alone, headed)
            for start, alone, headed in (reading.sentences if reading else ())
            if start >= before
        ),
    )


def _give_connection_back_after(search: "partial[Retrieval]") -> Retrieval:
    """A thread of a pool outlives the question; its connection goes back to the database pool with each answer."""
    try:
        return search()
    finally:
        connection.close()
