"""What should be embedded minus what is embedded: a query. Finding it is done here, and filling it in `filling`.

Each space reads the passages of its own cut. The space that is searched is filled by hints and by the sweep; a space
in the making by `building`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from time import monotonic
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from knowledge.attempts import MAX_ATTEMPTS, LiveAttempts
from knowledge.embedding import Recipe, cut_of, default_recipe, passage_text
from knowledge.filling import Filling, Stale, note_answerable
from knowledge.models import Article, Attempt, Chunk, Embedding, EmbeddingSpace
from knowledge.vector_index import build_index, is_built
from supportbot.log import get_logger

__all__ = ["MAX_ATTEMPTS", "Stale", "note_answerable"]
logger = get_logger(__name__)

READ = 512  # passages a query
SPACES_LOCK = 7_220_004  # which spaces there are: shared by publications, exclusive for preparing, switching, dropping


def active_space() -> EmbeddingSpace:
    """The space that is searched; the first one is made on demand, of the recipe that the settings ask for."""
    return EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first() or _first_space()


def _first_space() -> EmbeddingSpace:
    recipe = default_recipe()
    with transaction.atomic():
        lock_spaces()
        space, _ = EmbeddingSpace.objects.get_or_create(
            fingerprint=recipe.fingerprint, defaults={"recipe": asdict(recipe), "dimensions": recipe.dimensions}
        )
        activate(space)
    space.refresh_from_db()
    return space


def activate(space: EmbeddingSpace) -> None:
    """Search this space from now on. The one before keeps its vectors, as the way back. See `spaces.switch`.

    What is in the making was meant for the space before: it is compared anew, and waits for a person.
    """
    states = EmbeddingSpace.State
    with transaction.atomic():
        lock_spaces()
        EmbeddingSpace.objects.filter(state=states.ACTIVE).exclude(pk=space.pk).update(state=states.RETIRED)
        EmbeddingSpace.objects.filter(pk=space.pk).exclude(state=states.ACTIVE).update(
            state=states.ACTIVE, activated=timezone.now(), paused=False, trouble=""
        )
        EmbeddingSpace.objects.filter(state=states.BUILDING).update(comparison=None, goal=EmbeddingSpace.Goal.WAIT)
    logger.info("space_activated", space=space.pk, fingerprint=space.fingerprint)


def lock_spaces(*, shared: bool = False) -> None:
    """Until the transaction ends. Who holds it alone asks for no article; publications lock their article first."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(%s)", [SPACES_LOCK])


def existing_spaces() -> QuerySet[EmbeddingSpace]:
    return EmbeddingSpace.objects.exclude(state=EmbeddingSpace.State.DROPPED)


def needed_cuts() -> list[str]:
    """The cuts that a publication makes: of each space there is, the way back too."""
    return sorted({space.cut for space in existing_spaces()} or {cut_of(default_recipe())})


def active_cut() -> str:
    """Which passages are searched."""
    space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
    return space.cut if space else cut_of(default_recipe())


def recipe_of(space: EmbeddingSpace) -> Recipe:
    return Recipe(**space.recipe)


def unembedded(space: EmbeddingSpace) -> QuerySet[Chunk]:
    """Live passages of the space's cut without a vector in it."""
    return Chunk.objects.filter(
        ~Exists(Embedding.objects.filter(chunk=OuterRef("pk"), space=space)), live=True, cut=space.cut
    )


def given_up(space: EmbeddingSpace) -> QuerySet[Article]:
    """Published articles that are tried no more."""
    published = Article.objects.filter(status=Article.Status.PUBLISHED)
    if space.state == EmbeddingSpace.State.ACTIVE:
        return published.filter(index_attempts__gte=MAX_ATTEMPTS)
    return published.filter(
        Exists(Attempt.objects.filter(space=space, article=OuterRef("pk"), count__gte=MAX_ATTEMPTS))
    )


def not_cut(space: EmbeddingSpace) -> QuerySet[Article]:
    """Published articles without passages of the space's cut."""
    cut = Chunk.objects.filter(article=OuterRef("pk"), live=True, cut=space.cut)
    return Article.objects.filter(~Exists(cut), status=Article.Status.PUBLISHED)


def stale_pages(space: EmbeddingSpace, article_id: UUID | None = None, after: int = 0) -> Iterator[Stale]:
    """What may be embedded now, in the order of publication; an article that waits for its next attempt is left out.

    Passages that are published meanwhile come too, since their keys are greater. Only those `after` a key, if one is
    given: those before it are under way.
    """
    last = after
    while rows := _stale_after(space, last, article_id):
        for pk, article, *words, attempts in rows:
            yield Stale(pk, article, passage_text(*words), attempts)
        last = rows[-1][0]


def _stale_after(space: EmbeddingSpace, last: int, article_id: UUID | None) -> list[tuple]:
    chunks = unembedded(space).filter(pk__gt=last)
    if article_id:
        chunks = chunks.filter(article=article_id)
    words = ("pk", "article_id", "revision__title", "heading", "text")
    if space.state == EmbeddingSpace.State.ACTIVE:
        due = Q(article__index_retry_at=None) | Q(article__index_retry_at__lte=Now())
        chunks = chunks.filter(due, article__index_attempts__lt=MAX_ATTEMPTS)
        return list(chunks.order_by("pk").values_list(*words, "article__index_attempts")[:READ])
    tried = Attempt.objects.filter(space=space, article=OuterRef("article"))
    chunks = chunks.filter(~Exists(tried.filter(Q(retry_at__gt=Now()) | Q(count__gte=MAX_ATTEMPTS))))
    counts = {attempt.article_id: attempt.count for attempt in Attempt.objects.filter(space=space)}
    return [(*row, counts.get(row[1], 0)) for row in chunks.order_by("pk").values_list(*words)[:READ]]


def embed_stale(article_id: UUID | None = None, *, seconds: float = 20.0) -> int:
    """Embed what is stale in the space that is searched, of one article or of all. Gives vectors written.

    Raises EmbeddingFailed when the server is away; what is not done then, is done later.
    """
    space = active_space()
    filling = Filling(space, recipe_of(space), LiveAttempts(), monotonic() + seconds)
    filling.run(stale_pages(space, article_id))
    while filling.moved and monotonic() < filling.end:  # who publishes meanwhile cannot have an article that we hold
        filling.run(stale_pages(space, article_id))
    return filling.written


def settle() -> bool:
    """Build the index of the space that is searched, once everything has its vector. Gives whether it was built."""
    space = active_space()
    if is_built(space) or unembedded(space).filter(article__index_attempts__lt=MAX_ATTEMPTS).exists():
        return False
    return build_index(space)


def tidy() -> int:
    """A safety net: the verbs delete the vectors of what they withdraw. Gives how many were left behind."""
    left, _ = Embedding.objects.filter(chunk__live=False).delete()
    if left:
        logger.warning("vectors_left_behind", deleted=left)
    return left
