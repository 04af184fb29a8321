"""The corpus of a bench as rows: vectors from the cache where they were made before, articles written in bulk.

It goes past the verbs of staff, which would take an hour for 100,000 passages; the rows are those that they write.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from knowledge.bench.corpus import BenchArticle, Corpus, Text
from knowledge.embedding import Recipe, cut_of, embed_passages
from knowledge.evaluation import Progress
from knowledge.models import Article, Category, Chunk, EmbeddingSpace, Revision
from knowledge.passages import search_config
from knowledge.vector_cache import VectorCache

REQUEST = 64  # texts a request; each is kept at once, so a run that is broken off goes on where it was
LOT = 500  # articles a transaction
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Encoded:
    """How many texts had no vector yet, and how long it took to make those."""

    made: int
    seconds: float

    @property
    def rate(self) -> float | None:
        """Texts a second."""
        return self.made / self.seconds if self.made else None


def encode(recipe: Recipe, texts: Sequence[Text], cache: VectorCache, say: Say) -> Encoded:
    """Make and keep the vectors that are missing; alike lengths together, which the encoder does fastest."""
    new = cache.missing(recipe.fingerprint, [text.hash for text in texts])
    waiting = sorted((text for text in texts if text.hash in new), key=lambda text: len(text.embedded))
    progress = Progress(say, "encoded", len(waiting))
    start = time.monotonic()
    for first in range(0, len(waiting), REQUEST):
        batch = waiting[first : first + REQUEST]
        vectors = embed_passages(recipe, [text.embedded for text in batch])
        cache.put(recipe.fingerprint, {text.hash: vector for text, vector in zip(batch, vectors, strict=True)})
        progress.at(first + len(batch))
    return Encoded(len(waiting), time.monotonic() - start)


def fill(corpus: Corpus, space: EmbeddingSpace, cache: VectorCache, say: Say) -> None:
    """Write the corpus as published articles with their passages and vectors, and leave the tables tidy."""
    category = Category.objects.create(name="Bench", slug="bench")
    progress = Progress(say, "written", len(corpus.articles))
    for first in range(0, len(corpus.articles), LOT):
        with transaction.atomic():
            _write(corpus.articles[first : first + LOT], first, category, space, cache)
        progress.at(min(first + LOT, len(corpus.articles)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _write(
    lot: Sequence[BenchArticle], first: int, category: Category, space: EmbeddingSpace, cache: VectorCache
) -> None:
    articles = [
        Article(
            slug=f"bench-{number}",
            title=given.title,
            category=category,
            language=given.language,
            audience=given.audience,
        )
        for number, given in enumerate(lot, first)
    ]
    revisions = [
        Revision(
            article=article,
            number=1,
            title=article.title,
            language=article.language,
            audience=article.audience,
            category=category.name,
        )
        for article in articles
    ]
    for article, revision in zip(articles, revisions, strict=True):
        article.status, article.live_revision_id = Article.Status.PUBLISHED, revision.pk
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # article and revision name each other
    Article.objects.bulk_create(articles)
    Revision.objects.bulk_create(revisions)
    chunks = [
        Chunk(
            revision=revision,
            article=revision.article,
            cut=cut_of(Recipe(**space.recipe)),
            position=position,
            text=text.text,
            text_hash=text.hash,
            audience=revision.audience,
            language=revision.language,
        )
        for given, revision in zip(lot, revisions, strict=True)
        for position, text in enumerate(given.texts)
    ]
    Chunk.objects.bulk_create(chunks)
    _set_search_words(chunks)
    _copy_vectors(chunks, space, cache)


def _set_search_words(chunks: Sequence[Chunk]) -> None:
    for language in {chunk.language for chunk in chunks}:
        keys = [chunk.pk for chunk in chunks if chunk.language == language]
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE knowledge_chunk AS chunk
                   SET search = setweight(to_tsvector(%(config)s::regconfig, revision.title), 'A')
                             || setweight(to_tsvector(%(config)s::regconfig, chunk.text), 'C')
                   FROM knowledge_revision AS revision
                   WHERE revision.id = chunk.revision_id AND chunk.id = ANY(%(keys)s)""",
                {"config": search_config(language), "keys": keys},
            )


def _copy_vectors(chunks: Sequence[Chunk], space: EmbeddingSpace, cache: VectorCache) -> None:
    vectors = cache.get(Recipe(**space.recipe).fingerprint, [chunk.text_hash for chunk in chunks])
    copy = "COPY knowledge_embedding (chunk_id, space_id, vector, audience, language, created) FROM STDIN"
    now = timezone.now()
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for chunk in chunks:
            vector = "[" + ",".join(map(repr, vectors[chunk.text_hash])) + "]"
            rows.write_row((chunk.pk, space.pk, vector, chunk.audience, chunk.language, now))
