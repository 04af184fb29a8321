"""Which articles a reader of this one may want next: those about nearly the same, by the vectors that exist already."""

from uuid import UUID

from django.db import connection

from knowledge.library import live_articles
from knowledge.models import Article, Audience, Embedding, EmbeddingSpace

RELATED = 4
NEAR_PASSAGES = 24  # of which the article's own are left out
LEAST = 0.35  # cosine; below it two articles have little to do with each other
NEAREST = """
SELECT chunk.article_id FROM (
    SELECT chunk_id, (vector::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions}) AS distance
    FROM knowledge_embedding WHERE space_id = {space} AND audience IN ({audiences})
    ORDER BY (vector::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions}) LIMIT {passages}
) AS near JOIN knowledge_chunk AS chunk ON chunk.id = near.chunk_id
WHERE chunk.live AND chunk.article_id <> %(article)s AND near.distance < 1 - {least}
ORDER BY near.distance"""


def related(article: Article, audiences: tuple[str, ...]) -> list[Article]:
    """In the article's own language first; then others of its category and language. At most four queries."""
    near = _nearest(article, audiences)
    live = live_articles(audiences).exclude(pk=article.pk)
    alike = {each.pk: each for each in live.filter(pk__in=near)} if near else {}
    known = [alike[key] for key in near if key in alike]
    chosen = sorted(known, key=lambda each: each.language != article.language)[:RELATED]
    if len(chosen) < RELATED:
        others = live.filter(category=article.category_id, language=article.language).exclude(pk__in=near)
        chosen += others[: RELATED - len(chosen)]
    return chosen


def _nearest(article: Article, audiences: tuple[str, ...]) -> list[UUID]:
    """By the first passage, nearest first; none where it has no vector yet."""
    passages = Embedding.objects.filter(
        chunk__article=article, chunk__live=True, space__state=EmbeddingSpace.State.ACTIVE
    ).order_by("chunk__position")
    first = passages.values_list("space_id", "space__dimensions", "vector").first()
    if first is None:
        return []
    space, dimensions, vector = first
    named = ", ".join(f"'{Audience(each).value}'" for each in audiences)
    statement = NEAREST.format(
        dimensions=int(dimensions), space=int(space), audiences=named, passages=NEAR_PASSAGES, least=LEAST
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"vector": "[" + ",".join(map(repr, vector)) + "]", "article": article.pk})
        return list(dict.fromkeys(row[0] for row in cursor.fetchall()))
