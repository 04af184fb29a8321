"""Whether every part works: what each app has to say of its parts, with the time since when it is so.

Read by the staff's page, by /metrics and by a task, which keeps the times and logs an alarm when a part gets stuck.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.db import DatabaseError, connection, transaction
from redis.exceptions import RedisError

from supportbot.heartbeats import redis_client
from supportbot.log import get_logger

logger = get_logger(__name__)

KEY = "supportbot:status"
DATABASE_MILLISECONDS = 3000
RECENT_SECONDS, OLD_SECONDS = 5.0, 30.0


class State(StrEnum):
    WORKS = "works"
    STARTING = "starting"
    LATE = "late"
    STUCK = "stuck"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        return "Not known" if self is State.UNKNOWN else self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Figure:
    """A number for /metrics."""

    name: str
    text: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """`key` is for machines; `remedy` says what to do when it does not work; `since` is when the state began."""

    key: str
    title: str
    state: State
    text: str
    remedy: str = ""
    since: datetime | None = None
    figures: Sequence[Figure] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Some parts of one kind. `look` may raise DatabaseError, RedisError and OSError."""

    key: str
    title: str
    group: str
    look: Callable[[], Iterable[Part]]


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    parts: list[Part]


_checks: list[Check] = []
_known: dict[str, tuple[str, float]] = {}  # what this process knows of since when; used where Redis knows nothing
_looking = threading.Lock()
_recent: tuple[float, list[Group]] = (float("-inf"), [])


def register(check: Check) -> None:
    """Called once for each, when the apps are ready: the page shows them in this order."""
    _checks.append(check)


def recent() -> list[Group]:
    """What was seen a few seconds ago; one look at a time. While one hangs: what was seen before it, then nothing."""
    global _recent
    if not _looking.acquire(timeout=RECENT_SECONDS):
        return _recent[1] if time.monotonic() - _recent[0] < OLD_SECONDS else []
    try:
        if time.monotonic() - _recent[0] > RECENT_SECONDS:
            _recent = (time.monotonic(), look())
        return _recent[1]
    finally:
        _looking.release()


def look() -> list[Group]:
    """Ask every part now."""
    groups: dict[str, list[Part]] = {}
    for check in _checks:
        groups.setdefault(check.group, []).extend(_ask(check))
    dated = _dated([part for parts in groups.values() for part in parts])
    return [Group(title, [dated[part.key] for part in parts]) for title, parts in groups.items()]


def _ask(check: Check) -> list[Part]:
    try:
        return list(check.look())
    except RedisError as error:
        return [_unknown(check, "Redis does not answer", "See Redis above.", error)]
    except (DatabaseError, OSError) as error:
        return [_unknown(check, "it could not be looked at", "See the web server's log.", error)]


def _unknown(check: Check, why: str, remedy: str, error: Exception) -> Part:
    return Part(check.key, check.title, State.UNKNOWN, f"Nothing is known: {why} ({type(error).__name__}).", remedy)


@contextmanager
def briefly() -> Iterator[None]:
    """For the questions of a check to the database: given up when they take too long."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {DATABASE_MILLISECONDS}")
        yield


def _dated(parts: Sequence[Part]) -> dict[str, Part]:
    """The parts by key, with the time since when each is as it is; changes are logged, and kept for the next look."""
    now = time.time()
    try:
        kept = {key: (one["state"], one["since"]) for key, one in _kept().items()}
    except (RedisError, OSError, ValueError, KeyError, TypeError):
        kept = {}
    changed: dict[Any, Any] = {}
    dated: dict[str, Part] = {}
    for part in parts:
        told = [each[part.key] for each in (kept, _known) if part.key in each]  # Redis may have missed the newest
        state, since = max(told, key=lambda one: one[1], default=("", now))
        if state != part.state:
            since = part.since.timestamp() if part.since else now
            _log(part, state)
        if kept.get(part.key, ("", 0.0))[0] != part.state:
            changed[part.key] = json.dumps({"state": str(part.state), "since": since})
        _known[part.key] = (str(part.state), since)
        dated[part.key] = replace(part, since=part.since or datetime.fromtimestamp(since, UTC))
    if changed:
        _keep(changed)
    return dated


def _kept() -> dict[str, dict]:
    answer: dict[str, str] = redis_client().hgetall(KEY)  # type: ignore[assignment]
    return {key: json.loads(value) for key, value in answer.items()}


def _keep(changed: Mapping[Any, Any]) -> None:
    try:
        redis_client().hset(KEY, mapping=changed)
    except (RedisError, OSError) as error:
        logger.warning("status_not_kept", error=type(error).__name__)


def _log(part: Part, before: str) -> None:
    """One line a change: the alarm, and its end."""
    if part.state == State.STUCK:
        logger.error("alarm", part=part.key, state=str(part.state), before=before)
    elif before == State.STUCK:
        logger.warning("alarm_over", part=part.key, state=str(part.state))
