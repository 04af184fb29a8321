"""`manage.py bench search`: how long a search takes in a large knowledge base, and what it misses, by filter.

Each real question is asked under every filter in turn, so that whatever else the machine does falls on all of them
alike. What is nearest is known from reading every vector, by a plan that uses no index.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from knowledge import indexing
from knowledge.bench import machine
from knowledge.bench.corpus import make, read_asked
from knowledge.bench.filling import Encoded, encode, fill
from knowledge.candidates import find_candidates, search_statement
from knowledge.embedding import Recipe, embed_question
from knowledge.evaluation import Progress, cache_path
from knowledge.lexemes import find_terms
from knowledge.models import EmbeddingSpace
from knowledge.retrieval import clean, find_passages
from knowledge.scope import Scope, Survey, survey
from knowledge.vector_cache import VectorCache
from knowledge.vector_index import build_index

NEAREST = 10
EVERYBODY = ("public", "customers", "internal")
STEPS = ("dense", "lexical", "exact", "embed", "survey", "terms", "search", "hybrid", "question", "read")
COSTED = ("dense", "lexical", "hybrid")
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Filter:
    """Who asks, and the language that is demanded."""

    audiences: tuple[str, ...] = EVERYBODY
    language: str = ""

    @property
    def name(self) -> str:
        who = "everybody" if self.audiences == EVERYBODY else "+".join(self.audiences)
        return f"{who}, {self.language or 'any'}"


# Shares of about 100, 30, 10, 3, 1, 0.3 and 0.1 %. By language alone they lie scattered among the others; with an
# audience they are of other subjects than the rest.
FILTERS = [
    Filter(),
    Filter(("public", "customers")),
    Filter(("public",)),
    *(Filter(language=language) for language in ("de", "fr", "es", "it", "nl", "pt")),
    Filter(("customers",)),
    Filter(("internal",)),
    Filter(("customers",), "fr"),
    Filter(("customers",), "es"),
    Filter(("internal",), "es"),
    Filter(("customers",), "nl"),
]


@dataclass(slots=True)
class Taken:
    """What was measured under one filter: milliseconds of each step, and the recall of each question."""

    scope: Scope
    known: Survey
    plan: str = ""
    ms: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    core_ms: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in COSTED})
    recall: list[float] = field(default_factory=list)


def run(passages: int, questions: int, say: Say) -> dict[str, Any]:
    """Rows by filter and a summary. To be called on the ground of `scratch`."""
    began = machine.load()
    corpus = make(passages)
    say(f"{len(corpus.texts):,} passages of {corpus.source}, {corpus.real:,} of them as they stand there")
    space = indexing.active_space()
    with VectorCache(cache_path(settings.DATA_DIR)) as cache:
        encoded = encode(Recipe(**space.recipe), corpus.texts, cache, say)
        fill(corpus, space, cache, say)
    build_seconds = _build(space, say)
    asked = [clean(question.question) for question in read_asked(questions)]
    taken = measure(space, asked, say)
    return {
        "rows": [_row(one, found, passages) for one, found in taken.items()],
        "summary": {
            "passages": passages,
            "real_passages": corpus.real,
            "articles": len(corpus.articles),
            "texts": corpus.source,
            "questions": len(asked),
            "encoding": _encoding(encoded),
            "index": {"seconds": round(build_seconds, 1)},
            "sizes": machine.sizes(space),
            "machine": machine.facts() | {"load_before": began, "load_after": machine.load()},
        },
    }


def _build(space: EmbeddingSpace, say: Say) -> float:
    say("building the index")
    start = time.monotonic()
    build_index(space)
    seconds = time.monotonic() - start
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return seconds


def measure(space: EmbeddingSpace, asked: Sequence[str], say: Say) -> dict[Filter, Taken]:
    """Each question under each filter; once before for warmth, without being counted."""
    vectors = [embed_question(Recipe(**space.recipe), question) for question in asked]
    taken = {}
    for one in FILTERS:
        scope = Scope.of(one.audiences, space, language=one.language)
        assert scope is not None
        taken[one] = Taken(scope, survey(scope))
        taken[one].plan = plan(taken[one], space, vectors[0])
    for question, vector in zip(asked[:10], vectors, strict=False):
        for one in FILTERS:
            _ask(Taken(taken[one].scope, taken[one].known), one, space, question, vector)
    progress = Progress(say, "asked", len(asked))
    for number, (question, vector) in enumerate(zip(asked, vectors, strict=True), 1):
        for one in FILTERS[number % len(FILTERS) :] + FILTERS[: number % len(FILTERS)]:
            _ask(taken[one], one, space, question, vector)
        progress.at(number)
    return taken


def _ask(taken: Taken, one: Filter, space: EmbeddingSpace, question: str, vector: Sequence[float]) -> None:
    known, scope, ms = survey(taken.scope), taken.scope, taken.ms
    processor = machine.Processor(machine.server_process())
    with _timed(taken, "dense", processor):
        near = find_candidates(terms=[], scope=scope, known=known, space=space, vector=vector)
    terms = find_terms(question, languages=known.languages, scope=scope, total=known.passages, live=known.live)
    with _timed(taken, "lexical", processor):
        find_candidates(terms=terms, scope=scope, known=known, space=None, vector=None)
    with _timed(taken, "hybrid", processor):
        found = find_passages(
            question, audiences=one.audiences, language=one.language or None, only_language=bool(one.language)
        )
    ms["question"].append(ms["hybrid"][-1] - found.ms["read"])
    ms["hybrid"][-1] -= found.ms["embed"] + found.ms["read"]
    for step in ("embed", "survey", "terms", "search", "read"):
        ms[step].append(found.ms[step])
    with _timed(taken, "exact", processor):
        exact = nearest(scope, space, vector)
    if exact:
        best = sorted(near, key=lambda candidate: -(candidate.similarity or 0.0))[:NEAREST]
        taken.recall.append(len({candidate.chunk_id for candidate in best} & set(exact)) / len(exact))


def nearest(scope: Scope, space: EmbeddingSpace, vector: Sequence[float]) -> list[int]:
    """The ids of the nearest passages in truth: every row is read."""
    dimensions = int(space.dimensions)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            f"""SELECT embedding.chunk_id FROM knowledge_embedding AS embedding
                WHERE embedding.space_id = {int(space.pk)} AND {scope.faces("embedding")}
                ORDER BY (embedding.vector::halfvec({dimensions})) <=> %s::halfvec({dimensions}) LIMIT {NEAREST}""",
            ["[" + ",".join(map(repr, vector)) + "]"],
        )
        return [chunk for (chunk,) in cursor.fetchall()]


def plan(taken: Taken, space: EmbeddingSpace, vector: Sequence[float]) -> str:
    """How the dense arm goes about it: by the graph, by reading what the btree names, or by reading everything."""
    statement, values = search_statement(terms=[], scope=taken.scope, known=taken.known, space=space, vector=vector)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + statement, values)
        lines = "\n".join(line for (line,) in cursor.fetchall())
    for word, name in (("embedding_hnsw", "graph"), ("embedding_faces", "read by btree")):
        if word in lines:
            return name
    return "read everything"


@contextmanager
def _timed(taken: Taken, step: str, processor: machine.Processor) -> Iterator[None]:
    start, spent = time.perf_counter(), processor.spent()
    yield
    taken.ms[step].append(1000 * (time.perf_counter() - start))
    if step in taken.core_ms and spent is not None and (now := processor.spent()) is not None:
        taken.core_ms[step].append(now - spent)


def _row(one: Filter, taken: Taken, passages: int) -> dict[str, Any]:
    def told(steps: dict[str, list[float]]) -> dict[str, dict[str, float | None]]:
        return {step: {"p50": quantile(ms, 0.5), "p95": quantile(ms, 0.95)} for step, ms in steps.items()}

    return {
        "filter": one.name,
        "share": round(_count(taken.scope) / passages, 5),
        "plan": taken.plan,
        "n": len(taken.ms["hybrid"]),
        "recall@10": round(mean(taken.recall), 4) if taken.recall else None,
        "ms": told(taken.ms),
        "core_ms": told(taken.core_ms),
    }


def _count(scope: Scope) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM knowledge_chunk AS chunk WHERE {scope.passages('chunk')}")
        return int(cursor.fetchone()[0])


def _encoding(encoded: Encoded) -> dict[str, Any]:
    rate = encoded.rate
    return {
        "passages": encoded.made,
        "seconds": round(encoded.seconds, 1),
        "passages_a_second": round(rate, 1) if rate else None,
    }


def quantile(values: Sequence[float], share: float) -> float | None:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else None


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The rows for people."""
    lines = [f"{'filter':20}{'share %':>8}  {'plan':14}{'recall@10':>9}" + "".join(f"{step:>26}" for step in COSTED)]
    for row in rows:
        told = f"{row['filter']:20}{100 * row['share']:>8.2f}  {row['plan']:14}{row['recall@10'] or 0:>9.3f}"
        lines.append(told + "".join(f"{_times(row, step):>26}" for step in COSTED))
    told = "milliseconds p50 and p95 by the clock, and of one core in brackets"
    without = "hybrid is without encoding and reranking, question without reranking"
    return [*lines, f"({told}; {without}; n={rows[0]['n']})"]


def _times(row: dict[str, Any], step: str) -> str:
    clock, core = row["ms"][step], row["core_ms"][step]
    spent = f" ({core['p50']:.1f} {core['p95']:.1f})" if core["p50"] is not None else ""
    return f"{clock['p50']:.1f} {clock['p95']:.1f}{spent}"
