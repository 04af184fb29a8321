"""`manage.py evaluate retrieval|answerability|answers|risk …`: how well articles are found and questions answered."""

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat import evaluation_answers as answering
from chat import evaluation_risk as risking
from chat.dial import NoCurve
from chat.evaluation_engine import engine_at, model_of
from chat.evaluation_recipe import Wanted
from chat.evaluation_rows import NotARun
from knowledge import answerability_report as judging
from knowledge import evaluation
from knowledge import evaluation_report as report
from knowledge.embedding import EmbeddingFailed
from knowledge.evaluation import EvaluationFailed
from knowledge.evaluation_files import BadFile, read_articles, read_questions
from knowledge.evaluation_sets import GivenSet, SetFiles, named, read_sets, sets_in
from knowledge.peers import NAMES, PeersMissing, check
from knowledge.scratch import NoGround, ground
from knowledge.vector_cache import VectorCache
from supportbot.embedded import EmbeddedError


class Command(BaseCommand):
    help = "Measure the product on files of articles and questions, in a scratch database; the live data is untouched."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="retrieval|answerability|answers|risk")
        retrieval = kinds.add_parser("retrieval", help="are the right articles found, and is it known when none is?")
        add_files(retrieval, required=False)
        add_sets(retrieval)
        judging_parser = kinds.add_parser("answerability", help="is it known, and with what probability?")
        add_files(judging_parser, required=False)
        add_sets(judging_parser)
        judging_parser.add_argument(
            "--rows",
            type=Path,
            metavar="FILE",
            help="judge what `evaluate retrieval --json` has found",
        )
        retrieval.add_argument(
            "--peers", type=peer_names, default=(), metavar="NAMES", help="set beside ours: bm25,minilm,rrf or all"
        )
        answers = kinds.add_parser("answers", help="are the answers right, cited, and refused where there is none?")
        add_files(answers, required=False)
        add_sets(answers)
        answering.add_arguments(answers)
        risking.add_arguments(kinds.add_parser("risk", help="how much is answered if at most x % of it may be wrong?"))

    def handle(self, *_args: object, **options: Any) -> None:
        for name in ("json_path", "html_path"):
            check_writable(options.get(name))
        try:
            with quiet():
                getattr(self, options["kind"])(**options)
        except (
            BadFile,
            NoGround,
            EmbeddedError,
            EmbeddingFailed,
            EvaluationFailed,
            NotARun,
            NoCurve,
            PeersMissing,
        ) as error:
            raise CommandError(str(error)) from error

    def retrieval(
        self,
        *,
        audience: str,
        limit: int | None,
        json_path: Path | None,
        peers: tuple[str, ...],
        **options: Any,
    ) -> None:
        check(peers)
        files = chosen_sets(**options)
        given = list(read_sets(files, self.say)) if files else [given_set(options)]
        results = []
        with ground(self.say), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
            seconds = evaluation.reading_seconds(self.say)
            for one in given:
                self.say(f"== {one.name}")
                found = evaluation.measure_set(
                    one, cache, peer_names=peers, audience=audience, limit=limit, seconds=seconds, say=self.say
                )
                results.append(found)
                for line in report.lines(found) if files or peers else report.short_lines(found):
                    self.stdout.write(line)
        if len(results) > 1 and peers:
            self.stdout.write("\n".join(report.pooled_lines(results)))
        write_json(json_path, report.as_json(results, several=bool(files)))

    def answerability(
        self, *, audience: str, limit: int | None, json_path: Path | None, rows: Path | None, **options: Any
    ) -> None:
        """Ask as `retrieval` does, without peers, or take the rows that it wrote; judge the probability alone."""
        files = chosen_sets(**options)
        given = list(read_sets(files, self.say)) if files else [given_set(options)]
        fit = [one for one in given if judging.is_fit(evaluation.sample(one.questions, limit))]
        for name in sorted({one.name for one in given} - {one.name for one in fit}):
            self.say(f"{name}: left out, its questions are not of both kinds")
        if not fit:
            raise CommandError("None of these sets holds questions that can be answered and others that cannot.")
        if rows:
            earlier = read_rows(rows)
            results = [judging.results_of(earlier, one) for one in fit]
        else:
            with ground(self.say), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
                seconds = evaluation.reading_seconds(self.say)
                results = [
                    evaluation.measure_set(
                        one, cache, peer_names=(), audience=audience, limit=limit, seconds=seconds, say=self.say
                    )
                    for one in fit
                ]
        pairs = [(found, one) for found, one in zip(results, fit, strict=True) if judging.is_fit(found.questions)]
        summary = judging.figures({one.name: judging.labelled(found, one.articles) for found, one in pairs})
        self.stdout.write("\n".join(judging.lines(summary)))
        told = [row for found, _ in pairs for row in judging.rows_of(found)]
        write_json(json_path, {"rows": told, "summary": judging.as_json(summary)})

    def answers(
        self,
        *,
        audience: str,
        limit: int | None,
        json_path: Path | None,
        html_path: Path | None,
        against: Path | None,
        adapter: str | None,
        engine: str | None,
        engine_key: Path | None,
        answerer: str,
        gate: str,
        passages: str,
        closed_book: bool,
        **options: Any,
    ) -> None:
        """Rows that are in the file already are not asked again; see `chat.evaluation_answers`."""
        files = chosen_sets(**options)
        given = list(read_sets(files, self.say)) if files else [given_set(options)]
        place = engine_at(engine, engine_key)
        if closed_book:
            answerer, gate, passages = "model", "off", "none"
        model = model_of(place, adapter) if answerer != "extract" else ""
        answering.measure(
            given,
            Wanted(audience, answerer, gate == "on", passages, model, place.url),
            place,
            limit=limit,
            json_path=json_path,
            html_path=html_path,
            against=against,
            say=self.say,
            tell=self.stdout.write,
        )

    def risk(self, **options: Any) -> None:
        risking.measure(tell=self.stdout.write, **options)

    def say(self, text: str) -> None:
        self.stderr.write(text)


def add_files(parser: ArgumentParser, *, required: bool = True) -> None:
    """The arguments that every kind of evaluation takes."""
    for name in ("--articles", "--questions"):
        parser.add_argument(name, type=Path, nargs="+", required=required, metavar="FILE", help="JSONL, plain or gzip")
    parser.add_argument("--audience", choices=list(evaluation.READS), default="public", help="who asks")
    parser.add_argument("--limit", type=positive, metavar="N", help="ask N questions, the same ones each time")
    parser.add_argument("--json", type=Path, dest="json_path", metavar="FILE", help="write rows and summary here")


def add_sets(parser: ArgumentParser) -> None:
    """In place of files: named sets, or all of a folder."""
    parser.add_argument("--set", nargs="+", default=[], dest="sets", metavar="NAME=DIR", help="sets, each in a folder")
    parser.add_argument("--data", type=Path, metavar="DIR", help="every set in the folders of this folder")


def chosen_sets(*, sets: list[str], data: Path | None, **_others: object) -> list[SetFiles]:
    return [one for text in sets for one in named(text)] + (sets_in(data) if data else [])


def given_set(options: dict[str, Any]) -> GivenSet:
    """The set of the files that were named one by one."""
    if not options["articles"] or not options["questions"]:
        raise CommandError("Name the files with --articles and --questions, or the sets with --set or --data.")
    name = options["questions"][0].name.partition(".jsonl")[0]
    return GivenSet(name, read_articles(options["articles"]), read_questions(options["questions"]))


def peer_names(text: str) -> tuple[str, ...]:
    names = NAMES if text == "all" else tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(NAMES):
        raise ValueError(text)
    return names


def read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [dict(row) for row in json.loads(path.read_text())["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is not the JSON of `evaluate retrieval`: {error}") from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def check_writable(path: Path | None) -> None:
    """Before hours of work, not after them."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


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
