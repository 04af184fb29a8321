"""Each process tells its meters into Redis now and then; any web process shows all (docs/decisions/metrics.md).

What a process has told is kept for some minutes after its end, so that its last counts are read; its gauges, which
are of now, end sooner.
"""

import atexit
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric
from redis.exceptions import RedisError

from supportbot.heartbeats import HOST, redis_client
from supportbot.log import get_logger
from supportbot.meters import REGISTRY

logger = get_logger(__name__)

KEY = "supportbot:meters"
ENDED = "supportbot_process_ended"
EVERY_SECONDS = 5.0
FRESH_SECONDS, KEPT_SECONDS = 20.0, 300
MOST_PROCESSES, MOST_BYTES = 200, 262_144

_process = ""
_ended = threading.Event()


@dataclass(frozen=True, slots=True)
class Told:
    """What one process told, `age` seconds ago."""

    process: str
    age: float
    families: list[Any]

    @property
    def fresh(self) -> bool:
        return self.age < FRESH_SECONDS

    @property
    def missing(self) -> bool:
        """It is silent, has not said that it ends, and is not known to be dead: frozen, or cut off from Redis."""
        return not self.fresh and not self.value(ENDED) and _may_live(self.process)

    def value(self, name: str) -> float:
        """Of a gauge without labels; 0 where it was not told."""
        return next((rows[0][2] for family, _, _, rows in self.families if family == name and rows), 0.0)


def begin(kind: str) -> None:
    """Tell of this process from now on, in a thread of its own: nothing else waits for Redis."""
    global _process
    name = f"{kind}@{HOST}:{os.getpid()}"
    if _process == name:
        return
    _process = name
    threading.Thread(target=_tell_on, name="meters", daemon=True).start()
    atexit.register(end)


def end() -> None:
    """The last counts of this process."""
    if not _ended.is_set():
        _ended.set()
        tell(ended=True)


def _tell_on() -> None:
    while not _ended.wait(EVERY_SECONDS):
        tell()


def tell(*, ended: bool = False) -> bool:
    """Once. False when Redis did not take it; the next time it does."""
    last = [[ENDED, "This process said that it ends.", "gauge", [[ENDED, {}, 1.0]]]] if ended else []
    text = json.dumps(families() + last)
    if len(text) > MOST_BYTES:
        logger.error("meters_too_large", bytes=len(text))
        return False
    try:
        redis = redis_client()
        pipeline = redis.pipeline(transaction=False)
        pipeline.set(f"{KEY}:{_process}", text, ex=KEPT_SECONDS)
        pipeline.zadd(KEY, {_process: int(redis.time()[0])})
        pipeline.execute()
    except (RedisError, OSError):
        return False
    return True


def _may_live(process: str) -> bool:
    """False for one of this machine that is gone; nobody knows of other machines."""
    host, _, number = process.partition("@")[2].rpartition(":")
    if host != HOST:
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def families() -> list[Any]:
    """This process's meters as JSON can hold them: [name, text, type, [[name, labels, value]]]."""
    rows = []
    for metric in REGISTRY.collect():
        samples = [[s.name, s.labels, s.value] for s in metric.samples if s.name != f"{metric.name}_created"]
        rows.append([metric.name, metric.documentation, metric.type, samples])
    return rows


def told() -> list[Told]:
    """By every process of late, the newest first. Raises RedisError, OSError."""
    redis = redis_client()
    now = int(redis.time()[0])
    redis.zremrangebyscore(KEY, "-inf", now - KEPT_SECONDS)
    rows: Any = redis.zrevrange(KEY, 0, MOST_PROCESSES - 1, withscores=True)
    texts = redis.mget([f"{KEY}:{name}" for name, _ in rows]) if rows else []
    pairs = zip(rows, texts, strict=True)
    return [Told(name, max(0.0, now - at), json.loads(text)) for (name, at), text in pairs if text]


def metrics() -> Iterator[Metric]:
    """Of every process, each with its name as a label; of this one as it is now, with or without Redis."""
    try:
        others = [one for one in told() if one.process != _process]
    except (RedisError, OSError, ValueError):
        others = []
    joined: dict[str, Metric] = {}
    for one in [Told(_process or f"here@{HOST}:{os.getpid()}", 0.0, families()), *others]:
        for name, text, kind, samples in one.families:
            if kind == "gauge" and not one.fresh:
                continue
            metric = joined.setdefault(name, Metric(name, text, kind))
            for sample, labels, value in samples:
                metric.add_sample(sample, {**labels, "process": one.process}, value)
    yield from joined.values()
