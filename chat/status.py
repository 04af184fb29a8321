"""Whether every question gets its last word, for the page of `supportbot.status`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max
from django.db.models.functions import Coalesce, Now

from chat import leases
from supportbot.status import Check, Figure, Part, State, briefly, register

TITLE = "Answers that are not finished"
LATE_SECONDS, STUCK_SECONDS = 15.0, 60.0
LATE_SWEEPS, STUCK_SWEEPS = 4, 12


def register_all() -> None:
    register(Check("replies", TITLE, "What waits", unfinished))


def unfinished() -> Iterator[Part]:
    """Being written is well; without an owner for longer than the sweep takes is not. By the database's clock."""
    left = ExpressionWrapper(Now() - Coalesce(F("lease_until"), F("created")), output_field=DurationField())
    with briefly():
        count = leases.unfinished().count()
        lapsed = leases.lapsed().aggregate(count=Count("pk"), longest=Max(left))
    yield _part(count, lapsed["count"], max(0.0, (lapsed["longest"] or timedelta()).total_seconds()))


def _part(count: int, lapsed: int, longest: float) -> Part:
    late = max(LATE_SECONDS, LATE_SWEEPS * settings.SWEEP_SECONDS)
    stuck = max(STUCK_SECONDS, STUCK_SWEEPS * settings.SWEEP_SECONDS)
    state = State.STUCK if longest > stuck else State.LATE if longest > late else State.WORKS
    text = f"{count} being written or waiting." if count else "None: every question has its last word."
    remedy, since = "", None
    if state != State.WORKS:
        text += f" {lapsed} without an owner, the oldest for {longest:.0f} s."
        remedy = "See the worker of the queue “chat”, the beat and the sweep “finish what was left” above."
        since = datetime.now(UTC) - timedelta(seconds=longest)
    figures = (
        Figure("supportbot_replies_unfinished", "Replies that have not ended.", count),
        Figure("supportbot_replies_ownerless", "Of these, those that nobody writes.", lapsed),
        Figure("supportbot_replies_ownerless_oldest_seconds", "How long the oldest of them has had no owner.", longest),
    )
    return Part("replies", TITLE, state, text, remedy, since, figures)
