"""Questions and articles -> sheets: a few live-shaped passages and the questions asked over them, with their targets.

Questions over the same passages are kept together so that training reads the passages once for all of them.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chat.condensing import condense
from chat.prompts import REFUSAL, closest_line
from chat.tuning.nearness import Nearness
from chat.tuning.pool import Pool, Shown
from chat.tuning.targets import coverage
from chat.window import fitting
from knowledge.evaluation_files import GivenQuestion

MAX_LINES = 10  # questions on one sheet
UNANSWERABLE = 0.2  # share of a sheet's lines
EASY = 1.5  # questions whose answer stands beside them in the prompt, for each one whose answer does not
LONG_PASSAGE = 60  # words; from there on a passage is read alone more often: then it is shown whole
LIKE_A_SEARCH = 0.7  # of the companions are near a question, the others near the passage that answers it
NEAR = 6  # companions are drawn from so many of the nearest passages


@dataclass(frozen=True, slots=True)
class Line:
    question_id: str
    question: str
    target: str
    answerable: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    dataset: str
    passages: tuple[Shown, ...]
    lines: tuple[Line, ...]


def make_sheets(pool: Pool, rounds: int, seed: int, most: int = 0) -> list[list[Sheet]]:
    """For every round, sheets that together ask every question of the pool about once; no two sheets are equal.

    Ends with the sheet that asks the question number `most`, where that is given.
    """
    nearness = Nearness(pool.passages)
    seen: set[Sheet] = set()
    made: list[list[Sheet]] = [[] for _ in range(rounds)]
    asked = 0
    for number, sheets in enumerate(made):
        chance = random.Random(f"{seed} {pool.name} {number}")  # nosec B311 # the same sheets each time
        for sheet in _round(pool, nearness, chance):
            if most and asked >= most:
                return made
            if sheet not in seen:
                seen.add(sheet)
                sheets.append(sheet)
                asked += len(sheet.lines)
    return made


def standalone(question: GivenQuestion) -> str:
    """The question as serving asks it: a follow-up carries the customer's turn before it."""
    return condense(question.question, question.history)


def digest(sheets: Sequence[Sheet]) -> str:
    """What a run was trained on, as one hash."""
    rows = [
        [
            sheet.dataset,
            [[passage.title, passage.heading, passage.text] for passage in sheet.passages],
            [[line.question, line.target] for line in sheet.lines],
        ]
        for sheet in sheets
    ]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()


def _round(pool: Pool, nearness: Nearness, draw: random.Random) -> Iterator[Sheet]:
    asked: set[str] = set()
    anchors = [number for number in range(len(pool.passages)) if pool.answers.get(number)]
    draw.shuffle(anchors)
    for anchor in anchors:
        fresh = sorted(set(pool.answers[anchor]) - asked)
        if not fresh:
            continue
        question = standalone(pool.questions[draw.choice(fresh)])
        near = _near(nearness, anchor, question, draw)
        shown = _shown(pool, anchor, near, draw)
        lines = _lines(pool, shown, near, asked, draw)
        asked.update(line.question_id for line in lines)
        yield Sheet(pool.name, tuple(pool.passages[number] for number in shown), tuple(lines))


def _near(nearness: Nearness, anchor: int, question: str, draw: random.Random) -> list[int]:
    """Passages that a search might show beside the one that answers, in the order in which they are taken."""
    found = [number for number in nearness.of_question(question, NEAR) if number != anchor]
    others = nearness.of_passage(anchor, 2 * NEAR)
    draw.shuffle(others)
    mixed = []
    while found or others:
        takes_found = bool(found) and (not others or draw.random() < LIKE_A_SEARCH)
        mixed.append((found if takes_found else others).pop(0))
    return list(dict.fromkeys(mixed))


def _shown(pool: Pool, anchor: int, near: list[int], draw: random.Random) -> list[int]:
    """The anchor among up to two similar passages, in any order."""
    is_long = len(pool.passages[anchor].text.split()) > LONG_PASSAGE
    wanted = draw.choices((0, 1, 2), (50, 15, 35) if is_long else (5, 15, 80))[0]
    shown = [anchor, *near[:wanted]]
    while len(fitting("", [pool.passages[number] for number in shown])[1]) < len(shown):
        shown.pop()  # the prompt would leave one out, perhaps the one that answers
    draw.shuffle(shown)
    return shown


def _lines(pool: Pool, shown: list[int], near: list[int], asked: set[str], draw: random.Random) -> list[Line]:
    """Questions that the shown passages answer, and some that they do not."""
    places = {
        question_id: (index, number)
        for index, number in enumerate(shown, 1)
        for question_id in pool.answers.get(number, ())
    }
    shared = [pool.passages[number] for number in shown]
    room = round(MAX_LINES * (1 - UNANSWERABLE))
    ids = sorted(places, key=lambda question_id: (question_id in asked, draw.random()))
    fresh = [question_id for question_id in ids if question_id not in asked] or ids[:1]
    chosen = _hard_first(pool, fresh, places, shared)[:room]
    lines = []
    for question_id in chosen:
        index, number = places[question_id]
        lines.append(_line(pool, question_id, pool.answers[number][question_id].replace("[0]", f"[{index}]")))
    wished = len(chosen) * UNANSWERABLE / (1 - UNANSWERABLE)
    count = int(wished) + (draw.random() < wished % 1)
    unanswered = _unanswered(pool, shown, near, set(places), draw)
    lines += [_line(pool, question_id, REFUSAL) for question_id in unanswered[:count]]
    draw.shuffle(lines)
    return lines


def _hard_first(pool: Pool, ids: list[str], places: dict[str, tuple[int, int]], shown: Sequence[Shown]) -> list[str]:
    """Questions whose answer does not stand beside them in the prompt, then some of the others: who only ever copies
    the closest sentences learns nothing else."""
    hard: list[str] = []
    easy: list[str] = []
    for question_id in ids:
        target = pool.answers[places[question_id][1]][question_id].removesuffix(" [0]")
        told = target in closest_line(standalone(pool.questions[question_id]), shown)
        (easy if told else hard).append(question_id)
    return hard + easy[: max(1, round(EASY * len(hard)))]


def _unanswered(pool: Pool, shown: list[int], near: list[int], answered: set[str], draw: random.Random) -> list[str]:
    """Questions that are near the shown passages but not answered there: by no passage, or by one that is not shown."""
    text = " ".join(pool.passages[number].text for number in shown)
    real = [question_id for number in shown for question_id in pool.refused.get(number, ())]
    taken_away = [
        question_id
        for number in near
        if number not in shown
        for question_id, target in pool.answers.get(number, {}).items()
        if question_id not in answered and _is_away(pool.questions[question_id], target, text)
    ]
    draw.shuffle(real)
    draw.shuffle(taken_away)
    mixed = real[:2] + taken_away[:1] + real[2:] + taken_away[1:]
    return list(dict.fromkeys(mixed))


def _is_away(question: GivenQuestion, target: str, text: str) -> bool:
    return (question.span or target) not in text and coverage(target, text) < 0.6


def _line(pool: Pool, question_id: str, target: str) -> Line:
    question = pool.questions[question_id]
    return Line(question_id, standalone(question), target, target != REFUSAL)
