"""`manage.py bench search|indexing|sockets|burst …`: how fast the product is, on sets that are made for it."""

import json
import logging
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.bench import beside, burst, engine, questions, sockets, tuning
from knowledge.bench import chaos, indexing, search
from knowledge.bench.corpus import NoTexts
from knowledge.embedding import EmbeddingFailed
from knowledge.scratch import NoGround, ground
from knowledge.spaces import SpaceError
from supportbot.embedded import EmbeddedError

MOST_PASSAGES = 1_000_000
MOST_QUESTIONS = 2_000
APART = {  # what needs processes of its own
    "indexing": indexing,
    "chaos": chaos,
    "engine": engine,
    "tuning": tuning,
    "sockets": sockets,
    "burst": burst,
    "questions": questions,
    "beside": beside,
}


class Command(BaseCommand):
    help = "Measure how fast the product is, on data of its own; the live data is untouched."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="|".join(["search", *APART]))
        one = kinds.add_parser("search", help="how long does a search take among many passages, and what does it miss?")
        one.add_argument("--passages", type=int, default=10_000, metavar="N", help="how many (default: 10,000)")
        one.add_argument("--questions", type=int, default=200, metavar="N", help="real questions asked (default: 200)")
        one.add_argument("--json", type=Path, dest="json_path", metavar="FILE", help="write rows and summary here")
        for name, bench in APART.items():
            other = kinds.add_parser(name, help=bench.HELP)
            bench.add_arguments(other)
            other.add_argument(
                "--json", type=Path, dest="json_path", metavar="FILE", help="write rows and summary here"
            )

    def handle(self, *_args: object, **options: Any) -> None:
        if bench := APART.get(options["kind"]):
            self.apart(bench, options)
        else:
            self.search(**options)

    def apart(self, bench: Any, options: dict[str, Any]) -> None:
        """In processes of its own. A bench that starts this command again gives nothing: that one writes the file."""
        logging.disable(logging.INFO)
        try:
            result = bench.run(options, sys.argv[2:], self.say)
            if result and (path := options["json_path"]):
                path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        except (NoGround, EmbeddedError, EmbeddingFailed, SpaceError) as error:
            raise CommandError(str(error)) from error

    def search(self, **options: Any) -> None:
        passages, questions, path = options["passages"], options["questions"], options["json_path"]
        if not 1_000 <= passages <= MOST_PASSAGES or not 1 <= questions <= MOST_QUESTIONS:
            raise CommandError(f"Give 1,000 to {MOST_PASSAGES:,} passages and 1 to {MOST_QUESTIONS:,} questions.")
        before = logging.root.manager.disable
        logging.disable(logging.INFO)
        try:
            if path:
                path.open("a").close()  # before an hour of work, not after it
            with ground(self.say):
                result = search.run(passages, questions, self.say)
            if path:
                path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error
        except (NoTexts, NoGround, EmbeddedError, EmbeddingFailed) as error:
            raise CommandError(str(error)) from error
        finally:
            logging.disable(before)
        self.tell(result)

    def tell(self, result: dict[str, Any]) -> None:
        summary = result["summary"]
        for line in search.table(result["rows"]):
            self.stdout.write(line)
        steps = result["rows"][0]["ms"]
        self.stdout.write(", ".join(f"{step} {steps[step]['p50']:g}/{steps[step]['p95']:g}" for step in search.STEPS))
        for name in ("encoding", "index", "sizes", "machine"):
            self.stdout.write(f"{name}: " + ", ".join(f"{key} {value}" for key, value in summary[name].items()))

    def say(self, text: str) -> None:
        self.stderr.write(text)
