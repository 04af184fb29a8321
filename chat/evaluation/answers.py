"""`manage.py evaluate answers`: what is asked, what is kept of an earlier run, what is told in the end."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.answering import Options
from chat.evaluation import asking, sets
from chat.evaluation.answers_sheet import sheet_of
from chat.evaluation.engine import Engine, asked, chance_of_refusal, engine_at, model_of
from chat.evaluation.recipe import Wanted, recipe_of, unlike
from chat.evaluation.report import page_of
from chat.evaluation.results import write_text
from chat.evaluation.rows import Row, Run, RunFile, fingerprint_of, read_run
from chat.evaluation.summary import Judged, SetSummary, difference_lines, differences, judge, lines, summarise
from knowledge import evaluation
from knowledge.answerability_report import NEEDS_NOTHING
from knowledge.evaluation import EvaluationFailed, Say
from knowledge.evaluation_files import GivenQuestion
from knowledge.evaluation_sets import GivenSet
from knowledge.metrics import Estimate
from knowledge.scratch import ground
from knowledge.vector_cache import VectorCache

HELP = "are the answers right, cited, and refused where there is none?"


def add_arguments(parser: ArgumentParser) -> None:
    sets.add_arguments(parser)
    add = parser.add_argument
    add("--adapter", metavar="NAME", help="an adapter's name, or base; of an engine with one model, that one")
    add("--engine", metavar="URL", help="another server that speaks OpenAI's protocol: http://host:port/v1")
    add("--engine-key", type=Path, metavar="FILE", help="holds the key that the engine asks for")
    add("--answerer", choices=["live", "model", "extract"], default="live", help="who may answer")
    add("--gate", choices=["on", "off"], default="on", help="the fact gate")
    add("--passages", choices=["retrieved", "gold"], default="retrieved", help="what is shown to it")
    add("--closed-book", action="store_true", help="ask the model alone, without one passage")
    add("--refusal-chance", action="store_true", help="ask the model as well how likely it is to decline")
    add("--titles", nargs="+", default=[], metavar="TITLE", help="ask what is about articles of these titles alone")
    add("--against", type=Path, metavar="FILE", help="the JSON of another run: the paired differences to it")
    add("--html", type=Path, metavar="FILE", dest="html_path", help="write a report with pictures here")
    add("--sheet", type=Path, metavar="FILE.md", dest="sheet_path", help="questions and answers, to be read by eye")


@dataclass(frozen=True, slots=True)
class Task:
    """One set, the questions that are asked of it, and the ids of those that have their row already."""

    given: GivenSet
    asked: list[GivenQuestion]
    fingerprint: str
    known: set[str] = field(default_factory=set)

    @property
    def open(self) -> list[GivenQuestion]:
        return [one for one in self.asked if one.id not in self.known]

    @property
    def articles(self) -> dict[str, Any]:
        return {one.id: one for one in self.given.articles}

    def judged(self, rows: Sequence[Row]) -> list[Judged]:
        """Those of these questions, whatever the set was called when they were asked."""
        questions = {(one.id, one.question) for one in self.asked}
        return judge(self.asked, [row for row in rows if (row.id, row.question) in questions], self.articles)


def measure(
    *,
    limit: int | None,
    json_path: Path | None,
    html_path: Path | None,
    sheet_path: Path | None,
    against: Path | None,
    titles: Sequence[str],
    engine: str | None,
    engine_key: Path | None,
    say: Say,
    tell: Say,
    **options: Any,
) -> None:
    """Ask what is not in the file yet, write it there, print and draw. Raises EvaluationFailed, NotARun, NoGround."""
    other = read_run(against) if against else None
    given = sets.given_sets(options, say)
    sets.check_titles(given, titles)
    place = engine_at(engine, engine_key)
    wanted = wanted_of(options, place)
    file = RunFile(json_path)
    run, tasks = begun(given, titles, limit, recipe_of(wanted), file, say)
    if any(task.open for task in tasks):
        with ground(say), asked(place), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
            ask_open(tasks, wanted, run, file, cache, say)
    by_set = {task.given.name: task.judged([row for row in run.rows if row.set == task.given.name]) for task in tasks}
    for one in (one for judged in by_set.values() for one in judged):
        one.row.end = one.end
    summaries = _summaries(by_set)
    paired: dict[str, Estimate] = {}
    if other:
        theirs = [one for task in tasks for one in task.judged(other.rows)]
        paired = differences([one for judged in by_set.values() for one in judged], theirs)
    run.summary = told(summaries, paired, wanted)
    file.save(run)
    tell("\n".join(_lines(summaries, paired)))
    if html_path:
        write_text(html_path, page_of(run.recipe, summaries, paired, against.name if against else ""))
        tell(f"The report is at {html_path}.")
    if sheet_path:
        write_text(sheet_path, sheet_of(summaries[-1].judged))
        tell(f"The sheet is at {sheet_path}.")


def wanted_of(options: dict[str, Any], place: Engine) -> Wanted:
    """From the arguments of the command line. Raises EvaluationFailed."""
    answerer, gate, passages = options["answerer"], options["gate"], options["passages"]
    if options["closed_book"]:
        answerer, gate, passages = "model", "off", "none"
    model = model_of(place, options["adapter"]) if answerer != "extract" else ""
    return Wanted(options["audience"], answerer, gate == "on", passages, model, place.url, options["refusal_chance"])


def begun(
    given_sets: Sequence[GivenSet],
    titles: Sequence[str],
    limit: int | None,
    recipe: dict[str, Any],
    file: RunFile,
    say: Say,
) -> tuple[Run, list[Task]]:
    """The run of the file, if it is of the same recipe, and what there is to do; else a new one."""
    earlier = read_run(file.path) if file.path and file.path.exists() and file.path.stat().st_size else Run()
    if earlier.rows and (other := unlike(earlier.recipe, recipe)):
        say(f"{file.path} was made in another way ({', '.join(other)}); it is kept as {file.set_aside()}")
        earlier = Run()
    tasks, rows = [], [row for row in earlier.rows if row.set not in {one.name for one in given_sets}]
    for given in given_sets:
        questions = [one for one in given.questions if one.kind != NEEDS_NOTHING]
        fingerprint = fingerprint_of(given.articles)
        kept = earlier.kept(given.name, fingerprint, questions)
        rows += kept.values()
        chosen = evaluation.sample(sets.about(questions, given.articles, titles), limit)
        task = Task(given, chosen, fingerprint, set(kept))
        if kept:
            say(f"{given.name}: {len(task.asked) - len(task.open)} of {len(task.asked)} questions are answered already")
        if chosen:
            tasks.append(task)
    if not tasks:
        raise EvaluationFailed("No question of these sets is about an article of such a title.")
    names = earlier.articles | {task.given.name: task.fingerprint for task in tasks}
    return Run(recipe, names, earlier.read if rows else None, rows), tasks


def ask_open(tasks: Sequence[Task], wanted: Wanted, run: Run, file: RunFile, cache: VectorCache, say: Say) -> None:
    """Set by set; the file is brought up to date whatever ends the run."""
    by_memory = wanted.passages == "none"
    seconds = 0.0 if by_memory else evaluation.reading_seconds(say)
    if run.rows and run.read is not None and run.read != (seconds > 0):
        raise EvaluationFailed(
            f"The rows of {file.path} were made {'with' if run.read else 'without'} reading, and now the server that "
            f"reads is {'there' if seconds else 'missing'}. Start it as before, or name another file."
        )
    run.read = seconds > 0

    def keep(row: Row) -> None:
        run.rows.append(row)
        file.save(run, now=False)

    try:
        for task in (one for one in tasks if one.open):
            if by_memory:
                name, articles = task.given.name, task.articles
                asyncio.run(asking.ask_closed(task.open, name, articles, model=wanted.model, keep=keep, say=say))
            else:
                _ask_set(task, wanted, seconds, cache, keep, say)
    finally:
        file.save(run)


def _ask_set(task: Task, wanted: Wanted, seconds: float, cache: VectorCache, keep: Any, say: Say) -> None:
    options = Options(
        audiences=evaluation.READS[wanted.audience], answerer=wanted.answerer, gate=wanted.gate, model=wanted.model
    )
    ids = evaluation.publish_all(task.given.articles, say)
    evaluation.embed_all(cache, say)
    exam = asking.Exam(task.given.name, ids, task.articles, seconds)
    shown = asking.all_gold_passages(task.open, ids) if wanted.passages == "gold" else {}
    probe = partial(chance_of_refusal, wanted.model) if wanted.refusal_chance else None
    asyncio.run(asking.ask_all(task.open, exam, options, passages=shown, probe=probe, keep=keep, say=say))
    evaluation.clear()


def _summaries(by_set: dict[str, list[Judged]]) -> list[SetSummary]:
    """Each set, and behind several all of them together."""
    summaries = [summarise(name, judged) for name, judged in by_set.items()]
    if len(by_set) > 1:
        summaries.append(summarise("", [one for judged in by_set.values() for one in judged]))
    return summaries


def told(summaries: Sequence[SetSummary], paired: dict[str, Estimate], wanted: Wanted) -> dict[str, Any]:
    """The summary for JSON: everything together, and under `sets` each of several."""
    summary = summaries[-1].as_json()
    summary |= {"adapter": wanted.model, "answerer": wanted.answerer, "gate": wanted.gate, "passages": wanted.passages}
    if len(summaries) > 1:
        summary["sets"] = {one.name: one.as_json() for one in summaries[:-1]}
    return summary | ({"difference": {name: one.as_json() for name, one in paired.items()}} if paired else {})


def _lines(summaries: Sequence[SetSummary], paired: dict[str, Estimate]) -> list[str]:
    found = []
    for one in summaries:
        if len(summaries) > 1:
            found.append(f"== {one.name or 'all sets together'}")
        found += lines(one)
    return found + difference_lines(paired)
