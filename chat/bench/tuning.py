"""`manage.py bench tuning`: an adapter beside a larger one and beside a full fine-tune, by the same steps.

Each way starts from the stock base model, in a process of its own, and goes through the same sheets of the demo's
training part in the same order. The demo's test part, which is of other articles, is what is held out.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.tuning.datasets import read_files
from chat.tuning.examples import make_sheets
from chat.tuning.plan import Plan, Recipe, make_plan
from chat.tuning.pool import make_pool
from knowledge.bench import machine
from knowledge.evaluation_files import BadFile
from knowledge.metrics import Estimate, mean_with_interval
from knowledge.scratch import NoGround
from supportbot.inference.bench.peers import environment
from supportbot.inference.weights import WeightsError, base_sha256
from supportbot.server_binaries import die_with_parent

HELP = "tune by an adapter, by a larger one and by all weights with the same steps, and compare cost and held-out loss"
RECIPE = Recipe()
MOST_STEPS, MOST_RANK, MOST_HELD, MOST_MINUTES = 150, 256, 1000, 24 * 60.0
FULL_RATES = (3e-5, 1e-4)  # a full fine-tune of a small model wants a tenth of an adapter's rate, about
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    recipe: Recipe
    trains: bool = True


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--steps", type=int, default=40, metavar="N", help="of each way, two sheets a step (default: %(default)s)")
    add("--rank", type=int, default=64, metavar="N", help="of the larger adapter (default: %(default)s)")
    add("--rates", type=_rates, default=FULL_RATES, help="learning rates of the full fine-tune, two at most")
    add("--held", type=int, default=100, metavar="N", help="held-out sheets at most (default: %(default)s)")
    add("--minutes", type=float, default=60.0, help="of training, all ways together (default: %(default)s)")
    add("--threads", type=int, default=os.cpu_count(), help="of each way (default: every processor)")
    add("--only", metavar="WAY", help="measure this way alone, in this very process")


def run(options: dict[str, Any], _arguments: Sequence[str], say: Say) -> dict[str, Any]:
    """Raises NoGround. One that was interrupted goes on when the same is asked for again."""
    _check(options)
    try:
        if options["json_path"]:
            options["json_path"].open("a").close()  # before an hour of work, not after it
        ways = _ways(options)
        if options["only"]:
            return _measure(_way(ways, options["only"]), _plan(options), options, say)
        return _compare(ways, _plan(options), options, say)
    except (BadFile, WeightsError) as error:
        raise NoGround(str(error)) from error
    except OSError as error:
        raise NoGround(f"{error.filename} cannot be used: {error.strerror}.") from error
    except KeyboardInterrupt:
        say("Stopped: give the same command again to go on.")
        raise SystemExit(130) from None


def _compare(ways: Sequence[Way], plan: Plan, options: dict[str, Any], say: Say) -> dict[str, Any]:
    asked = [options[name] for name in ("steps", "rank", "rates", "held", "minutes", "threads")]
    place = _place(json.dumps([plan.sha256, base_sha256(), asked]))
    told = {"processor": machine.processor(), "load_before": machine.load()}
    rows: dict[str, dict[str, Any]] = {}
    for way in ways:
        if not (place / f"{way.name}.json").exists():
            say(f"{way.name}: {options['steps'] if way.trains else 0} steps")
            _in_own_process(way, place, options, sum(one.trains for one in ways))
        rows[way.name] = json.loads((place / f"{way.name}.json").read_text())
    result = {"rows": rows, "comparison": comparison(rows), "machine": told | {"load_after": machine.load()}}
    for line in table(result):
        say(line)
    shutil.rmtree(place)
    return result


def _in_own_process(way: Way, place: Path, options: dict[str, Any], trained: int) -> None:
    """This command again, for one way. Its row is there as a whole or not at all."""
    draft = place / f"{way.name}.part"
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench", "tuning", "--only", way.name]
    for name in ("steps", "rank", "held", "threads"):
        command += [f"--{name}", str(options[name])]
    command += ["--rates", ",".join(map(str, options["rates"])), "--minutes", str(options["minutes"] / trained)]
    done = subprocess.run(
        [*command, "--json", str(draft)],
        cwd=settings.BASE_DIR,
        env=environment(options["threads"]) | {"DATA_DIR": str(settings.DATA_DIR)},
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise NoGround(f"{way.name} failed; what it said stands above.")
    draft.rename(place / f"{way.name}.json")
    (place / f"{way.name}.checkpoint").unlink(missing_ok=True)


def _way(ways: Sequence[Way], name: str) -> Way:
    for way in ways:
        if way.name == name:
            return way
    raise NoGround(f"--only: give one of {', '.join(way.name for way in ways)}.")


def _measure(way: Way, plan: Plan, options: dict[str, Any], say: Say) -> dict[str, Any]:
    # torch comes with these, and only into the process of one way
    from chat.tuning.train import TrainingFailed
    from chat.tuning.way import measure

    sheets = plan.sheets if way.trains else []
    own = Plan(sheets, plan.held, plan.licences, way.recipe)
    checkpoint = settings.DATA_DIR / "bench" / "tuning" / f"{way.name}.checkpoint"
    try:
        return measure(own, checkpoint, minutes=options["minutes"], threads=options["threads"], say=say)
    except TrainingFailed as error:
        raise NoGround(f"{way.name}: {error}") from error


def _ways(options: dict[str, Any]) -> list[Way]:
    """The base first; a larger rank has the alpha that leaves its scale as it is."""
    larger = replace(RECIPE, rank=options["rank"], alpha=RECIPE.alpha * options["rank"] // RECIPE.rank)
    adapters = [Way(f"lora-{recipe.rank}", recipe) for recipe in (RECIPE, larger)]
    full = [Way(f"full-{rate:g}", replace(RECIPE, rank=0, learning_rate=rate)) for rate in options["rates"]]
    return [Way("base", RECIPE, trains=False), *adapters, *full]


def _plan(options: dict[str, Any]) -> Plan:
    demo = Path(settings.BASE_DIR) / "knowledge" / "demo"
    train, test = (read_files("demo", [demo], [demo / f"questions.{part}.jsonl"]) for part in ("train", "test"))
    plan = make_plan([train], [], RECIPE)
    steps, held = options["steps"], make_sheets(make_pool(test), 1, RECIPE.seed)[0][: options["held"]]
    return Plan(plan.sheets[: steps * RECIPE.sheets_per_step], held, plan.licences, RECIPE)


def _place(key: str) -> Path:
    """Where the rows of an interrupted comparison of the same wait; nothing of another one is left there."""
    place = settings.DATA_DIR / "bench" / "tuning"
    note = place / "key"
    if not note.is_file() or note.read_text() != key:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        note.write_text(key)
    return Path(place)


def comparison(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of each way: its mean held-out loss and its share of answers word for word, and what it is better by.

    Compared with the base and with the full fine-tune of the rate that did best on these very answers: in its favour.
    """
    full = [name for name in rows if name.startswith("full-")]
    best = min(full, key=lambda name: _estimate(rows[name], "loss").value) if full else None
    return {"full": best, "ways": {name: _beside(rows, name, best) for name in rows}}


def _beside(rows: dict[str, dict[str, Any]], name: str, best: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for figure in ("loss", "word_for_word"):
        told[figure] = _estimate(rows[name], figure).as_json()
        for word, other in (("base", "base"), ("full", best)):
            if other is not None and other != name:
                told[f"{figure}_less_{word}"] = _difference(rows[name], rows[other], figure).as_json()
    return told


def _estimate(row: dict[str, Any], figure: str) -> Estimate:
    return mean_with_interval([float(one[figure]) for one in row["judged"]])


def _difference(row: dict[str, Any], other: dict[str, Any], figure: str) -> Estimate:
    """Paired: the same answers, in the same order."""
    pairs = zip(row["judged"], other["judged"], strict=True)
    return mean_with_interval([float(mine[figure]) - float(theirs[figure]) for mine, theirs in pairs])


def table(result: dict[str, Any]) -> list[str]:
    lines = [
        "way           to ship   trained   peak MiB   s/step   steps   loss    less the base            word for word"
    ]
    for name, row in result["rows"].items():
        one = result["comparison"]["ways"][name]
        lines.append(
            f"{name:12} {row['bytes'] / 1e6:6.1f} MB {row['trained'] / 1e6:7.1f} M {row['peak_mib']:9,} "
            f"{row['seconds_a_step'] or '-':>8} {row['steps']:7}{' ' if row['is_whole'] else '!'}"
            f"{one['loss']['value']:7.3f}   {_told(one.get('loss_less_base')):24} "
            f"{_told(one['word_for_word'], sign='')}"
        )
    if best := result["comparison"]["full"]:
        for name in (name for name in result["rows"] if name.startswith("lora-")):
            one = result["comparison"]["ways"][name]
            lines.append(
                f"{name} less {best}: loss {_told(one['loss_less_full'])}, "
                f"word for word {_told(one['word_for_word_less_full'])}, n = {one['loss']['n']}"
            )
    if not all(row["is_whole"] for row in result["rows"].values()):
        lines.append("!: ended by its minutes, so by fewer steps than the others; give more --minutes")
    return lines


def _told(figures: dict[str, float] | None, sign: str = "+") -> str:
    if figures is None:
        return ""
    value, low, high = (format(figures[name], f"{sign}.3f") for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _check(options: dict[str, Any]) -> None:
    bounds = {
        "steps": (2, MOST_STEPS),
        "rank": (1, MOST_RANK),
        "held": (1, MOST_HELD),
        "minutes": (0.01, MOST_MINUTES),
        "threads": (1, 256),
    }
    for name, (least, most) in bounds.items():
        if not least <= options[name] <= most:
            raise NoGround(f"--{name}: give {least:g} to {most:g}.")
    if options["rank"] == RECIPE.rank:
        raise NoGround(f"--rank: {RECIPE.rank} is the recipe's own rank; give another.")


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        rates = ()
    if not 1 <= len(rates) <= 2 or not all(0 < rate <= 0.1 for rate in rates):
        raise ArgumentTypeError("give one or two learning rates, such as 3e-5,1e-4")
    return rates
