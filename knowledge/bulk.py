"""One change of many articles: asked for, confirmed, done a part at a time, and told.

Each article is changed by the same verb as alone, in its own transaction; one that cannot be changed stops no other.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from knowledge import publishing
from knowledge.models import LANGUAGES, Article, BulkChange, Category
from knowledge.models.bulk import MAX_ARTICLES
from knowledge.publishing import PublishingError
from supportbot.log import get_logger

logger = get_logger(__name__)

MAX_FAILURES = 20  # that are told; the others are counted
CLAIM_SECONDS = 60  # an article takes less by far; after it somebody else goes on
FORGOTTEN = {"unconfirmed": 1, "finished": 30}  # days
Verb = BulkChange.Verb
EFFECTS = {
    Verb.PUBLISH: "Customers see the saved text of each at once. An article without text is left out and told.",
    Verb.UNPUBLISH: "Customers see them no longer, and no question is answered from them. They are drafts again.",
    Verb.ARCHIVE: "Customers see them no longer, and no question is answered from them. They are out of the way.",
    Verb.REEMBED: "Their vectors are made again. Their words are searched meanwhile. Drafts are left out and told.",
    Verb.CATEGORY: "The category holds at once, for live articles too.",
    Verb.OWNER: "The owner holds at once. Customers see nothing of it.",
    Verb.LANGUAGE: "The language holds at once; live passages are searched as that language. Texts are not translated.",
}
DONE = {
    Verb.PUBLISH: "published", Verb.UNPUBLISH: "unpublished", Verb.ARCHIVE: "archived", Verb.REEMBED: "embedded again",
    Verb.CATEGORY: "moved to their category", Verb.OWNER: "given their owner", Verb.LANGUAGE: "set to their language",
}  # fmt: skip


GONE = {
    Verb.CATEGORY: "The category was deleted meanwhile.", Verb.OWNER: "The owner is no active colleague any more.",
    Verb.LANGUAGE: "The language is not offered any more.",
}  # fmt: skip


class BulkError(ValueError):
    """A change that cannot be begun; its text is a sentence for people."""


def ask(*, verb: str, articles: Sequence[UUID], by: AbstractBaseUser) -> BulkChange:
    """Keep what was chosen; nothing is changed before it is confirmed."""
    if len(articles) > MAX_ARTICLES:
        raise BulkError(f"{len(articles):,} articles are too many for one change: {MAX_ARTICLES:,} is the most.")
    return BulkChange.objects.create(verb=verb, articles=list(articles), by=by)


def choices(verb: str) -> list[tuple[str, str]]:
    """What may be set; empty for a verb that sets nothing."""
    match verb:
        case Verb.CATEGORY:
            return [(str(pk), name) for pk, name in Category.objects.values_list("pk", "name")]
        case Verb.OWNER:
            staff = get_user_model().objects.filter(is_staff=True, is_active=True).order_by("username")
            return [("", "Nobody"), *((str(person.pk), person.get_username()) for person in staff)]
        case Verb.LANGUAGE:
            return list(LANGUAGES)
    return []


def confirm(*, change: BulkChange, value: str, by: AbstractBaseUser) -> None:
    """From now on it is carried out, here or by a worker. Raises BulkError."""
    if change.verb in GONE and value not in dict(choices(change.verb)):
        raise BulkError("Choose what to set.")
    BulkChange.objects.filter(pk=change.pk, confirmed_at=None).update(value=value, confirmed_at=Now(), by=by)
    logger.info("bulk_confirmed", change=str(change.pk), verb=change.verb, articles=len(change.articles))


def carry_out(key: UUID, *, seconds: float) -> bool:
    """Go on with it until the time is over. Gives whether it has ended; False too where others are at it."""
    end = monotonic() + seconds
    if not _claim(key):
        return False
    change = BulkChange.objects.select_related("by").get(pk=key)
    left = change.articles[change.done + change.failed :]
    if change.verb in GONE and change.value not in dict(choices(change.verb)):
        for article in left:
            _note_failure(change, article, GONE[Verb(change.verb)])
        left = []
        _count(change)
    do = _act(change)
    for article in left:
        if monotonic() >= end:
            BulkChange.objects.filter(pk=key).update(claimed_until=None)
            return False
        _change_one(change, article, do)
    BulkChange.objects.filter(pk=key).update(finished_at=Now(), claimed_until=None)
    logger.info("bulk_finished", change=str(key), verb=change.verb, done=change.done, failed=change.failed)
    return True


def waiting() -> list[UUID]:
    """Confirmed, not finished, and nobody is at it."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
    unfinished = BulkChange.objects.filter(free, confirmed_at__isnull=False, finished_at=None)
    return list(unfinished.order_by("created").values_list("pk", flat=True)[:10])


def forget() -> None:
    """What was never confirmed, and what ended long ago."""
    now = timezone.now()
    old = {name: now - timedelta(days=days) for name, days in FORGOTTEN.items()}
    BulkChange.objects.filter(
        Q(confirmed_at=None, created__lt=old["unconfirmed"]) | Q(finished_at__lt=old["finished"])
    ).delete()


def _claim(key: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE knowledge_bulkchange SET claimed_until = now() + make_interval(secs => %s)
               WHERE id = %s AND confirmed_at IS NOT NULL AND finished_at IS NULL
                 AND (claimed_until IS NULL OR claimed_until < now())""",
            [CLAIM_SECONDS, key],
        )
        return cursor.rowcount == 1


def _act(change: BulkChange) -> Callable[[Article], Any]:
    by = change.by
    match change.verb:
        case Verb.PUBLISH:
            return lambda article: publishing.publish(article=article, by=by)
        case Verb.UNPUBLISH:
            return lambda article: publishing.unpublish(article=article, by=by)
        case Verb.ARCHIVE:
            return lambda article: publishing.archive(article=article, by=by)
        case Verb.REEMBED:
            return lambda article: publishing.reembed(article=article, by=by)
    field = {Verb.CATEGORY: "category_id", Verb.OWNER: "owner_id", Verb.LANGUAGE: "language"}[Verb(change.verb)]
    value = change.value if field == "language" else int(change.value) if change.value else None

    def set_field(article: Article) -> None:
        setattr(article, field, value)
        publishing.save_draft(article=article, by=by)

    return set_field


def _change_one(change: BulkChange, key: UUID, do: Callable[[Article], Any]) -> None:
    """The change and its count are one transaction: a worker that dies repeats nothing and leaves nothing out."""
    done, reason = change.done, ""
    try:
        with transaction.atomic():
            article = Article.objects.select_for_update().filter(pk=key).first()
            if article is None:
                raise PublishingError("This article was deleted meanwhile.")
            do(article)
            _log(change, article)
            change.done += 1
            _count(change)
    except PublishingError as error:
        reason = str(error)
    except (IntegrityError, DataError) as error:  # at the commit too: what it refers to was deleted at this moment
        logger.warning("bulk_refused", change=str(change.pk), article=str(key), error=type(error).__name__)
        reason = "The database refused it: something that it refers to was deleted meanwhile."
    if reason:
        change.done = done
        _note_failure(change, key, reason)
        _count(change)


def _note_failure(change: BulkChange, key: UUID, reason: str) -> None:
    change.failed += 1
    if len(change.failures) < MAX_FAILURES:
        title = Article.objects.filter(pk=key).values_list("title", flat=True).first()
        change.failures.append({"article": str(key), "title": title or "", "reason": reason})


def _count(change: BulkChange) -> None:
    until = timezone.now() + timedelta(seconds=CLAIM_SECONDS)
    BulkChange.objects.filter(pk=change.pk).update(
        done=change.done, failed=change.failed, failures=change.failures, claimed_until=until
    )


def _log(change: BulkChange, article: Article) -> None:
    if change.by_id is not None:
        LogEntry.objects.log_actions(
            change.by_id, [article], CHANGE, change_message=f"{change.get_verb_display()}.", single_object=True
        )
