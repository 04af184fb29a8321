"""The verbs of staff. Each is one transaction that locks its article; what it withdraws is gone from search with it.

Title and body are a draft until they are published. Everything else about an article (audience, language, category,
address, owner, review date) holds as soon as it is saved, and is repeated onto the passages that are live.
"""

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from knowledge import indexing, tasks
from knowledge.chunking import Piece, TooManyPieces, split
from knowledge.embedding import text_hash
from knowledge.models import Article, Chunk, Embedding, Revision
from supportbot.log import get_logger

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = get_logger(__name__)

DRAFT_FIELDS = ("slug", "title", "body", "category", "language", "audience", "review_date", "owner")
STATE_FIELDS = (
    "status", "live_revision", "published_at", "answerable_at", "index_attempts", "index_error", "index_retry_at",
)  # fmt: skip
# PostgreSQL's text search knows these languages; the others are searched word by word as they are written.
SEARCH_CONFIGS = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ru": "russian", "sv": "swedish",
    "tr": "turkish",
}  # fmt: skip


class PublishingError(ValueError):
    """A verb that cannot be done; its text is a sentence for the person who asked for it."""


def search_config(language: str) -> str:
    """The name of PostgreSQL's text search configuration for a language."""
    return SEARCH_CONFIGS.get(language, "simple")


def storable(text: str) -> str:
    """Text as PostgreSQL can keep it: no NUL, no half of a surrogate pair, lines that end in one character."""
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    return whole.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


@transaction.atomic
def save_draft(*, article: Article, by: "User | None") -> Article:
    """Keep title and body for later; customers see nothing of them. The rest of the article holds at once."""
    _write(article)
    logger.info("article_saved", article=str(article.pk), by=by.pk if by else None)
    return article


@transaction.atomic
def publish(*, article: Article, by: "User | None", note: str = "") -> Revision:
    """Show the article as it is now. An unchanged one keeps its revision, and its passages are repaired.

    Raises PublishingError if there is no text to show, or too much of it.
    """
    _write(article)
    try:
        pieces = split(article.title, article.body)
    except TooManyPieces as error:
        raise PublishingError(str(error)) from None
    if not pieces:
        raise PublishingError("An article without text cannot be published. Write its body first.")
    revision = article.live_revision
    if revision is None or _differs(revision, article):
        revision = _new_revision(article, by, note)
        article.published_at = timezone.now()
        article.answerable_at = None
    article.live_revision, article.status = revision, Article.Status.PUBLISHED
    if _replace_passages(article, revision, pieces):
        article.answerable_at = None
    _save_state(article)
    indexing.note_answerable([article.pk])
    article.refresh_from_db()
    transaction.on_commit(partial(tasks.hint, article.pk), robust=True)
    logger.info("article_published", article=str(article.pk), revision=revision.number, by=by.pk if by else None)
    return revision


@transaction.atomic
def publish_saved(*, article: Article, by: "User | None") -> Revision:
    """Show the article as it is saved now: a page that lists articles has read them before somebody saved them."""
    return publish(article=_lock(article.pk), by=by)


@transaction.atomic
def unpublish(*, article: Article, by: "User | None") -> None:
    """Make it a draft again: from this commit on no question is answered from it."""
    _withdraw(article, archived=False)
    logger.info("article_unpublished", article=str(article.pk), by=by.pk if by else None)


@transaction.atomic
def archive(*, article: Article, by: "User | None") -> None:
    """Withdraw it and put it out of the way."""
    _withdraw(article, archived=True)
    logger.info("article_archived", article=str(article.pk), by=by.pk if by else None)


@transaction.atomic
def delete(*, article: Article, by: "User | None") -> None:
    """Delete it with its revisions, passages and vectors. Answers that cited it keep their text."""
    key = article.pk
    _withdraw(article, archived=True)
    article.delete()
    logger.info("article_deleted", article=str(key), by=by.pk if by else None)


@transaction.atomic
def restore(*, revision: Revision, by: "User | None") -> Article:
    """Make the title and body of a revision the draft. Nothing is published."""
    article = _lock(revision.article_id)
    article.title, article.body = revision.title, revision.body
    return save_draft(article=article, by=by)


@transaction.atomic
def repair(*, article: Article) -> bool:
    """Cut what is published anew, and try again to embed it. The draft stays a draft. Gives whether anything differed.

    After an upgrade that cuts articles otherwise, and whenever somebody doubts the passages.
    """
    locked = _lock(article.pk)
    revision = locked.live_revision
    if revision is None:
        return False
    replaced = _replace_passages(locked, revision, split(revision.title, revision.body))
    if replaced:
        locked.answerable_at = None
    _save_state(locked)
    indexing.note_answerable([locked.pk])
    transaction.on_commit(partial(tasks.hint, locked.pk), robust=True)
    return replaced


@transaction.atomic
def reembed(*, article: Article, by: "User | None") -> None:
    """Make the vectors of a published article again, whatever became of earlier attempts."""
    locked = _lock(article.pk)
    if not locked.is_live:
        raise PublishingError("Only a published article is indexed. Publish it first.")
    Embedding.objects.filter(chunk__article=locked).delete()
    locked.answerable_at = None
    _save_state(locked)
    transaction.on_commit(partial(tasks.hint, locked.pk), robust=True)
    logger.info("article_reembedded", article=str(locked.pk), by=by.pk if by else None)


def _lock(article_id: UUID) -> Article:
    try:
        return Article.objects.select_for_update().get(pk=article_id)
    except Article.DoesNotExist:
        raise PublishingError("This article was deleted meanwhile.") from None


def _write(article: Article) -> None:
    """Save what people may change; the state is taken from the locked row, so that an old page overwrites none."""
    article.title, article.body = storable(article.title), storable(article.body)
    if article._state.adding:
        article.save(force_insert=True)
        return
    locked = _lock(article.pk)
    article.save(update_fields=[*DRAFT_FIELDS, "updated"])
    faces = (locked.audience, locked.language) != (article.audience, article.language)
    article.refresh_from_db()
    if article.is_live and faces:
        _repeat_onto_passages(article)


def _differs(revision: Revision, article: Article) -> bool:
    return (revision.title, revision.body, revision.language, revision.audience, revision.category) != (
        article.title, article.body, article.language, article.audience, article.category.name,
    )  # fmt: skip


def _new_revision(article: Article, by: "User | None", note: str) -> Revision:
    last = article.revisions.order_by("-number").values_list("number", flat=True).first() or 0
    return Revision.objects.create(
        article=article,
        number=last + 1,
        title=article.title,
        body=article.body,
        language=article.language,
        audience=article.audience,
        category=article.category.name,
        note=storable(note)[:200],
        author=by,
    )


def _save_state(article: Article) -> None:
    article.index_attempts, article.index_error, article.index_retry_at = 0, "", None
    article.save(update_fields=STATE_FIELDS)


def _replace_passages(article: Article, revision: Revision, pieces: list[Piece]) -> bool:
    """Make these pieces the live passages; unchanged ones keep their vectors. Gives whether anything was replaced."""
    old = list(Chunk.objects.filter(article=article, live=True).order_by("position"))
    wanted = [(piece.heading, piece.anchor, piece.text) for piece in pieces]
    same_revision = all(chunk.revision_id == revision.pk for chunk in old)
    if same_revision and [(chunk.heading, chunk.anchor, chunk.text) for chunk in old] == wanted:
        return False
    used = revision.chunks.order_by("-position").values_list("position", flat=True).first()
    first = 0 if used is None else used + 1
    new = [
        Chunk(
            revision=revision,
            article=article,
            position=position,
            heading=heading,
            anchor=anchor,
            text=text,
            text_hash=text_hash(revision.title, heading, text),
            audience=article.audience,
            language=article.language,
        )
        for position, (heading, anchor, text) in enumerate(wanted, first)
    ]
    Chunk.objects.bulk_create(new, batch_size=500)
    _copy_vectors([chunk.pk for chunk in old], [chunk.pk for chunk in new])
    _retire(Chunk.objects.filter(pk__in=[chunk.pk for chunk in old]))
    _set_search_words(article)
    return True


def _copy_vectors(old: list[int], new: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO knowledge_embedding (chunk_id, space_id, vector, audience, language, created)
               SELECT DISTINCT ON (new.id, made.space_id)
                      new.id, made.space_id, made.vector, new.audience, new.language, now()
               FROM knowledge_chunk new
               JOIN knowledge_chunk old ON old.text_hash = new.text_hash AND old.id = ANY(%s)
               JOIN knowledge_embedding made ON made.chunk_id = old.id
               WHERE new.id = ANY(%s)""",
            [old, new],
        )


def _retire(chunks: QuerySet[Chunk]) -> None:
    keys = list(chunks.values_list("pk", flat=True))
    Embedding.objects.filter(chunk__in=keys).delete()
    Chunk.objects.filter(pk__in=keys).update(live=False)


def _set_search_words(article: Article) -> None:
    """The words of the live passages as PostgreSQL searches them: title A, headings B, text C."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE knowledge_chunk chunk
               SET search = setweight(to_tsvector(%(config)s::regconfig, revision.title), 'A')
                         || setweight(to_tsvector(%(config)s::regconfig, chunk.heading), 'B')
                         || setweight(to_tsvector(%(config)s::regconfig, chunk.text), 'C')
               FROM knowledge_revision revision
               WHERE revision.id = chunk.revision_id AND chunk.article_id = %(article)s AND chunk.live""",
            {"config": search_config(article.language), "article": article.pk},
        )


def _repeat_onto_passages(article: Article) -> None:
    faces = {"audience": article.audience, "language": article.language}
    Chunk.objects.filter(article=article, live=True).update(**faces)
    Embedding.objects.filter(chunk__article=article).update(**faces)
    _set_search_words(article)


def _withdraw(article: Article, *, archived: bool) -> None:
    """Leave retrieval, in this transaction."""
    locked = _lock(article.pk)
    _retire(Chunk.objects.filter(article=locked, live=True))
    locked.status = Article.Status.ARCHIVED if archived else Article.Status.DRAFT
    locked.live_revision = None
    locked.published_at = locked.answerable_at = None
    _save_state(locked)
    article.refresh_from_db()
