"""`manage.py evaluate retrieval|answerability|answers …`: how well articles are found and questions answered."""

import asyncio
import json
import logging
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat import evaluation as answering
from chat.answering import Options
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

Made = TypeVar("Made")


class Command(BaseCommand):
    help = "Measure the product on files of articles and questions, in a scratch database; the live data is untouched."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="retrieval|answerability|answers")
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
        add_files(answers)
        add_answering(answers)

    def handle(self, *_args: object, **options: Any) -> None:
        check_writable(options["json_path"])
        try:
            with quiet():
                getattr(self, options["kind"])(**options)
        except (BadFile, NoGround, EmbeddedError, EmbeddingFailed, EvaluationFailed, PeersMissing) as error:
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
            earlier: list[dict[str, Any]] = read_rows(rows, "retrieval", dict)
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
        articles: list[Path],
        questions: list[Path],
        audience: str,
        limit: int | None,
        json_path: Path | None,
        adapter: str,
        answerer: str,
        gate: str,
        passages: str,
        compare: Path | None,
        **_others: object,
    ) -> None:
        given, asked = read_articles(articles), evaluation.sample(read_questions(questions), limit)
        other = read_rows(compare, "answers", answering.Row) if compare else None
        model = settings.BASE_MODEL if adapter == "base" else adapter
        options = Options(audiences=evaluation.READS[audience], answerer=answerer, gate=gate == "on", model=model)
        with ground(self.say), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
            ids = evaluation.publish_all(given, self.say)
            evaluation.embed_all(cache, self.say)
            shown = answering.all_gold_passages(asked, ids) if passages == "gold" else {}
            rows = asyncio.run(answering.ask_all(asked, ids, options, passages=shown, say=self.say))
        marked = answering.marked(asked, rows, given)
        means = {name: answering.mean_of(values) for name, values in marked.items()}
        speed = answering.speed(rows)
        for name, estimate in means.items():
            self.stdout.write(f"{name:16} {estimate}")
        self.stdout.write(f"{'ms':16} " + ", ".join(f"{name} {value:g}" for name, value in speed.items()))
        if other is not None:
            self.print_differences(marked, answering.marked(asked, other, given))
        told: dict[str, Any] = {name: estimate.as_json() for name, estimate in means.items()}
        told |= {"ms": speed, "adapter": model, "answerer": answerer, "gate": gate, "passages": passages}
        write_json(json_path, {"rows": [row.as_json() for row in rows], "summary": told | {"questions": len(rows)}})

    def print_differences(self, ours: answering.Marks, theirs: answering.Marks) -> None:
        for name, one in answering.differences(ours, theirs).items():
            told = f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}] n={one.n}"
            self.stdout.write(f"{name:16} {told} more than in the other run")

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
    return GivenSet("given", read_articles(options["articles"]), read_questions(options["questions"]))


def peer_names(text: str) -> tuple[str, ...]:
    names = NAMES if text == "all" else tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(NAMES):
        raise ValueError(text)
    return names


def add_answering(parser: ArgumentParser) -> None:
    parser.add_argument("--adapter", default=settings.CHAT_MODEL, metavar="NAME", help="an adapter's name, or base")
    parser.add_argument("--answerer", choices=["live", "model", "extract"], default="live", help="who may answer")
    parser.add_argument("--gate", choices=["on", "off"], default="on", help="the fact gate")
    parser.add_argument("--passages", choices=["retrieved", "gold"], default="retrieved", help="what is shown to it")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="the JSON of another run: print paired differences"
    )


def read_rows(path: Path, kind: str, make: Callable[..., Made]) -> list[Made]:
    try:
        return [make(**row) for row in json.loads(path.read_text())["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is not the JSON of `evaluate {kind}`: {error}") from None


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
