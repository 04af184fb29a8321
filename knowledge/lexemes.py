"""The words of a question as the full-text index knows them, and how much each one tells.

A common word tells little, a rare one much (inverse document frequency, as in BM25). PostgreSQL's own ranking does not
know how rare a word is, so the frequencies are counted here: bounded, and only over passages that this reader may see.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection

from knowledge.passages import search_config
from knowledge.scope import Scope

MAX_WORDS = 48  # different words counted; the longest of 238 real forum questions has about 150
MAX_TERMS = 32  # words searched: the ones that tell most. 32 ranks as well as all of them on the evaluation sets
COUNTED_PASSAGES = 20_000  # beyond it "all" and "how many hold the word" are only known to be large
COUNTED_MATCHES = 3_000
MATCHED_PASSAGES = 8_000  # matches that are ranked; the rarest words choose them when there are more

COUNT = """
WITH spoken AS (
    SELECT array_agg(DISTINCT lexeme ORDER BY lexeme) AS stems
    FROM unnest(%(configurations)s::regconfig[]) AS configuration,
        unnest(to_tsvector(configuration, %(question)s)) AS found (lexeme, positions, weights),
        unnest(positions) AS position
    GROUP BY position
    HAVING count(DISTINCT configuration) = cardinality(%(configurations)s::regconfig[])
), word AS (
    SELECT stems, count(*) AS times FROM spoken GROUP BY stems ORDER BY count(*) DESC, max(length(stems[1])) DESC
    LIMIT %(words)s
), written AS (
    SELECT times, array(
        SELECT '''' || replace(replace(stem, '\\', '\\\\'), '''', '''''') || '''' FROM unnest(stems) AS stem
    ) AS queries
    FROM word
)
SELECT queries, times, (
    SELECT count(*) FROM (
        SELECT 1 FROM knowledge_chunk AS chunk
        WHERE {passages} AND chunk.search @@ array_to_string(queries, ' | ')::tsquery
        LIMIT %(matches)s
    ) AS match
) AS passages, (
    SELECT count(*) FROM (
        SELECT 1 FROM knowledge_chunk AS chunk WHERE {passages} LIMIT %(total)s
    ) AS live
) AS total
FROM written
"""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the question: its stems (one, or one a language), each quoted as a tsquery, and what it tells."""

    queries: tuple[str, ...]
    weight: float  # idf times how often it was said
    passages: int  # that hold it, counted up to COUNTED_MATCHES


def idf(passages: int, total: int) -> float:
    """BM25's inverse document frequency; never below 0."""
    return math.log(1 + (max(total, passages) - passages + 0.5) / (passages + 0.5))


def find_terms(question: str, *, languages: Collection[str], scope: Scope) -> list[Term]:
    """What to search for, the most telling word first. A stop word of any of the languages is left out."""
    configurations = sorted({search_config(language) for language in languages}) or ["simple"]
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT.format(passages=scope.passages("chunk")),
            {
                "configurations": configurations,
                "question": question,
                "words": MAX_WORDS,
                "matches": COUNTED_MATCHES,
                "total": COUNTED_PASSAGES,
            },
        )
        counted = cursor.fetchall()
    terms = [
        Term(tuple(queries), times * idf(passages, total), passages) for queries, times, passages, total in counted
    ]
    return sorted(terms, key=lambda term: (-term.weight, term.queries))[:MAX_TERMS]


def matching_query(terms: Sequence[Term]) -> str:
    """A tsquery that matches any of the rarest words, as many of them as keep the matches bounded; empty without words.

    The common words that are left out still count in the ranking of what the rare ones found.
    """
    chosen: list[str] = []
    matches = 0
    for term in sorted(terms, key=lambda term: term.passages):
        matches += term.passages
        if chosen and matches > MATCHED_PASSAGES:
            break
        if term.passages:
            chosen.extend(term.queries)
    return " | ".join(chosen)
