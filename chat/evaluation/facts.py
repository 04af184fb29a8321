"""`manage.py evaluate facts`: does an unsupported fact reach a customer, and how often does the gate stop a true one?

Every question is answered as customers are. Where the model was not heard to its end, it is asked over the same
passages once more: the gate has to be tried on what the model says when it speaks, however seldom it may.
"""

import asyncio
import random
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.answering import Options
from chat.evaluation import asking, sets
from chat.evaluation.engine import asked, engine_at, model_of
from chat.evaluation.facts_report import lines
from chat.evaluation.facts_rows import Pair, PairFile, kept
from chat.evaluation.facts_sheet import sheet_of
from chat.evaluation.recipe import Wanted, recipe_of
from chat.evaluation.results import write_text
from chat.evaluation.rows import fingerprint_of
from knowledge import evaluation
from knowledge.answerability_report import NEEDS_NOTHING
from knowledge.evaluation import EvaluationFailed, Progress, Say
from knowledge.evaluation_files import GivenQuestion
from knowledge.evaluation_sets import GivenSet
from knowledge.metrics import SEED
from knowledge.scratch import ground
from knowledge.vector_cache import VectorCache

HELP = "does an unsupported fact reach a customer, and how often is a true one stopped?"
MANY_FAILURES = 5  # in a row: then something is broken, and the run ends
Keep = Callable[[Pair], None]


def add_arguments(parser: ArgumentParser) -> None:
    sets.add_arguments(parser, limited=False)
    add = parser.add_argument
    add("--answers", type=sets.positive, default=1000, metavar="N", help="questions to ask (default: 1,000)")
    add("--seed", type=int, default=SEED, metavar="N", help="which questions are asked, in which order")
    add("--minutes", type=float, metavar="M", help="stop asking after so long; the same command goes on")
    add("--sheet", type=Path, dest="sheet_path", metavar="FILE.md", help="200 answers, to be read by hand")
    add("--adapter", metavar="NAME", help="an adapter's name, or base; of an engine with one model, that one")
    add("--engine", metavar="URL", help="another server that speaks OpenAI's protocol: http://host:port/v1")
    add("--engine-key", type=Path, metavar="FILE", help="holds the key that the engine asks for")


@dataclass(frozen=True, slots=True)
class Task:
    """One set, its questions in the order they are asked in, and those that are still to be asked."""

    given: GivenSet
    articles: str  # their fingerprint
    open: list[GivenQuestion]


def measure(
    *,
    answers: int,
    seed: int,
    minutes: float | None,
    json_path: Path | None,
    sheet_path: Path | None,
    audience: str,
    adapter: str | None,
    engine: str | None,
    engine_key: Path | None,
    say: Say,
    tell: Say,
    **options: Any,
) -> None:
    """Raises BadFile, EvaluationFailed, NotARun, NoGround."""
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    given = sets.given_sets(options, say)
    place = engine_at(engine, engine_key)
    wanted = Wanted(audience, "live, and the model", True, "retrieved", model_of(place, adapter), place.url)
    file = PairFile(json_path)
    pairs, tasks = planned(given, answers, seed, file.begin(recipe_of(wanted), say))
    if pairs:
        say(f"{len(pairs):,} questions are answered already")

    def keep(pair: Pair) -> None:
        file.add(pair)
        pairs.append(pair)

    if any(task.open for task in tasks):
        with ground(say), asked(place), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
            ask_open(tasks, wanted, cache, end, keep, say)
    if not pairs:
        raise EvaluationFailed("Not one question was answered in that time: give it more --minutes.")
    tell("\n".join(lines(pairs)))
    if left := answers_left(tasks, pairs):
        tell(f"\n{left:,} questions are still to be asked; the same command goes on.")
    if sheet_path:
        write_text(sheet_path, sheet_of(pairs, seed))
        tell(f"\nThe sheet is at {sheet_path}.")


def planned(
    given: Sequence[GivenSet], answers: int, seed: int, earlier: Sequence[Pair]
) -> tuple[list[Pair], list[Task]]:
    """What is known already of the questions that are asked, and the rest. A higher number asks more, no others."""
    able = [[one for one in each.questions if one.kind != NEEDS_NOTHING] for each in given]
    pairs: list[Pair] = []
    tasks: list[Task] = []
    for each, questions, count in zip(given, able, shares([len(one) for one in able], answers), strict=True):
        fingerprint = fingerprint_of(each.articles)
        chosen = random.Random(f"{seed} {each.name}").sample(questions, len(questions))[:count]
        known = kept(earlier, each.name, fingerprint, chosen)
        pairs += known.values()
        tasks.append(Task(each, fingerprint, [one for one in chosen if one.id not in known]))
    return pairs, tasks


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """The same number of each set; small ones whole, and the large ones share what they leave."""
    given, left = [0] * len(sizes), min(total, sum(sizes))
    while left:
        open_sets = [place for place, size in enumerate(sizes) if given[place] < size]
        each = max(1, left // len(open_sets))
        for place in open_sets:
            more = min(each, sizes[place] - given[place], left)
            given[place] += more
            left -= more
    return given


def answers_left(tasks: Sequence[Task], pairs: Sequence[Pair]) -> int:
    done = {(one.live.set, one.live.id) for one in pairs}
    return sum((task.given.name, one.id) not in done for task in tasks for one in task.open)


def ask_open(tasks: Sequence[Task], wanted: Wanted, cache: VectorCache, end: float, keep: Keep, say: Say) -> None:
    """Set by set; each has its part of the time that is left, by the questions that are left."""
    seconds = evaluation.reading_seconds(say)
    left = [task for task in tasks if task.open]
    while left and time.monotonic() < end:
        task, open_questions = left[0], sum(len(one.open) for one in left)
        until = time.monotonic() + (end - time.monotonic()) * len(task.open) / open_questions
        say(f"== {task.given.name}")
        ids = evaluation.publish_all(task.given.articles, say)
        evaluation.embed_all(cache, say)
        exam = asking.Exam(task.given.name, ids, {one.id: one for one in task.given.articles}, seconds)
        options = Options(audiences=evaluation.READS[wanted.audience], model=wanted.model)
        asyncio.run(_ask_set(task, exam, options, until, keep, say))
        evaluation.clear()
        left = left[1:]


async def _ask_set(task: Task, exam: asking.Exam, options: Options, until: float, keep: Keep, say: Say) -> None:
    """A question that got no answer is left for the next run, unless none gets one. Raises EvaluationFailed."""
    progress = Progress(say, f"{exam.name}, answered", len(task.open))
    failed = 0
    for number, given in enumerate(task.open, 1):
        if time.monotonic() > until:
            say(f"{exam.name}: {number - 1:,} of {len(task.open):,} in its part of the time")
            return
        try:
            keep(await ask(given, exam, options, task.articles))
            failed = 0
        except EvaluationFailed as error:
            failed += 1
            if failed == MANY_FAILURES:
                raise
            say(str(error))
        progress.at(number)


async def ask(given: GivenQuestion, exam: asking.Exam, options: Options, articles: str) -> Pair:
    search = asking.Search(exam.seconds, declines=True)
    live = await asking.ask(given, exam, options, search)
    model = live
    if search.found is not None and search.found.passages and not live.heard_model:
        model = await asking.ask(given, exam, replace(options, answerer="model"), asking.Again(search.found))
    return Pair(articles, given.answerable, live, model)
