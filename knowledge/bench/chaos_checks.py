"""What must hold at every moment, and what must hold after a sweep. Each check gives sentences of what does not."""

from collections import defaultdict

from django.db import connection, transaction

from knowledge import indexing
from knowledge.attempts import MAX_ATTEMPTS
from knowledge.chunking import most_tokens, split
from knowledge.models import Article, Chunk, Embedding, EmbeddingSpace
from knowledge.retrieval import find_passages

QUESTIONS = ("what of thing 4 is word4x1", "part 3 asked for by its name", "edit of word1")
NEVER = {
    "vectors of passages that are not live": """SELECT count(*) FROM knowledge_embedding AS made
        JOIN knowledge_chunk AS chunk ON chunk.id = made.chunk_id WHERE NOT chunk.live""",
    "vectors whose reader or language is not that of their passage": """SELECT count(*) FROM knowledge_embedding AS made
        JOIN knowledge_chunk AS chunk ON chunk.id = made.chunk_id
        WHERE (made.audience, made.language) <> (chunk.audience, chunk.language)""",
    "vectors of other dimensions than those of their space": """SELECT count(*) FROM knowledge_embedding AS made
        JOIN knowledge_embeddingspace AS space ON space.id = made.space_id
        WHERE vector_dims(made.vector) <> space.dimensions""",
    "vectors in a space of another cut": """SELECT count(*) FROM knowledge_embedding AS made
        JOIN knowledge_chunk AS chunk ON chunk.id = made.chunk_id
        JOIN knowledge_embeddingspace AS space ON space.id = made.space_id
        WHERE chunk.cut <> (space.recipe->>'chunking') || '/' || coalesce(space.recipe->>'passage_tokens', '200')""",
    "live passages of another revision than the live one": """SELECT count(*) FROM knowledge_chunk AS chunk
        JOIN knowledge_article AS article ON article.id = chunk.article_id
        WHERE chunk.live AND chunk.revision_id IS DISTINCT FROM article.live_revision_id""",
    "live passages of articles that are not published": """SELECT count(*) FROM knowledge_chunk AS chunk
        JOIN knowledge_article AS article ON article.id = chunk.article_id
        WHERE chunk.live AND article.status <> 'published'""",
    "articles called answerable that are not": """SELECT count(DISTINCT article.id) FROM knowledge_article AS article
        JOIN knowledge_embeddingspace AS space ON space.state = 'active'
        JOIN knowledge_chunk AS chunk ON chunk.article_id = article.id AND chunk.live
            AND chunk.cut = (space.recipe->>'chunking') || '/' || coalesce(space.recipe->>'passage_tokens', '200')
        WHERE article.answerable_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM knowledge_embedding AS made WHERE made.chunk_id = chunk.id AND made.space_id = space.id)""",
}


def mixtures() -> list[str]:
    """What is neither old nor new, at one moment."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return _mixtures()


def _mixtures() -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for what, statement in NEVER.items():
            cursor.execute(statement)
            if count := cursor.fetchone()[0]:
                found.append(f"{count} {what}")
    active = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE)
    if active.count() != 1:
        return [*found, f"{active.count()} spaces are searched"]
    return found + _partial_cuts() + _wrong_finds(active[0])


def _partial_cuts() -> list[str]:
    """The live passages of each cut are the whole revision, or there are none."""
    passages: dict[tuple[object, str], list[str]] = defaultdict(list)
    for article, cut, text in (
        Chunk.objects.filter(live=True).order_by("position").values_list("article", "cut", "text")
    ):
        passages[article, cut].append(text)
    texts = dict(Article.objects.exclude(live_revision=None).values_list("pk", "live_revision__body"))
    titles = dict(Article.objects.exclude(live_revision=None).values_list("pk", "live_revision__title"))
    partial = [
        (article, cut)
        for (article, cut), found in passages.items()
        if found != [piece.text for piece in split(titles[article], texts[article], most_tokens(cut))]
    ]
    searched = indexing.not_cut(indexing.active_space()).count()
    return [f"{len(partial)} sets of passages are not their revision"] * bool(partial) + [
        f"{searched} articles without passages of the searched cut"
    ] * bool(searched)


def _wrong_finds(space: EmbeddingSpace) -> list[str]:
    """What a customer is shown comes from one space and from what is published."""
    live = dict(Article.objects.exclude(live_revision=None).values_list("pk", "live_revision"))
    wrong = 0
    for question in QUESTIONS:
        for passage in find_passages(question).passages:
            cut = Chunk.objects.values_list("cut", flat=True).get(pk=passage.chunk_id)
            wrong += cut != space.cut or live.get(passage.article_id) != passage.revision_id
    return [f"{wrong} passages were found that are not searched"] * bool(wrong)


def unrepaired() -> list[str]:
    """What one sweep should have done: everything that customers search has its vector, nothing waits or is lost."""
    space = indexing.active_space()
    counts = {
        "passages without a vector in the searched space": indexing.unembedded(space).count(),
        "articles not called answerable": Article.objects.filter(status="published", answerable_at=None).count(),
        "articles given up": Article.objects.filter(index_attempts__gte=MAX_ATTEMPTS).count(),
        "articles that wait for another attempt": Article.objects.filter(index_retry_at__isnull=False).count(),
        "vectors left behind": Embedding.objects.filter(chunk__live=False).count(),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]
