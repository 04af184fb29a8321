"""`manage.py bench beside`: what a customer who chats feels of a knowledge base that is embedded anew.

Blocks of questions take turns: with nothing else to do, and while as many requests for vectors are under way as a
worker keeps. Each question costs what it does in the chat: its own vector, then an answer from the demo's passages. No
question is asked twice, since the model server would remember it.
"""

import asyncio
import random
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from typing import Any

from django.conf import settings

from chat.bench.support_prompts import support_prompts
from knowledge.bench import machine
from knowledge.filling import BATCH, DEPTH
from knowledge.scratch import NoGround, model_server
from supportbot.inference import client
from supportbot.inference.bench.figures import quantile, quantile_with_interval, ratio_with_interval

HELP = "how much longer a customer waits for an answer while many passages are embedded"
TURNS = ("quiet", "beside")
TIMES = ("first", "whole")
MOST_BLOCKS, MOST_SIZE, SECONDS, WARM = 50, 50, 120.0, 2
Row = dict[str, Any]
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--blocks", type=int, default=6, help="of each kind, taking turns (default: %(default)s)")
    parser.add_argument("--size", type=int, default=6, help="questions in a block (default: %(default)s)")
    parser.add_argument("--words", type=int, default=130, help="of each text that is embedded (default: %(default)s)")


def run(options: dict[str, Any], _arguments: Sequence[str], say: Say) -> dict[str, Any]:
    """Raises NoGround."""
    blocks, size = options["blocks"], options["size"]
    if not 1 <= blocks <= MOST_BLOCKS or not 1 <= size <= MOST_SIZE or not 1 <= options["words"] <= 1_000:
        raise NoGround(f"Give 1 to {MOST_BLOCKS} blocks of 1 to {MOST_SIZE} questions, and 1 to 1000 words.")
    prompts = support_prompts()
    if len(prompts) < WARM + 2 * blocks * size:
        raise NoGround(f"The demo has {len(prompts)} questions: ask for fewer or smaller blocks.")
    before = machine.load()
    try:
        with model_server(say):
            rows, embedded = asyncio.run(_take_turns([messages for _, messages in prompts], options, say))
    except client.ModelError as error:
        raise NoGround(f"The model server did not answer: {error}") from error
    summary = summary_of(rows) | {"texts_per_second_beside": round(embedded, 2)}
    summary["machine"] = {"processor": machine.processor(), "load": [before, machine.load()]}
    for line in lines(summary):
        say(line)
    return {"rows": rows, "summary": summary}


async def _take_turns(
    prompts: Sequence[list[dict[str, str]]], options: dict[str, Any], say: Say
) -> tuple[list[Row], float]:
    """The answers' times, and how many texts a second were embedded beside them."""
    rows: list[Row] = []
    left, done, seconds = iter(prompts), 0, 0.0
    for _ in range(WARM):
        await _ask(next(left))
    for block in range(options["blocks"]):
        for turn in TURNS:
            began = time.perf_counter()
            with _embedding(options["words"], at_once=DEPTH if turn == "beside" else 0) as counted:
                for _ in range(options["size"]):
                    rows.append({"turn": turn, "block": block, **await _ask(next(left))})
                done += counted()
                seconds += time.perf_counter() - began if turn == "beside" else 0.0
        say(f"block {block + 1} of {options['blocks']}")
    return rows, done / seconds


async def _ask(messages: list[dict[str, str]]) -> Row:
    asked, first = time.perf_counter(), 0.0
    await client.aembed([messages[-1]["content"][-200:]])
    stream = client.stream_chat(
        messages,
        model=settings.CHAT_MODEL,
        max_tokens=settings.CHAT_MAX_ANSWER_TOKENS,
        first_token_seconds=SECONDS,
        total_seconds=SECONDS,
    )
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            if isinstance(piece, str) and not first:
                first = time.perf_counter() - asked
    whole = time.perf_counter() - asked
    return {"first": round(first or whole, 4), "whole": round(whole, 4)}


@contextmanager
def _embedding(words: int, *, at_once: int) -> Iterator[Callable[[], int]]:
    """So many requests for vectors under way all the time; gives what tells how many texts are embedded."""
    over, counts = threading.Event(), [0] * at_once
    chance = random.Random(1)
    vocabulary = " ".join(message["content"] for message in support_prompts()[0][1]).split()

    def ask(number: int) -> None:
        while not over.is_set():
            texts = [" ".join(chance.choices(vocabulary, k=words)) for _ in range(BATCH)]
            counts[number] += len(client.embed(texts, timeout=SECONDS))

    with ThreadPoolExecutor(max(1, at_once)) as pool:
        tasks = [pool.submit(ask, number) for number in range(at_once)]
        try:
            yield lambda: sum(counts)
        finally:
            over.set()
            for task in tasks:
                task.result()


def summary_of(rows: Sequence[Row]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in TIMES:
        values = {turn: [row[name] for row in rows if row["turn"] == turn] for turn in TURNS}
        told[name] = {
            turn: {f"p{share}": quantile_with_interval(of, share / 100) for share in (50, 95)}
            for turn, of in values.items()
        }
        told[name]["ratio_p95"] = ratio_with_interval(values["beside"], values["quiet"], lambda of: quantile(of, 0.95))
    return told


def lines(summary: dict[str, Any]) -> list[str]:
    """A table for the terminal."""
    shown = []
    for name, title in zip(TIMES, ("first word", "whole answer"), strict=True):
        for turn in TURNS:
            parts = [f"{p} {v:.2f} s [{low:.2f}, {high:.2f}]" for p, (v, low, high) in summary[name][turn].items()]
            shown.append(f"{title}, {turn:8}" + "  ".join(parts))
        value, low, high = summary[name]["ratio_p95"]
        shown.append(f"{title}, p95 beside / quiet: {value:.2f} [{low:.2f}, {high:.2f}]")
    return [*shown, f"{summary['texts_per_second_beside']} texts a second embedded beside the answers"]
