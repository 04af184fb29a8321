"""Whether the event loop of a web process turns. What blocks it holds up every socket of the process."""

import asyncio
import time

from prometheus_client import Gauge, Histogram

from supportbot.meters import REGISTRY

TURN_SECONDS = 0.5
SILENT = "supportbot_loop_silent_seconds"

LAG = Histogram(
    "supportbot_loop_lag_seconds",
    "How much later than it was to the event loop came to a task.",
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0),
    registry=REGISTRY,
)
_turned: float | None = None


def silent_seconds() -> float:
    """Since the loop last came to us; asked from another thread. 0 where no loop is watched."""
    return max(0.0, time.monotonic() - _turned - TURN_SECONDS) if _turned is not None else 0.0


Gauge(SILENT, "Since the event loop last turned.", registry=REGISTRY).set_function(silent_seconds)


async def watch() -> None:
    """For as long as the process serves."""
    global _turned
    while True:
        due = time.monotonic() + TURN_SECONDS
        await asyncio.sleep(TURN_SECONDS)
        _turned = time.monotonic()
        LAG.observe(max(0.0, _turned - due))
