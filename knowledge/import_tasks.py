"""Doors for Celery: runs of imports, one at a time in the workers, so that most of them stay free for the rest."""

from functools import partial
from typing import TYPE_CHECKING

from celery import shared_task
from django.db import transaction

from knowledge import import_files, imports
from knowledge.models import ImportRun, ImportSource
from knowledge.vector_index import advisory_lock
from supportbot import hints

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SOFT_SECONDS, HARD_SECONDS = 2 * 3600, 2 * 3600 + 120
WORKERS_LOCK = 7_220_005  # an advisory lock of this database, beside those of vector_index
SWEEP_SECONDS = 60


@shared_task(soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def carry_out(run_id: int) -> None:
    with advisory_lock(WORKERS_LOCK) as held:
        if held:
            imports.carry_out(run_id)
    if held and (following := imports.next_waiting()):
        hint(following)


@shared_task(soft_time_limit=SWEEP_SECONDS, time_limit=SWEEP_SECONDS + 10)
def sweep() -> None:
    """Go on with what was broken off or never began, and delete what was uploaded long ago."""
    for run_id in imports.waiting():
        hint(run_id)
    import_files.expire()


def begin(*, source: ImportSource, by: "User | None", preview: bool, **options: bool) -> ImportRun:
    """Start a run and ask a worker to carry it out. Raises ImportRefused."""
    run = imports.start(source=source, by=by, preview=preview, **options)
    transaction.on_commit(partial(hint, run.pk), robust=True)
    return run


def hint(run_id: int) -> None:
    """Ask a worker to carry a run out now."""
    hints.hint(carry_out, run_id)
