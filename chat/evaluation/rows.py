"""What an evaluation of answers keeps: a row for each question, in a file that a later run goes on from."""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from knowledge.evaluation_files import GivenArticle, GivenQuestion

SAVE_SECONDS = 15.0
STOPPED_BY_GATE = "unsupported_fact"  # the reason of an answer whose model wrote such a fact
Recipe = dict[str, Any]


@dataclass(slots=True)
class Row:
    """What came of one question. Article ids are those of the file.

    `model_answer` is what the model wrote, before anything was checked; `passages` are those that it was shown (asked
    with none: those that hold the answer), as {article, title, heading, text}.
    """

    id: str
    question: str
    set: str = ""
    end: str = ""  # right, wrong, wrongly refused, ...: once it is judged
    key: str = ""  # of what the file says of the question
    asked: str = ""  # with what a follow-up takes from before
    outcome: str = ""
    reason: str = ""
    answer: str = ""
    model_answer: str = ""
    stopped: str = ""  # what of the model's words was stopped, and why
    language: str = ""
    topic: str = ""  # the category of the best article that was found
    about: str = ""  # the article that the file names for it, whether it answers or is only near
    title: str = ""  # of that article
    answerable: float | None = None  # the probability that the search gave
    refusal: float | None = None  # the model's own probability of declining, as it begins to write
    chance: float | None = None  # that the extract holds the answer, if one is in the passages
    cited_article_ids: list[str] = field(default_factory=list)
    retrieved_article_ids: list[str] = field(default_factory=list)
    passages: list[dict[str, str]] = field(default_factory=list)
    support: list[dict[str, Any]] = field(default_factory=list)  # a sentence each: text, cited, score
    ms: dict[str, float] = field(default_factory=dict)
    tokens_in: int | None = None
    tokens_out: int | None = None

    @property
    def is_answered(self) -> bool:
        return self.outcome in ("answered", "extracted")

    @property
    def is_stopped(self) -> bool:
        return self.reason == STOPPED_BY_GATE

    @property
    def is_delivered(self) -> bool:
        """An answer from the articles: greetings are none."""
        return self.is_answered and not self.is_small_talk

    @property
    def is_small_talk(self) -> bool:
        return self.reason.startswith("small_talk_")

    @property
    def heard_model(self) -> bool:
        """Whether the model said what it had to say: an answer to its end, a refusal, or what the gate stopped."""
        wrote = self.outcome == "answered" and bool(self.passages)
        return wrote or self.is_stopped or self.reason == "model_refused"

    @property
    def texts(self) -> list[str]:
        """The passages as the gate sees them."""
        return [f"{one['title']}\n{one['heading']}\n{one['text']}" for one in self.passages]

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class NotARun(ValueError):
    """The file is not what `evaluate answers --json` writes."""


@dataclass(slots=True)
class Run:
    """Rows of one recipe. `articles` has a fingerprint of each set's; `read`: whether passages were read."""

    recipe: Recipe = field(default_factory=dict)
    articles: dict[str, str] = field(default_factory=dict)
    read: bool | None = None
    rows: list[Row] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return told | {"rows": [row.as_json() for row in self.rows]}

    def kept(self, name: str, fingerprint: str, questions: Sequence[GivenQuestion]) -> dict[str, Row]:
        """The rows of this set that need not be asked again, by question id."""
        if self.articles.get(name) != fingerprint:
            return {}
        keys = {one.id: key_of(one) for one in questions}
        return {row.id: row for row in self.rows if row.set == name and keys.get(row.id) == row.key}


class RunFile:
    """Where a run is written, every few seconds while it grows. Without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._saved = time.monotonic()

    def save(self, run: Run, *, now: bool = True) -> None:
        """Whole or not at all: a run that is killed leaves the file as it was a few seconds before."""
        if self.path is None or not (now or time.monotonic() - self._saved > SAVE_SECONDS):
            return
        half = self.path.with_name(f"{self.path.name}.part")
        half.write_text(json.dumps(run.as_json(), ensure_ascii=False, indent=1) + "\n")
        half.replace(self.path)
        self._saved = time.monotonic()

    def set_aside(self) -> Path | None:
        """Rows of another recipe are moved, not lost; the place they are at."""
        if self.path is None:
            return None
        aside = self.path.with_name(f"{self.path.stem}.before{self.path.suffix}")
        self.path.replace(aside)
        return aside


def read_run(path: Path) -> Run:
    """Raises NotARun."""
    try:
        told = json.loads(path.read_text())
        known = {one.name for one in fields(Run)} - {"rows"}
        return Run(rows=[Row(**row) for row in told["rows"]], **{name: told[name] for name in known & set(told)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotARun(f"{path} is not the JSON of `evaluate answers`: {error}") from None


def key_of(given: GivenQuestion) -> str:
    """Changes when anything changes that the question is asked or judged by."""
    return _digest([given.question, given.history, given.gold, given.near, given.span, given.answer, given.answerable])


def fingerprint_of(articles: Iterable[GivenArticle]) -> str:
    return _digest([[one.id, one.title, one.body, one.audience, one.language] for one in articles])


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
