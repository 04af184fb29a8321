"""`manage.py evaluate retrieval|answerability|answers|…`: how well articles are found and questions answered."""

import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.dial import NoCurve
from chat.evaluation import answerability, answers, facts, refusals, retrieval, risk_curve
from chat.evaluation.results import check_writable
from chat.evaluation.rows import NotARun
from knowledge.embedding import EmbeddingFailed
from knowledge.evaluation import EvaluationFailed
from knowledge.evaluation_files import BadFile
from knowledge.peers import PeersMissing
from knowledge.scratch import NoGround
from supportbot.embedded import EmbeddedError

KINDS = {
    "retrieval": retrieval,
    "answerability": answerability,
    "answers": answers,
    "facts": facts,
    "refusals": refusals,
    "risk": risk_curve,
}
EXPECTED = (
    BadFile,
    NoGround,
    EmbeddedError,
    EmbeddingFailed,
    EvaluationFailed,
    NotARun,
    NoCurve,
    PeersMissing,
)


class Command(BaseCommand):
    help = "Measure the product on files of articles and questions, in a scratch database; the live data is untouched."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="|".join(KINDS))
        for name, module in KINDS.items():
            module.add_arguments(kinds.add_parser(name, help=module.HELP))

    def handle(self, *_args: object, kind: str, **options: Any) -> None:
        try:
            for name in ("json_path", "html_path", "sheet_path"):
                check_writable(options.get(name))
            with quiet():
                KINDS[kind].measure(say=self.stderr.write, tell=self.stdout.write, **options)
        except EXPECTED as error:
            raise CommandError(str(error)) from error


@contextmanager
def quiet() -> Iterator[None]:
    """A line for each of a thousand publications helps nobody here; warnings are still shown."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
