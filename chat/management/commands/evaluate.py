"""`manage.py evaluate retrieval …`: how well the articles are found, on files of articles and questions."""

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.condensing import condense
from knowledge import evaluation
from knowledge.embedding import EmbeddingFailed
from knowledge.evaluation_files import BadFile, read_articles, read_questions
from knowledge.scratch import NoGround, ground
from knowledge.vector_cache import VectorCache
from supportbot.embedded import EmbeddedError


class Command(BaseCommand):
    help = "Measure the product on files of articles and questions, in a scratch database; the live data is untouched."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="retrieval")
        add_files(kinds.add_parser("retrieval", help="are the right articles found, and is it known when none is?"))

    def handle(self, *_args: object, **options: Any) -> None:
        try:
            with quiet():
                self.retrieval(**options)
        except (BadFile, NoGround, EmbeddedError, EmbeddingFailed, evaluation.EvaluationFailed) as error:
            raise CommandError(str(error)) from error

    def retrieval(
        self,
        *,
        articles: list[Path],
        questions: list[Path],
        audience: str,
        limit: int | None,
        json_path: Path | None,
        **_others: object,
    ) -> None:
        given = read_articles(articles)
        asked = evaluation.sample(read_questions(questions), limit)
        with ground(self.say), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
            ids = evaluation.publish_all(given, self.say)
            space = evaluation.embed_all(cache, self.say)
            rows = evaluation.ask_all(asked, ids, audience=audience, standalone=condense, say=self.say)
        found = evaluation.summarise(asked, rows)
        ms = evaluation.times(rows)
        for name, estimate in found.items():
            self.stdout.write(f"{name:10} {estimate}")
        self.stdout.write(f"{'ms':10} p50 {ms['p50']:g}, p95 {ms['p95']:g} n={len(rows)}")
        summary = {
            **{name: estimate.as_json() for name, estimate in found.items()},
            "ms": ms,
            "articles": len(given),
            "questions": len(rows),
            "recipe": space.recipe,
        }
        write_json(json_path, {"rows": [row.as_json() for row in rows], "summary": summary})

    def say(self, text: str) -> None:
        self.stderr.write(text)


def add_files(parser: ArgumentParser) -> None:
    """The arguments that every kind of evaluation takes."""
    parser.add_argument("--articles", type=Path, nargs="+", required=True, metavar="FILE", help="JSONL, plain or gzip")
    parser.add_argument("--questions", type=Path, nargs="+", required=True, metavar="FILE", help="JSONL, plain or gzip")
    parser.add_argument("--audience", choices=list(evaluation.READS), default="public", help="who asks")
    parser.add_argument("--limit", type=positive, metavar="N", help="ask N questions, the same ones each time")
    parser.add_argument("--json", type=Path, dest="json_path", metavar="FILE", help="write rows and summary here")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """A line for each of a thousand publications helps nobody here; warnings are still shown."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
