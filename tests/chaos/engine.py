"""Scripts for the fake engine: answers that take seconds, and the ways in which a foreign engine misbehaves."""

import json
import random

MOST_REQUESTS = 30_000
MISDEEDS = (
    "cut", "malformed", "stall", "429", "500", "503", "say:The warranty is 99 years and costs 12345 euros.",
    "say:I do not know [7] [8] ![x](https://evil.example/p.png)", "say: ",
)  # fmt: skip


def steady_script() -> str:
    """A word every 50 ms, for longer than any run."""
    return json.dumps({"chat": ["slow"] * MOST_REQUESTS})


def misbehaving_script(chance: random.Random, requests: int) -> str:
    """The next requests meet something each, chat and embeddings alike; afterwards all is well."""
    chat = [chance.choice((*MISDEEDS, "slow")) for _ in range(requests)]
    embeddings = [chance.choice(("500", "malformed", "ok", "ok")) for _ in range(requests)]
    return json.dumps({"chat": [*chat, *["slow"] * MOST_REQUESTS], "embeddings": embeddings})
