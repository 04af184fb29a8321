"""The passages that may answer a question, found by meaning and by words in one SQL statement.

One statement sees one moment: an article withdrawn before it began is in neither arm. Audience and `live` stand in both
arms and again where the rows are joined, so a passage that this reader may not see cannot come out. The space and its
dimension are written as literals, since a partial expression index is used only for the very expression it was made of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from knowledge.lexemes import Term, matching_query
from knowledge.models import EmbeddingSpace
from knowledge.scope import Scope, Survey

ARM = 50  # candidates of each arm
MATCHED_ROWS = 2_500  # rows ranked by their words, whatever the estimate said
# ts_rank of one word is a sum of 1/n^2 over its occurrences (0.61, 0.76, 0.83, ... up to 1); long passages hold more of
# any word. Measured on the evaluation sets: level with BM25 (k1=1.2, b=0.5), at a tenth of its time in SQL.
LEADING_TERMS = 12  # the words that tell most choose the arm's passages; all of them rank what was chosen
GROUP_STEP = 1.25
USUAL_LEXEMES = 80
LENGTH_SHARE = 0.2

# Among many passages the graph of the index is walked. Among few they are all read: a walk would meet mostly others.
WALK = """
    SELECT embedding.chunk_id AS id FROM knowledge_embedding AS embedding
    WHERE embedding.space_id = {space} AND {faces} AND embedding.chunk_id <> ALL(%(without)s::bigint[])
    ORDER BY (embedding.vector::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions})
    LIMIT {arm}"""
READ = """
    SELECT id FROM (
        SELECT embedding.chunk_id AS id,
            (embedding.vector::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions}) AS distance
        FROM knowledge_embedding AS embedding
        WHERE embedding.space_id = {space} AND {faces} AND embedding.chunk_id <> ALL(%(without)s::bigint[])
        OFFSET 0
    ) AS each
    ORDER BY distance, id LIMIT {arm}"""
LEXICAL = """
    SELECT id FROM (
        SELECT chunk.id, {leading} AS rank FROM knowledge_chunk AS chunk
        WHERE {passages} AND chunk.id <> ALL(%(without)s::bigint[]) AND chunk.search @@ %(query)s::tsquery
        LIMIT {rows}
    ) AS matched
    ORDER BY rank DESC, id LIMIT {arm}"""
SEARCH = """
WITH dense AS MATERIALIZED ({dense}
), lexical AS MATERIALIZED ({lexical}
)
SELECT chunk.id, chunk.revision_id, chunk.article_id, article.slug, revision.title, chunk.heading, chunk.anchor,
    chunk.text, chunk.language, chunk.audience, {similarity} AS similarity, {rank} AS lexical
FROM (SELECT id FROM dense UNION SELECT id FROM lexical) AS found
JOIN knowledge_chunk AS chunk ON chunk.id = found.id
JOIN knowledge_revision AS revision ON revision.id = chunk.revision_id
JOIN knowledge_article AS article ON article.id = chunk.article_id
LEFT JOIN knowledge_embedding AS embedding ON embedding.chunk_id = chunk.id AND embedding.space_id = {space}
WHERE {passages}
"""
SIMILARITY = (
    "%(length)s::float8 * (1 - (embedding.vector::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions})))"
)
NOTHING = "SELECT NULL::bigint AS id WHERE false"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live passage that this reader may see, with what each arm thinks of it."""

    chunk_id: int
    revision_id: UUID
    article_id: UUID
    slug: str
    title: str
    heading: str
    anchor: str
    text: str
    language: str
    audience: str
    similarity: float | None  # cosine (times the length of a blended question); None without one of the vectors
    lexical: float  # share of the question's telling words that the passage holds: 0 to about 1.2


def find_candidates(
    *,
    terms: Sequence[Term],
    scope: Scope,
    known: Survey,
    space: EmbeddingSpace | None,
    vector: Sequence[float] | None,
    without: Sequence[int] = (),
) -> list[Candidate]:
    """At most 2 * ARM passages, in no order. Either arm may be missing: no words, or no vector of the question.

    `known` is what the scope holds, `without` the ids of chunks that are to be left out.
    """
    if not matching_query(terms, known.share) and (space is None or vector is None):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            *search_statement(terms=terms, scope=scope, known=known, space=space, vector=vector, without=without)
        )
        return [Candidate(*row) for row in cursor.fetchall()]


def search_statement(
    *,
    terms: Sequence[Term],
    scope: Scope,
    known: Survey,
    space: EmbeddingSpace | None,
    vector: Sequence[float] | None,
    without: Sequence[int] = (),
) -> tuple[str, dict[str, object]]:
    """The SQL and its values. Only numbers and the names that a `Scope` knows are written into the SQL itself."""
    parts: dict[str, object] = {"faces": scope.faces("embedding"), "passages": scope.passages("chunk")}
    parts |= {"arm": ARM, "rows": MATCHED_ROWS, "rank": words_rank(terms)}
    parts |= {"leading": words_rank(terms, leading=True)}
    parts |= {"space": "NULL", "dense": NOTHING, "similarity": "NULL::float8", "lexical": NOTHING}
    values: dict[str, object] = {"without": list(without)} | stem_values(terms)
    if space is not None and vector is not None:
        parts |= {"space": int(space.pk), "dimensions": int(space.dimensions)}
        parts |= {
            "dense": (READ if known.few else WALK).format(**parts),
            "similarity": SIMILARITY.format(**parts),
        }
        values |= {"vector": "[" + ",".join(map(repr, vector)) + "]", "length": math.hypot(*vector)}
    if query := matching_query(terms, known.share):
        parts["lexical"] = LEXICAL.format(**parts)
        values["query"] = query
    return SEARCH.format(**parts), values


def stem_values(terms: Sequence[Term]) -> dict[str, object]:
    """What `words_rank` names: words of about one weight as a tsquery, and what they count."""
    groups = enumerate(_groups(terms))
    return {name: value for n, (query, share) in groups for name, value in ((f"stems{n}", query), (f"share{n}", share))}


def words_rank(terms: Sequence[Term], *, leading: bool = False) -> str:
    """In SQL: the share of the question's telling words that `chunk.search` holds, 0 to about 1.2.

    `leading`: by the LEADING_TERMS that tell most.
    """
    groups = _groups(terms[:LEADING_TERMS] if leading else terms)
    if not groups:
        return "0::float8"
    words = " + ".join(
        f"%(share{n})s::float8 * ts_rank('{{1,1,1,1}}', chunk.search, %(stems{n})s::tsquery)"
        for n in range(len(groups))
    )
    return f"({words}) / ({1 - LENGTH_SHARE} + {LENGTH_SHARE} * length(chunk.search) / {USUAL_LEXEMES}.0)"


def _groups(terms: Sequence[Term]) -> list[tuple[str, float]]:
    """Stems of about one weight as a tsquery, with the share that all of them have of what the question tells.

    `ts_rank` of words joined by "or" is the mean of their ranks, so one call does for a group. A word's weight becomes
    the mean of its group, which changes it by less than GROUP_STEP. The leading terms have groups of their own.
    """
    told = sum(term.weight for term in terms) or 1.0
    groups: list[tuple[float, dict[str, float]]] = []
    for place, term in enumerate(terms):
        if not groups or place == LEADING_TERMS or term.weight * GROUP_STEP < groups[-1][0]:
            groups.append((term.weight, {}))
        shares = groups[-1][1]
        for query in term.queries:
            shares[query] = shares.get(query, 0.0) + term.weight / told
    return [(" | ".join(shares), sum(shares.values())) for _, shares in groups]
