"""The door for Celery to the building of spaces."""

from celery import shared_task

from knowledge import building
from supportbot import hints

PART_SECONDS = 8.0  # a worker that is asked to end does so after a part
HINT_EXPIRES = 60  # seconds; the beat has been there by then
HARD_SECONDS = 6 * 3600  # an index of millions of passages takes hours


@shared_task(soft_time_limit=HARD_SECONDS - 60, time_limit=HARD_SECONDS)
def build_spaces() -> None:
    """A part of what is to be built. The next is asked for at once, and by the beat in any case."""
    if not building.build(PART_SECONDS):
        return
    hints.hint(build_spaces, expires=HINT_EXPIRES)
