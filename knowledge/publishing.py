"""The verbs of staff. Each is one transaction that locks its article; what it withdraws is gone from search with it.

Title and body are a draft until they are published. Everything else about an article (audience, language, category,
address, owner, review date) holds as soon as it is saved, and is repeated onto the passages that are live.
"""

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from knowledge import indexing, tasks
from knowledge.models import Article, Chunk, Embedding, Revision
from knowledge.passages import Uncuttable, cut_article, replace_passages, retire, set_search_words
from supportbot.log import get_logger

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = get_logger(__name__)

DRAFT_FIELDS = ("slug", "title", "body", "category", "language", "audience", "review_date", "owner")
STATE_FIELDS = (
    "status", "live_revision", "published_at", "answerable_at", "index_attempts", "index_error", "index_retry_at",
)  # fmt: skip


class PublishingError(ValueError):
    """A verb that cannot be done; its text is a sentence for the person who asked for it."""


class SavedMeanwhile(Exception):
    """Somebody saved the article after this writer's page last saw it; nothing was written."""

    def __init__(self, article: Article) -> None:
        super().__init__(str(article.pk))
        self.article = article


def storable(text: str) -> str:
    """Text as PostgreSQL can keep it: no NUL, no half of a surrogate pair, lines that end in one character."""
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    return whole.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


@transaction.atomic
def save_draft(*, article: Article, by: "User | None") -> Article:
    """Keep title and body for later; customers see nothing of them. The rest of the article holds at once."""
    _write(article)
    transaction.on_commit(partial(tasks.hint, article.pk), robust=True)
    logger.info("article_saved", article=str(article.pk), by=by.pk if by else None)
    return article


@transaction.atomic
def publish(*, article: Article, by: "User | None", note: str = "") -> Revision:
    """Show the article as it is now. An unchanged one keeps its revision, and its passages are repaired.

    Raises PublishingError if there is no text to show, or too much of it.
    """
    _write(article)
    try:
        pieces = cut_article(article.title, article.body)
    except Uncuttable as error:
        raise PublishingError(str(error)) from None
    revision = article.live_revision
    if revision is None or _differs(revision, article):
        revision = _new_revision(article, by, note)
        article.published_at = timezone.now()
        article.answerable_at = None
    article.live_revision, article.status = revision, Article.Status.PUBLISHED
    if replace_passages(article, revision, pieces):
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
def restore(*, revision: Revision, by: "User | None", seen: str | None = None) -> Article:
    """Make the title and body of a revision the draft. Nothing is published.

    `seen` is `Article.updated` in ISO form as the page knows it. Raises SavedMeanwhile.
    """
    article = _lock(revision.article_id)
    if seen is not None and article.updated.isoformat() != seen:
        raise SavedMeanwhile(article)
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
    replaced = replace_passages(locked, revision, cut_article(revision.title, revision.body))
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


def _repeat_onto_passages(article: Article) -> None:
    faces = {"audience": article.audience, "language": article.language}
    live = Chunk.objects.filter(article=article, live=True)
    live.update(**faces)
    Embedding.objects.filter(chunk__article=article).update(**faces)
    set_search_words(article, list(live.values_list("pk", flat=True)))


def _withdraw(article: Article, *, archived: bool) -> None:
    """Leave retrieval, in this transaction."""
    locked = _lock(article.pk)
    retire(Chunk.objects.filter(article=locked, live=True))
    locked.status = Article.Status.ARCHIVED if archived else Article.Status.DRAFT
    locked.live_revision = None
    locked.published_at = locked.answerable_at = None
    _save_state(locked)
    transaction.on_commit(partial(tasks.hint, locked.pk), robust=True)
    article.refresh_from_db()
