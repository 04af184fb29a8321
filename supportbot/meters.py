"""What this process counts and measures, for /metrics. Labels have few values, all of them made by our own code."""

import re
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
MOST_VALUES = 60
OTHER = "other"
CODE = re.compile(r"[a-zA-Z0-9_.:]{1,80}")

# From a moment to a minute; Prometheus joins what lies between two.
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
TASK_SECONDS = (0.01, 0.05, 0.25, 1.0, 5.0, 20.0, 60.0, 300.0, 3600.0)

TASK_WAIT = Histogram(
    "supportbot_task_wait_seconds",
    "From sending a task to its beginning, by queue.",
    ["queue"],
    buckets=TASK_SECONDS,
    registry=REGISTRY,
)
TASK_TIME = Histogram(
    "supportbot_task_seconds",
    "How long tasks took, by task and by how they ended: done or failed.",
    ["task", "end"],
    buckets=TASK_SECONDS,
    registry=REGISTRY,
)
GIVEN_UP = Counter(
    "supportbot_tasks_given_up",
    "Tasks that killed the process they ran in too often.",
    ["task"],
    registry=REGISTRY,
)


class Values:
    """The values that one label may take: a code, and never more of them than `most`. All others are one."""

    def __init__(self, known: Collection[str] = (), most: int = MOST_VALUES) -> None:
        self._seen, self._most = set(known), most

    def bounded(self, value: str) -> str:
        if value not in self._seen:
            if len(self._seen) >= self._most or not CODE.fullmatch(value):
                return OTHER
            self._seen.add(value)
        return value


def counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def histogram(name: str, text: str, *labels: str) -> Histogram:
    return Histogram(name, text, labels, buckets=SECONDS, registry=REGISTRY)
