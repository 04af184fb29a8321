"""Signs of life of what runs beside the web: a time in Redis for each queue, each sweep and the beat.

A queue's time is written when a worker has *ended* a task of it well; the beat sends every queue a small one now and
then, so that a quiet queue shows it too. All times are those of Redis' own clock: no other machine's counts, and a step
of the clock moves all of them together. Whatever Redis does, writing takes at most a moment and never raises.
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from supportbot.log import get_logger

logger = get_logger(__name__)

KEY, BEATS, BEGAN = "supportbot:heartbeats", "supportbot:beats", "began"
REDIS_SECONDS = 0.5
RESTS_SECONDS = 5.0  # after a write that failed, none is tried
EVERY_SECONDS = 2.0  # a process writes each sign at most so often
BEAT_FORGOTTEN_SECONDS = 3600
OVERLAP_SECONDS = 5  # a beat that was heard so long after another began runs beside it
LATE_SECONDS, STUCK_SECONDS = 60.0, 180.0
LATE_TURNS, STUCK_TURNS = 4, 12  # of a sweep that is seldom

# When anybody first looked, since Redis was last emptied: what was never heard of is missing since then.
BEGIN = "return redis.call('ZADD', KEYS[1], 'NX', redis.call('TIME')[1], ARGV[1])"
HOST = socket.gethostname()[:40]

_rests_until = 0.0
_written: dict[str, float] = {}
_beat = ""


@cache
def client(url: str, process: int) -> Redis:
    """One a process: a child that was forked makes its own."""
    return Redis.from_url(
        url,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


def redis_client() -> Redis:
    return client(settings.REDIS_URL, os.getpid())


def queues() -> list[str]:
    """Every queue that something is sent to."""
    routed = [str(route["queue"]) for route in settings.CELERY_TASK_ROUTES.values()]
    return list(dict.fromkeys([settings.CELERY_TASK_DEFAULT_QUEUE, *routed]))


def sweeps() -> dict[str, tuple[str, float]]:
    """Task -> what the schedule calls it, and its seconds."""
    return {
        str(entry["task"]): (name, float(entry["schedule"]))
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        if entry["task"] not in ("supportbot.tasks.heartbeat", "supportbot.tasks.watch")
    }


def note(sign: str) -> None:
    """This lives now."""
    now = time.monotonic()
    if not _is_due(sign, now):
        return
    try:
        redis = redis_client()
        redis.zadd(KEY, {sign: _seconds(redis.time())})
        _written[sign] = now
    except (RedisError, OSError) as error:
        _rest(error)


def note_beat() -> None:
    """The beat of this process has just sent something. Its name tells when it began, so that two can be told apart."""
    global _beat
    began = time.monotonic()
    if not _is_due(BEATS, began):
        return
    try:
        redis = redis_client()
        now = _seconds(redis.time())
        _beat = _beat or f"{HOST}:{os.getpid()} {now:.1f}"
        redis.zadd(BEATS, {_beat: now})
        redis.zremrangebyscore(BEATS, "-inf", now - BEAT_FORGOTTEN_SECONDS)
        _written[BEATS] = began
    except (RedisError, OSError) as error:
        _rest(error)


def _is_due(sign: str, now: float) -> bool:
    return now >= _rests_until and now - _written.get(sign, -EVERY_SECONDS) >= EVERY_SECONDS


def _rest(error: Exception) -> None:
    global _rests_until
    _rests_until = time.monotonic() + RESTS_SECONDS
    logger.warning("heartbeat_not_written", error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class Sign:
    """How long ago something was heard of; None: never, for as long as anybody has listened. `state` is a word."""

    name: str
    age: float | None
    state: str  # ok | starting | late | stuck


@dataclass(frozen=True, slots=True)
class Signs:
    queues: Sequence[Sign]
    sweeps: Sequence[Sign]
    beat: Sign
    beats: int  # that run side by side

    @property
    def word(self) -> str:
        """One word for all."""
        states = {sign.state for sign in (*self.queues, *self.sweeps, self.beat)}
        return next((word for word in ("stuck", "late", "starting") if word in states), "ok")


def questions(pipeline: Any) -> Any:
    """What must be asked of Redis for `signs`, for a pipeline of either kind."""
    pipeline.eval(BEGIN, 1, KEY, BEGAN)
    pipeline.time()
    pipeline.zrange(KEY, 0, -1, withscores=True)
    pipeline.zrange(BEATS, 0, -1, withscores=True)
    return pipeline


def signs(answers: Sequence[Any]) -> Signs:
    """What the answers to `questions` say. Text or bytes: the clients differ."""
    _, time_now, all_heard, all_beats = answers
    now = _seconds(time_now)
    heard = {_text(name): float(at) for name, at in all_heard}
    beats = {_text(name): float(at) for name, at in all_beats}
    began = heard[BEGAN]
    newest = {"beat": max(beats.values())} if beats else {}

    def sign(name: str, at: Mapping[str, float], seconds: float) -> Sign:
        age = max(0.0, now - at[name]) if name in at else None
        return Sign(name, age, _state(age, max(0.0, now - began), seconds))

    return Signs(
        queues=[sign(f"queue:{queue}", heard, 0) for queue in queues()],
        sweeps=[sign(f"sweep:{task}", heard, seconds) for task, (_, seconds) in sweeps().items()],
        beat=sign("beat", newest, 0),
        beats=_side_by_side(beats, now),
    )


def listen() -> Signs:
    """Raises RedisError, OSError."""
    return signs(questions(redis_client().pipeline(transaction=False)).execute())


def _state(age: float | None, listened: float, seconds: float) -> str:
    late, stuck = max(LATE_SECONDS, LATE_TURNS * seconds), max(STUCK_SECONDS, STUCK_TURNS * seconds)
    if age is None:
        seldom = seconds > LATE_SECONDS and listened <= late  # hours may pass before it is due: nobody waits for that
        return "stuck" if listened > stuck else "ok" if seldom else "starting"
    return "stuck" if age > stuck else "late" if age > late else "ok"


def _side_by_side(beats: Mapping[str, float], now: float) -> int:
    """How many beats of now were heard after another of them had begun: one that took over from a dead one is one."""
    fresh = {name: at for name, at in beats.items() if now - at < LATE_SECONDS}
    last_to_begin = max((float(name.rsplit(" ", 1)[1]) for name in fresh), default=0.0)
    return sum(1 for at in fresh.values() if at > last_to_begin + OVERLAP_SECONDS) or min(1, len(fresh))


def _seconds(time_of_redis: Sequence[Any]) -> float:
    return int(time_of_redis[0]) + int(time_of_redis[1]) / 1_000_000


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
