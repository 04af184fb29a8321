"""`manage.py bench engine`: our model server beside transformers and llama.cpp, on the same real support prompts."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.bench.support_prompts import support_prompts
from knowledge.bench import machine
from knowledge.scratch import NoGround
from supportbot.inference.bench import report
from supportbot.inference.bench.comparison import PEERS, Comparison, Model, Plan
from supportbot.inference.bench.peers import PeerFailed
from supportbot.inference.weights import WeightsError, generator_source

HELP = "write the same answers with our model server, transformers and llama.cpp, and compare their times"
MOST_STREAMS, MOST_REPEATS, MOST_PROMPTS = 64, 100, 64
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--streams", type=_numbers, default=(1, 4, 8, 16), help="how many ask at once (default: 1,4,8,16)")
    add("--repeats", type=int, default=3, metavar="N", help="of everything (default: %(default)s)")
    add("--prompts", type=int, default=4, metavar="N", help="in a round at least (default: %(default)s)")
    add("--peers", type=_peers, default=PEERS, help=f"some of {','.join(PEERS)} (default: all)")
    add("--threads", type=int, default=settings.MODEL_THREADS, help="of each peer (default: %(default)s)")
    add("--python", default=sys.executable, metavar="PATH", help="the Python that has llama_cpp (default: this one)")
    add("--svg", type=Path, metavar="FILE", help="draw a picture of it here")
    add("--from", type=Path, dest="earlier", metavar="FILE", help="measure nothing: tell what an earlier --json holds")


def run(options: dict[str, Any], _arguments: Sequence[str], say: Say) -> dict[str, Any] | None:
    """Raises NoGround."""
    try:
        for path in (options["json_path"], options["svg"]):
            if path is not None:
                path.open("a").close()  # before minutes of work, not after them
        result = _earlier(options["earlier"]) if options["earlier"] else _measure(options, say)
        for line in report.lines(result):
            say(line)
        if options["svg"] is not None:
            options["svg"].write_text(report.picture(result))
    except (PeerFailed, WeightsError) as error:
        raise NoGround(str(error)) from error
    except OSError as error:
        raise NoGround(f"{error.filename} cannot be used: {error.strerror}.") from error
    return None if options["earlier"] else result


def _earlier(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text())
    except ValueError:
        result = None
    if not isinstance(result, dict) or not {"rows", "peers", "missing", "roof", "questions"} <= result.keys():
        raise NoGround(f"{path} is not what `bench engine --json` writes.")
    return result


def _measure(options: dict[str, Any], say: Say) -> dict[str, Any]:
    if not 1 <= options["repeats"] <= MOST_REPEATS or not 1 <= options["prompts"] <= MOST_PROMPTS:
        raise NoGround(f"Give 1 to {MOST_REPEATS} repeats and 1 to {MOST_PROMPTS} prompts.")
    plan = Plan(
        peers=options["peers"],
        streams=options["streams"],
        repeats=options["repeats"],
        least=options["prompts"],
        threads=options["threads"],
        python=options["python"],
        device=settings.MODEL_DEVICE,
    )
    model = Model(
        name=settings.CHAT_MODEL,
        source=generator_source(),
        adapter=_adapter_folder(),
        models=settings.DATA_DIR / "models",
        place=settings.DATA_DIR / "bench",
    )
    before = machine.load()
    asked = support_prompts()[: plan.needed]
    result = Comparison(plan, model, asked, settings.CHAT_MAX_ANSWER_TOKENS, say).run()
    told = {
        "processor": machine.processor(),
        "threads": plan.threads,
        "load_before": before,
        "load_after": machine.load(),
    }
    return result | {"machine": told}


def _adapter_folder() -> Path:
    for parent in settings.ADAPTER_DIRS:
        if (parent / settings.CHAT_MODEL / "adapter_config.json").is_file():
            return Path(parent / settings.CHAT_MODEL)
    raise NoGround(f"There is no adapter {settings.CHAT_MODEL}: CHAT_MODEL must name one for this comparison.")


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(part) if part.isdecimal() else 0 for part in text.split(",")]
    if not all(1 <= number <= MOST_STREAMS for number in numbers):
        raise ArgumentTypeError(f"give numbers from 1 to {MOST_STREAMS}, such as 1,4,8")
    return tuple(sorted(set(numbers)))


def _peers(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(PEERS):
        raise ArgumentTypeError(f"give some of {','.join(PEERS)}")
    return names
