"""The passages of an article and the passages of others that are about the same, by the vectors that exist already."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from knowledge.models import Article, EmbeddingSpace

PASSAGES = 60  # of an article, from its beginning
NEAREST = 5  # passages of other articles for each
OTHERS = 20  # articles that are compared passage by passage
PAIRS = 3_000  # passages of two articles that are about the same; the nearest of them
ABOUT_THE_SAME = 0.5  # cosine; contradictions are looked for above it
BESIDE_OWN = 40  # an article's own passages are near one another, and are left out of what the index gives

OWN = """
WITH own AS MATERIALIZED (
    SELECT chunk.id, embedding.vector::halfvec({dimensions}) AS vector
    FROM knowledge_chunk AS chunk
    JOIN knowledge_embedding AS embedding ON embedding.chunk_id = chunk.id AND embedding.space_id = {space}
    WHERE chunk.article_id = %(article)s AND chunk.live
    ORDER BY chunk.position LIMIT {passages}
)"""
NEAR = (
    OWN  # nosec B608 # numbers of our own are filled in, by _written
    + """
SELECT near.article_id FROM own CROSS JOIN LATERAL (
    SELECT chunk.article_id, found.distance
    FROM (
        SELECT chunk_id, (vector::halfvec({dimensions})) <=> own.vector AS distance
        FROM knowledge_embedding WHERE space_id = {space}
        ORDER BY (vector::halfvec({dimensions})) <=> own.vector LIMIT {beside}
    ) AS found
    JOIN knowledge_chunk AS chunk ON chunk.id = found.chunk_id
    WHERE chunk.live AND chunk.article_id <> %(article)s
    ORDER BY found.distance LIMIT {nearest}
) AS near
WHERE near.distance < 1 - {least}
GROUP BY near.article_id ORDER BY min(near.distance) LIMIT {others}"""
)
COMPARED = (
    OWN  # nosec B608 # as above
    + """, others AS MATERIALIZED (
    SELECT id, vector FROM (
        SELECT chunk.id, embedding.vector::halfvec({dimensions}) AS vector,
            row_number() OVER (PARTITION BY chunk.article_id ORDER BY chunk.position) AS place
        FROM knowledge_chunk AS chunk
        JOIN knowledge_embedding AS embedding ON embedding.chunk_id = chunk.id AND embedding.space_id = {space}
        WHERE chunk.article_id = ANY(%(others)s) AND chunk.live
    ) AS placed WHERE place <= {passages}
)
SELECT own.id, others.id, 1 - (own.vector <=> others.vector) AS cosine FROM own CROSS JOIN others
WHERE own.vector <=> others.vector < 1 - {least}
ORDER BY own.vector <=> others.vector LIMIT {pairs}"""
)
READ = """
SELECT chunk.id, chunk.article_id, revision.title, chunk.heading, chunk.anchor, chunk.text, chunk.text_hash,
    chunk.language
FROM knowledge_chunk AS chunk JOIN knowledge_revision AS revision ON revision.id = chunk.revision_id
WHERE chunk.id = ANY(%(chunks)s)"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A live passage, with the title of its article."""

    chunk_id: int
    article_id: UUID
    title: str
    heading: str
    anchor: str
    text: str
    text_hash: str
    language: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A passage of the article that is looked at, one of another, and how near they are."""

    own: Passage
    other: Passage
    cosine: float


def near_articles(article: Article, space: EmbeddingSpace) -> list[UUID]:
    """Other live articles with passages about the same, nearest first. Read through the index of the space."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL hnsw.ef_search = {2 * BESIDE_OWN}")
        cursor.execute(_written(NEAR, space), {"article": article.pk})
        return [row[0] for row in cursor.fetchall()]


def pairs(article: Article, others: Collection[UUID], space: EmbeddingSpace) -> list[Pair]:
    """Every passage of the article beside every one of the others that is about the same, nearest first.

    It is the same from either side, since nothing depends on which passages are nearest.
    """
    if not others:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_written(COMPARED, space), {"article": article.pk, "others": list(others)})
        found = cursor.fetchall()
        passages = _read({chunk for own, other, _ in found for chunk in (own, other)})
    return [Pair(passages[own], passages[other], cosine) for own, other, cosine in found]


def _read(chunks: Collection[int]) -> dict[int, Passage]:
    with connection.cursor() as cursor:
        cursor.execute(READ, {"chunks": list(chunks)})
        return {row[0]: Passage(*row) for row in cursor.fetchall()}


def _written(statement: str, space: EmbeddingSpace) -> str:
    """With the numbers as literals: a partial expression index is used only for the very expression it was made of."""
    return statement.format(
        dimensions=int(space.dimensions), space=int(space.pk), passages=PASSAGES, nearest=NEAREST, others=OTHERS,
        pairs=PAIRS, least=ABOUT_THE_SAME, beside=BESIDE_OWN,
    )  # fmt: skip


def passages_by_id(chunks: Sequence[int]) -> dict[int, Passage]:
    """Live or not: the page that compares two articles shows what was compared."""
    return _read(chunks)
