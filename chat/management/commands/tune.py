"""`manage.py tune`: an adapter out of questions and articles, on this machine's processor."""

import os
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.tuning.datasets import Dataset, read_files, read_folder, refuse_repeated
from chat.tuning.folder import NAME, NotOurs, check_place
from chat.tuning.plan import Plan, Recipe, make_plan
from chat.tuning.priority import threads_to_take, yield_processor
from knowledge.evaluation_files import BadFile
from supportbot.inference.adapter_files import base_of, read_adapter
from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.weights import WeightsError, base_sha256, generator_folder

SHIPPED_QUESTIONS = "knowledge/demo/questions.train.jsonl"
SHIPPED_ARTICLES = "knowledge/demo"
DEFAULTS = Recipe()
MINUTES = 20  # with what comes before and after, half an hour on two processors
BOUNDS = {
    "max_examples": (0, 1_000_000),
    "minutes": (0, 100_000),
    "rounds": (1, 100),
    "learning_rate": (1e-7, 0.1),
    "threads": (1, 256),
}


class Command(BaseCommand):
    help = "Train a LoRA adapter on the generator. A run that was stopped goes on when the same command is given again."
    requires_system_checks: list[str] = []  # it needs neither database nor addresses

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default="my-support", help="the adapter's name, and its folder's (my-support)")
        parser.add_argument("--questions", type=Path, action="append", help="questions and their gold answers, JSONL")
        parser.add_argument("--articles", type=Path, action="append", help="JSONL of articles, or a folder of markdown")
        parser.add_argument("--data", type=Path, action="append", default=[], help="a further data set's folder")
        parser.add_argument("--from", dest="start", help="an adapter's name to go on from, or base (the one in use)")
        parser.add_argument("--max-examples", type=int, default=500, help="ask at most so many; 0: no limit (500)")
        parser.add_argument("--minutes", type=float, default=MINUTES, help=f"train so long; 0: no limit ({MINUTES})")
        parser.add_argument("--rounds", type=int, default=DEFAULTS.rounds, help="how often the data is gone through")
        parser.add_argument("--learning-rate", type=float, default=DEFAULTS.learning_rate)
        parser.add_argument("--threads", type=int, help="(every processor; 1 beside a running model server)")
        parser.add_argument("--seed", type=int, default=DEFAULTS.seed)
        parser.add_argument("--output", type=Path, help="the folder to write (default: in the data folder's adapters)")

    def handle(self, *args: Any, **options: Any) -> None:
        check_numbers(options)
        folder = (options["output"] or own_folder(options["name"])).resolve()
        start = start_folder(options["start"])
        try:
            check_place(folder)
            own, beside = _own(options["articles"], options["questions"]), [read_folder(one) for one in options["data"]]
            if start is not None:
                check_start(start)
            yield_processor()  # from here on it takes minutes
            plan = self._plan(own, beside, options, start.name if start else "base")
        except (NotOurs, BadFile) as error:
            raise CommandError(str(error)) from None
        # torch is loaded only once the data is known to be good.
        from chat.tuning import run

        given = options["threads"]
        threads = (lambda: given) if given else threads_to_take
        self._say("Taking", f"{threads()} of {os.cpu_count()} processors, at the lowest priority")
        try:
            manifest = run.run(plan, folder, start=start, minutes=options["minutes"], threads=threads, say=self._say)
        except (run.TrainingFailed, WeightsError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say("Stopped", "the last checkpoint is kept: give the same command again to go on")
            raise SystemExit(130) from None
        self._say("Finished", f"{manifest['name']} in {folder}")

    def _plan(self, own: list[Dataset], beside: list[Dataset], options: dict[str, Any], started_from: str) -> Plan:
        recipe = replace(
            DEFAULTS, seed=options["seed"], rounds=options["rounds"], learning_rate=options["learning_rate"]
        )
        plan = make_plan(own, beside, recipe, max_examples=options["max_examples"], started_from=started_from)
        told = ", ".join(f"{one['examples']} {one['name']}" for one in plan.asked())
        asked = sum(len(sheet.lines) for sheet in plan.sheets)
        self._say("Reading", f"{asked} examples on {len(plan.sheets)} sheets ({told})")
        for sentence in plan.left_out:
            self._say("Leaving out", sentence)
        return plan

    def _say(self, verb: str, text: str) -> None:
        self.stderr.write(f"{verb:>12}  {text}")
        self.stderr.flush()


def _own(articles: list[Path] | None, questions: list[Path] | None) -> list[Dataset]:
    """The operator's own data, or the demo's."""
    if not articles and not questions:
        root = Path(settings.BASE_DIR)
        return [read_files("demo", [root / SHIPPED_ARTICLES], [root / SHIPPED_QUESTIONS])]
    if not articles or not questions:
        raise CommandError("--questions and --articles belong together: questions name articles by their id")
    own = read_files("own", articles, questions)
    refuse_repeated(own)
    return [own]


def check_numbers(options: dict[str, Any]) -> None:
    """CommandError for one that is out of its bounds, or is none."""
    for name, (least, most) in BOUNDS.items():
        value = options[name]
        if value is not None and not least <= value <= most:
            raise CommandError(f"--{name.replace('_', '-')} is {value}: give {least:g} to {most:g}")


def own_folder(name: str) -> Path:
    """Where an adapter of this name is written. CommandError where it could not be called by that name."""
    if not NAME.fullmatch(name):
        raise CommandError("--name may hold lower-case letters, digits, dots, dashes and underscores")
    if name in ("base", settings.BASE_MODEL):
        raise CommandError(f"--name {name} is what the untuned model is called: give another name")
    shipped, *_, own = (Path(place) for place in settings.ADAPTER_DIRS)
    if (shipped / name).exists():
        raise CommandError(f"--name {name} is an adapter that comes with the product: give another name")
    return own / name


def start_folder(name: str | None) -> Path | None:
    """The folder of the adapter to go on from: the named one, else the one that answers customers, if it is one."""
    if name == "base":
        return None
    for place in settings.ADAPTER_DIRS:
        folder = Path(place) / (name or settings.CHAT_MODEL)
        if (folder / "adapter_model.safetensors").is_file():
            return folder
    if name is None:
        return None
    raise CommandError(f"--from: no adapter is named {name}")


def check_start(folder: Path) -> None:
    """What a run goes on from is read by a library, so it must be what the model server would take, but for the prompt.

    Raises CommandError.
    """
    try:
        read_adapter(folder, base_of(generator_folder(), base_sha256()))
    except (AdapterRefused, WeightsError) as error:
        raise CommandError(f"--from {folder.name}: {error}") from error
