"""The verbs of imports: start, cancel, carry out, sweep. A run that was broken off goes on where it stopped."""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, transaction
from django.utils import timezone

from knowledge import import_files
from knowledge.import_pass import Cancelled, Tell, go_through
from knowledge.import_plan import Action
from knowledge.importers import SourceError
from knowledge.models import ImportItem, ImportRun, ImportSource
from knowledge.vector_index import advisory_lock
from supportbot.log import get_logger

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = get_logger(__name__)

State: Any = ImportRun.State
SOURCE_LOCKS = 7_230_000_000  # the advisory lock of a source is this and its key
STALE_SECONDS = 30  # without a beat for so long, a run is looked after; its lock says whether somebody is at it
MAX_ATTEMPTS = 5
KEPT_REPORTS, KEPT_RUNS = 10, 50  # of each source
LASTING = (Action.NEW, Action.CHANGED, Action.MOVED, Action.MISSING, Action.EDITED)


class ImportRefused(ValueError):
    """A verb that cannot be done now; its text is a sentence for the person who asked for it."""


def start(
    *, source: ImportSource, by: "User | None", preview: bool, overwrite: bool = False, allow_missing: bool = False
) -> ImportRun:
    """A run that waits for a worker. Raises ImportRefused if one of this source is not finished yet."""
    try:
        with transaction.atomic():
            run = ImportRun.objects.create(
                source=source, by=by, preview=preview, overwrite=overwrite, allow_missing=allow_missing
            )
    except IntegrityError:
        raise ImportRefused(f"{source} is being read already. Wait until it is done, or cancel it.") from None
    logger.info("import_asked", run=run.pk, source=source.pk, preview=preview, by=by.pk if by else None)
    return run


def cancel(*, run: ImportRun) -> None:
    """End it: at once if it waits, else within about a second. What was written stays."""
    unfinished = ImportRun.objects.filter(pk=run.pk, state__in=ImportRun.UNFINISHED)
    unfinished.update(cancel_asked=True)
    unfinished.filter(state=State.QUEUED).update(state=State.CANCELLED, finished=timezone.now())
    logger.info("import_cancelled", run=run.pk)


def carry_out(run_id: int, *, tell: Tell = lambda run: None, source: ImportSource | None = None) -> bool:
    """Begin a run, or go on with one that was broken off. False if somebody else is at it, or it is finished.

    `source` is the run's own with other options, for a preview of what they would do.
    """
    run = ImportRun.objects.select_related("source__category", "by").filter(pk=run_id).first()
    if run is None:
        return False
    with advisory_lock(SOURCE_LOCKS + run.source_id) as held:
        if not held:
            return False
        run.refresh_from_db()
        if run.is_finished:
            return False
        if source is not None and run.preview:
            run.source = source
        _begin(run)
        _to_an_end(run, tell)
        return True


def delete(*, source: ImportSource) -> None:
    """Forget a source with its runs and its file. The articles stay."""
    for run in source.runs.filter(state__in=ImportRun.UNFINISHED):
        cancel(run=run)
    import_files.drop(source)
    key = source.pk
    source.delete()
    logger.info("import_deleted", source=key)


def waiting() -> list[int]:
    """Unfinished runs that nobody has touched for a while, oldest first; each is left alone for a while again."""
    stale = ImportRun.objects.filter(
        state__in=ImportRun.UNFINISHED, heartbeat__lt=timezone.now() - timedelta(seconds=STALE_SECONDS)
    )
    keys = list(stale.order_by("pk").values_list("pk", flat=True))
    ImportRun.objects.filter(pk__in=keys).update(heartbeat=timezone.now())
    return keys


def next_waiting() -> int | None:
    return ImportRun.objects.filter(state=State.QUEUED).order_by("pk").values_list("pk", flat=True).first()


def _begin(run: ImportRun) -> None:
    run.attempts += 1
    run.state, run.started = State.READING, run.started or timezone.now()
    run.heartbeat = timezone.now()
    run.save(update_fields=["attempts", "state", "started", "heartbeat"])
    run.items.exclude(action__in=LASTING).delete()
    run.counts = dict(Counter(run.items.values_list("action", flat=True)))


def _to_an_end(run: ImportRun, tell: Tell) -> None:
    try:
        if run.attempts > MAX_ATTEMPTS:
            raise SourceError(f"The process that read it ended {MAX_ATTEMPTS} times. The worker's log may say why.")
        incomplete = go_through(run, tell)
    except Cancelled:
        _finish(run, State.CANCELLED, "")
    except KeyboardInterrupt:
        _finish(run, State.CANCELLED, "It was interrupted. What was written stays; import again to go on.")
        raise
    except SoftTimeLimitExceeded:
        after = "What was written stays; import again to go on." if run.written else "Import it in parts."
        _finish(run, State.FAILED, f"It took too long. {after}")
    except SourceError as error:
        _finish(run, State.FAILED, error.text)
    else:
        _finish(run, State.DONE, incomplete)
    tell(run)


def _finish(run: ImportRun, state: str, error: str) -> None:
    run.state, run.error, run.finished = state, error[:500], timezone.now()
    ImportRun.objects.filter(pk=run.pk, state__in=ImportRun.UNFINISHED).update(
        state=state,
        error=run.error,
        finished=run.finished,
        found=run.found,
        counts=run.counts,
        planned=run.planned,
        written=run.written,
    )
    old = list(ImportRun.objects.filter(source=run.source_id).values_list("pk", flat=True)[KEPT_REPORTS:])
    ImportItem.objects.filter(run__in=old).delete()
    ImportRun.objects.filter(pk__in=old[KEPT_RUNS - KEPT_REPORTS :]).delete()
    logger.info("import_finished", run=run.pk, state=state, **run.counts)
