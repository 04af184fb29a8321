"""The words of a question as the full-text index knows them, and how much each one tells.

A common word tells little, a rare one much (inverse document frequency, as in BM25). PostgreSQL's own ranking does not
know how rare a word is, so the frequencies are counted here: bounded, and only over passages that this reader may see.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection

from knowledge.languages import language_of
from knowledge.passages import search_config
from knowledge.scope import COUNTED_PASSAGES, Scope

MAX_WORDS = 48  # different words counted; the longest of 238 real forum questions has about 150
MAX_TERMS = 32  # words searched: the ones that tell most. 32 ranks as well as all of them on the evaluation sets
COUNTED_MATCHES = 3_000
MATCHED_PASSAGES = 2_000  # matches that are ranked; the rarest words choose them when there are more
MET_PASSAGES = 10_000  # matches that are met on the way to them, of which other readers' are passed over
LEAST_MATCHED = 500

# In a large knowledge base a common word is known from the statistics that ANALYZE keeps of the column: its share there
# is taken, since counting it would read every passage that holds it, other readers' too. They tell of retired passages
# as well, so in a small one, where those may be most of what there is, every word is counted.
COUNT = """
WITH spoken AS (
    SELECT array_agg(DISTINCT lexeme ORDER BY lexeme) AS stems
    FROM unnest(%(configurations)s::regconfig[]) AS configuration,
        unnest(to_tsvector(configuration, %(question)s)) AS found (lexeme, positions, weights),
        unnest(positions) AS position
    GROUP BY position
    HAVING bool_or(configuration = ANY (%(own)s::regconfig[]))
), word AS (
    SELECT stems, count(*) AS times FROM spoken GROUP BY stems ORDER BY count(*) DESC, max(length(stems[1])) DESC
    LIMIT %(words)s
), known AS MATERIALIZED (
    SELECT told.lexeme, told.share
    FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS told (lexeme, share)
    WHERE %(many)s AND schemaname = current_schema() AND tablename = 'knowledge_chunk' AND attname = 'search'
), stem AS (
    SELECT word.stems, word.times, known.share,
        '''' || replace(replace(stem, '\\', '\\\\'), '''', '''''') || '''' AS query
    FROM word, unnest(word.stems) AS stem LEFT JOIN known ON known.lexeme = stem
), counted AS (
    SELECT stems, times, query, CASE WHEN share IS NULL THEN (
        SELECT count(*) FROM (
            SELECT FROM knowledge_chunk AS chunk WHERE {passages} AND chunk.search @@ query::tsquery LIMIT %(matches)s
        ) AS match
    ) ELSE least(%(total)s, ceil(share * %(among)s))::bigint END AS passages
    FROM stem
)
SELECT array_agg(query ORDER BY query), array_agg(passages ORDER BY query), times FROM counted GROUP BY stems, times
"""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the question: its stems (one, or some of several languages), quoted as tsqueries; what it tells."""

    queries: tuple[str, ...]
    weight: float  # idf times how often it was said
    passages: int  # that hold it, about


def idf(passages: int, total: int) -> float:
    """BM25's inverse document frequency; never below 0."""
    return math.log(1 + (max(total, passages) - passages + 0.5) / (passages + 0.5))


def find_terms(
    question: str,
    *,
    languages: Collection[str],
    scope: Scope,
    total: int,
    live: int = 0,
    language: str | None = None,
) -> list[Term]:
    """What to search for among `total` passages in these languages, the most telling word first.

    `live` are the passages that anybody might see. Where a language is demanded, its words are taken to be in it alone.

    The stop words of the question's own language are left out: `language`, or the likeliest. Those of the others may
    tell something here ("door" is one in Dutch).
    """
    configurations = sorted({search_config(language) for language in languages}) or ["simple"]
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT.format(passages=scope.passages("chunk")),
            {
                "configurations": configurations,
                "own": own_configurations(language or language_of(question), configurations),
                "question": question,
                "words": MAX_WORDS,
                "matches": COUNTED_MATCHES,
                "total": total,
                "among": max(live, total) if scope.language else total,
                "many": max(live, total) >= COUNTED_PASSAGES,
            },
        )
        counted = cursor.fetchall()
    terms = [_term(queries, passages, times, total) for queries, passages, times in counted]
    return sorted(terms, key=lambda term: (-term.weight, term.queries))[:MAX_TERMS]


def own_configurations(language: str, configurations: Sequence[str]) -> Sequence[str]:
    """Those that decide which words tell nothing: of the language or of English; all where neither is searched."""
    for own in (search_config(language), search_config("en")):
        if own in configurations:
            return [own]
    return configurations


def _term(queries: Sequence[str], passages: Sequence[int], times: int, total: int) -> Term:
    """Stems that no passage holds are left out, unless none is held: a draft may hold the word."""
    held = tuple(query for query, count in zip(queries, passages, strict=True) if count)
    return Term(held or tuple(queries), times * idf(sum(passages), total), sum(passages))


def matching_query(terms: Sequence[Term], share: float = 1.0) -> str:
    """A tsquery that matches any of the rarest words, as many of them as keep the matches bounded; empty without words.

    `share` is how many of all passages are meant: the index of words knows nothing of readers and languages.

    The common words that are left out still count in the ranking of what the rare ones found.
    """
    chosen: list[str] = []
    most = max(LEAST_MATCHED, min(MATCHED_PASSAGES, int(MET_PASSAGES * share)))
    matches = 0
    for term in sorted(terms, key=lambda term: term.passages):
        matches += term.passages
        if chosen and matches > most:
            break
        if term.passages:
            chosen.extend(term.queries)
    return " | ".join(chosen)
