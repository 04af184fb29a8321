"""`manage.py bench questions --url ws://…`: how long a customer waits for the first word, on an instance that runs.

The questions of the demo's test part that stand on their own, one after another, each by a visitor who has just
arrived, through the socket that the widget uses. The instance must have the demo's articles; its counters and
conversations get these questions like any other.
"""

import asyncio
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.bench.visitor import Heard, Unheard, Visitor
from knowledge import demo
from knowledge.bench import machine
from knowledge.evaluation_files import read_questions
from knowledge.scratch import NoGround
from supportbot.inference.bench.figures import quantile_with_interval

HELP = "ask a running instance the demo's test questions over its socket: the first word's time, and the whole answer's"
MOST, MOST_SECONDS = 1_000, 120.0
TIMES = ("sign", "word", "kept", "whole")
WARM = "Hello, what can you help me with?"
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    place = f"ws://127.0.0.1:{settings.PORT}/ws/chat/demo/"
    parser.add_argument("--url", default=place, help="of the chat's socket (default: %(default)s)")
    parser.add_argument("--n", type=int, default=60, metavar="N", help="questions (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds before the next one (default: %(default)s)")


def run(options: dict[str, Any], _arguments: Sequence[str], say: Say) -> dict[str, Any]:
    """Raises NoGround."""
    if not 1 <= options["n"] <= MOST:
        raise NoGround(f"Give 1 to {MOST} questions.")
    file = Path(demo.__file__).parent / "questions.test.jsonl"
    asked = [(one.id, one.question) for one in read_questions([file]) if not one.history]
    chosen = [asked[number % len(asked)] for number in range(options["n"])]
    before = machine.load()
    try:
        rows = asyncio.run(_talk(options["url"], chosen, options["pause"], say))
    except Unheard as error:
        raise NoGround(f"{error} Is the instance up, and does its demo widget exist?") from error
    told = summary(rows) | {"machine": {"processor": machine.processor(), "load": [before, machine.load()]}}
    for line in lines(told):
        say(line)
    return {"rows": rows, "summary": told}


async def _talk(url: str, asked: Sequence[tuple[str, str]], pause: float, say: Say) -> list[dict[str, Any]]:
    rows = []
    async with Visitor.arrive(url) as visitor:
        await visitor.ask(WARM, MOST_SECONDS)
    for number, (name, question) in enumerate(asked, 1):
        await asyncio.sleep(pause)
        async with Visitor.arrive(url) as visitor:
            heard = await visitor.ask(question, MOST_SECONDS)
        rows.append(_row(name, heard))
        if number % 10 == 0:
            say(f"{number} of {len(asked)} questions")
    return rows


def _row(name: str, heard: Heard) -> dict[str, Any]:
    """Times in seconds; of the words only how many there were."""
    told = {key: value for key, value in asdict(heard).items() if key != "text"}
    return {"question": name, **{key: round(told[key], 4) for key in TIMES}, "outcome": heard.outcome,
            "reason": heard.reason, "epochs": heard.epochs, "words": len(heard.text.split())}  # fmt: skip


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Percentiles with the interval that drawing the questions again gives, of all that got words."""
    spoken = [row for row in rows if row["outcome"] not in ("failed", "error")]
    told: dict[str, Any] = {"n": len(spoken), "outcomes": dict(Counter(row["outcome"] for row in rows))}
    for name in TIMES if spoken else ():
        values = [row[name] for row in spoken]
        told[name] = {f"p{share}": quantile_with_interval(values, share / 100) for share in (50, 95)}
    return told


def lines(told: dict[str, Any]) -> list[str]:
    """A table for the terminal."""
    names = {"sign": "first sign", "word": "first word", "kept": "first word that stayed", "whole": "whole answer"}
    shown = [f"{told['n']} answers: " + ", ".join(f"{count} {name}" for name, count in told["outcomes"].items())]
    for name in TIMES if told["n"] else ():
        parts = [f"{share} {value:.2f} s [{low:.2f}, {high:.2f}]" for share, (value, low, high) in told[name].items()]
        shown.append(f"{names[name]:24}" + "  ".join(parts))
    return shown
