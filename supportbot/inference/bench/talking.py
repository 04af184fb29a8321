"""The talk of a peer's process: a JSON object a line, in by stdin and out by stdout. Needs nothing but Python.

The first line tells what to load, and its reply that it is loaded. Each later line is work, its reply what came of it.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def talk(load: Callable[[dict[str, Any]], tuple[dict[str, Any], Answer]]) -> None:
    """`load` is given the first line, and gives what is told of it and what answers the others."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not stand among the replies
    answer: Answer | None = None
    for line in sys.stdin:
        given = json.loads(line)
        if answer is None:
            told, answer = load(given)
        else:
            told = answer(given)
        replies.write(json.dumps(told) + "\n")
        replies.flush()


@dataclass(slots=True)
class Job:
    """One question in a round. Times are seconds since its asking; `written` is the time of each token."""

    number: int
    ids: list[int]
    tokens: int
    asked: float
    written: list[float] = field(default_factory=list)
    output: list[int] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return len(self.written) >= self.tokens

    def told(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "prompt": len(self.ids),
            "tokens": len(self.written),
            "first": self.written[0],
            "whole": self.written[-1],
            "output": self.output,
        }


def queue_of(asked: Sequence[dict[str, Any]]) -> "deque[tuple[int, dict[str, Any]]]":
    return deque(enumerate(asked))


def job_of(number: int, one: dict[str, Any]) -> Job:
    return Job(number, one["ids"], one["tokens"], time.perf_counter())


def round_told(jobs: Sequence[Job], began: float) -> dict[str, Any]:
    """Every job in the order of the questions, and the seconds of the whole round."""
    wall = time.perf_counter() - began
    return {"heard": [job.told() for job in sorted(jobs, key=lambda job: job.number)], "wall": wall}
