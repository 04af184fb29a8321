"""A data set cut into the passages that a search would find, with the questions that each one answers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from chat.prompts import show_passages
from chat.tuning.datasets import Dataset
from chat.tuning.targets import coverage, target_of, words_of
from chat.window import fitting
from knowledge.chunking import TooManyPieces, split
from knowledge.evaluation_files import BadFile, GivenQuestion

ASKS_NOTHING = ("not_knowledge_seeking", "UNDERSPECIFIED", "CONVERSATIONAL")  # turns that want no refusal either


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as the prompt shows it."""

    article_id: str
    title: str
    heading: str
    text: str


@dataclass(slots=True)
class Pool:
    """A data set cut into passages, with the questions that each one answers."""

    name: str
    passages: list[Shown] = field(default_factory=list)
    answers: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))  # passage -> id -> target
    refused: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # passage -> ids near it
    questions: dict[str, GivenQuestion] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)  # ids: no passage holds a short answer

    def part(self, question_ids: set[str]) -> "Pool":
        """The same passages, with some of the questions."""
        part = Pool(self.name, self.passages)
        for number, targets in self.answers.items():
            part.answers[number] = {one: target for one, target in targets.items() if one in question_ids}
        for number, ids in self.refused.items():
            part.refused[number] = [one for one in ids if one in question_ids]
        part.questions = {one: question for one, question in self.questions.items() if one in question_ids}
        return part


def make_pool(dataset: Dataset) -> Pool:
    """Cut the articles as publishing cuts them, and find the passages that answer each question."""
    pool = Pool(dataset.name)
    of_article: dict[str, list[int]] = defaultdict(list)
    for article in dataset.articles.values():
        try:
            pieces = split(article.title, article.body)
        except TooManyPieces as error:
            raise BadFile(f"{dataset.article_place(article.id)}: {error}") from None
        for piece in pieces:
            of_article[article.id].append(len(pool.passages))
            pool.passages.append(Shown(article.id, article.title, piece.heading, piece.text))
    bags = [words_of(passage.text) for passage in pool.passages]
    for question in dataset.questions:
        if question.kind in ASKS_NOTHING:
            continue
        if question.answerable:
            _place_answer(pool, question, [number for gold in question.gold for number in of_article[gold]])
        else:
            near = [number for one in question.near for number in of_article[one]]
            _place_refusal(pool, question, near or range(len(pool.passages)), bags)
    return pool


def _place_answer(pool: Pool, question: GivenQuestion, candidates: list[int]) -> None:
    targets = {
        number: target
        for number in candidates
        if (target := target_of(question, pool.passages[number].text, 0)) and _is_shown(target, pool.passages[number])
    }
    if not targets:
        pool.unplaced.append(question.id)
        return
    best = max(
        targets, key=lambda number: coverage(targets[number] + " " + question.question, pool.passages[number].text)
    )
    pool.answers[best][question.id] = targets[best]
    pool.questions[question.id] = question


def _is_shown(target: str, passage: Shown) -> bool:
    """Whether the prompt shows as much of the answer as the passage holds: it shows the beginning of a long one."""
    _, cut = fitting("", [passage])
    return coverage(target, show_passages(cut)) >= coverage(target, passage.text)


def _place_refusal(pool: Pool, question: GivenQuestion, candidates: Sequence[int], bags: Sequence[set[str]]) -> None:
    """Beside the candidate that shares most words with it; `bags` are the words of every passage."""
    if not candidates:
        return
    asked = words_of(question.question)
    nearest = max(candidates, key=lambda number: len(asked & bags[number]))
    pool.refused[nearest].append(question.id)
    pool.questions[question.id] = question
