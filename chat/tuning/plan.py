"""What a run will do, fixed before it starts: the sheets in their order, what is held out, and the recipe."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from chat.prompts import PROMPT_VERSION
from chat.tuning.datasets import Dataset
from chat.tuning.examples import MAX_LINES, Sheet, digest, make_sheets
from chat.tuning.pool import Pool, make_pool
from knowledge.evaluation_files import BadFile, GivenQuestion

HELD_OUT_PERCENT = 9  # of the titles; their questions are never trained on
MAX_HELD_SHEETS = 16  # with what is asked over them, two minutes before and after on two processors
LEAST_BESIDE = 40


@dataclass(frozen=True, slots=True)
class Recipe:
    """4.3 million parameters at rank 14: 3.2 % of the base, 8.6 MB. The numbers are argued in docs/experiments.md."""

    rank: int = 14  # 0: no adapter, every weight of the base is trained
    alpha: int = 28
    dropout: float = 0.0  # drawing its random numbers costs a sixth of the time; no sheet is seen more than three times
    learning_rate: float = 5e-4
    warm_up: float = 0.05
    clip: float = 1.0
    sheets_per_step: int = 2
    rounds: int = 3
    seed: int = 1


@dataclass(slots=True)
class Plan:
    sheets: list[Sheet]
    held: list[Sheet]
    licences: dict[str, str]  # by data set
    recipe: Recipe
    started_from: str = "base"
    left_out: list[str] = field(default_factory=list)  # a sentence for each of the operator's sets that lost questions
    data_sha256: str = field(init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        self.data_sha256 = digest(self.sheets)
        told = [self.data_sha256, digest(self.held), asdict(self.recipe), PROMPT_VERSION, self.started_from]
        self.sha256 = hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def asked(self, steps: int | None = None) -> list[dict[str, str | int]]:
        """How many questions of each set, under its licence, the first `steps` ask (all of them by default)."""
        sheets = self.sheets if steps is None else self.sheets[: steps * self.recipe.sheets_per_step]
        counts = Counter(sheet.dataset for sheet in sheets for _ in sheet.lines)
        return [{"name": name, "licence": licence, "examples": counts[name]} for name, licence in self.licences.items()]


def make_plan(
    own: Sequence[Dataset],
    beside: Sequence[Dataset],
    recipe: Recipe,
    *,
    max_examples: int = 0,
    started_from: str = "base",
) -> Plan:
    """Sheets of the operator's own data, and beside them at most as many of every other set in each round."""
    rounds: list[list[Sheet]] = [[] for _ in range(recipe.rounds)]
    held: list[Sheet] = []
    left_out: list[str] = []
    limit = 0
    for dataset in [*own, *beside]:
        pool = make_pool(dataset)
        kept, away = _parted(dataset)
        made = make_sheets(pool.part(kept), recipe.rounds, recipe.seed, max_examples)
        for sheets, found in zip(rounds, made, strict=True):
            sheets.extend(found if dataset in own or not own else found[:limit])
        if dataset in own:
            limit = max(LEAST_BESIDE, limit + len(made[0]))
            left_out += _left_out(dataset, pool)
        most = MAX_HELD_SHEETS // 2
        held.extend(make_sheets(pool.part(away), 1, recipe.seed, most * MAX_LINES)[0][:most])
    draw = random.Random(recipe.seed)  # nosec B311 # the same order each time
    for sheets in rounds:
        draw.shuffle(sheets)
    ordered = _first([sheet for sheets in rounds for sheet in sheets], max_examples)
    if len(ordered) < recipe.sheets_per_step:
        few = "There are too few questions with a short answer in their article to train on"
        raise BadFile(": ".join([few, *left_out]) + ".")
    licences = {dataset.name: dataset.licence for dataset in [*own, *beside]}
    return Plan(ordered, held[:MAX_HELD_SHEETS], licences, recipe, started_from, left_out)


def _left_out(dataset: Dataset, pool: Pool) -> list[str]:
    if not pool.unplaced:
        return []
    return [
        f"{len(pool.unplaced)} of {len(dataset.questions)} questions have no short answer in the words of their "
        f"articles, first {dataset.place(pool.unplaced[0])}: give the article's own words as `gold_span`"
    ]


def _first(sheets: list[Sheet], max_examples: int) -> list[Sheet]:
    if not max_examples:
        return sheets
    kept, count = [], 0
    for sheet in sheets:
        if count >= max_examples:
            break
        kept.append(sheet)
        count += len(sheet.lines)
    return kept


def _parted(dataset: Dataset) -> tuple[set[str], set[str]]:
    """Question ids to train on, and ids held out: whole titles, so that no passage is trained on and tried."""
    kept: set[str] = set()
    away: set[str] = set()
    for question in dataset.questions:
        (away if _is_held(dataset, question) else kept).add(question.id)
    return kept, away


def _is_held(dataset: Dataset, question: GivenQuestion) -> bool:
    """The same titles in every run: a run that goes on from another must not be tried on what that one learned."""
    titles = [dataset.articles[one].title for one in (*question.gold, *question.near)] or [question.id]
    return any(
        int(hashlib.sha256(f"1 {title}".encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT for title in titles
    )
