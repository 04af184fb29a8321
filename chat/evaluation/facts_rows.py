"""What `evaluate facts` keeps: a line for each question, added to its file as soon as it is answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat.evaluation.recipe import unlike
from chat.evaluation.rows import NotARun, Row, key_of
from knowledge.evaluation import EvaluationFailed, Say
from knowledge.evaluation_files import GivenQuestion


@dataclass(frozen=True, slots=True)
class Pair:
    """One question, answered twice: as customers are, and by the model wherever there is a passage to answer from."""

    articles: str  # fingerprint of the set's articles
    answerable: bool  # by the file
    live: Row
    model: Row

    @property
    def rows(self) -> list[Row]:
        """One where customers got what the model said."""
        return [self.live] if self.model is self.live else [self.live, self.model]

    def as_json(self) -> dict[str, Any]:
        told = {"articles": self.articles, "answerable": self.answerable, "live": self.live.as_json()}
        return told if self.model is self.live else told | {"model": self.model.as_json()}


def pair_of(told: Mapping[str, Any]) -> Pair:
    live = Row(**told["live"])
    return Pair(told["articles"], told["answerable"], live, Row(**told["model"]) if "model" in told else live)


class PairFile:
    """Lines of JSON, the first one the recipe. Half a line, which a killed run may leave, is cut off."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def begin(self, recipe: Mapping[str, Any], say: Say) -> list[Pair]:
        """What the file holds of this recipe; lines of another are moved aside, not lost. Raises NotARun."""
        if self.path is None:
            return []
        earlier, pairs = self._read(self.path) if self.path.exists() else ({}, [])
        if earlier and (other := unlike(earlier, dict(recipe))):
            aside = self.path.with_name(f"{self.path.stem}.before{self.path.suffix}")
            self.path.replace(aside)
            say(f"{self.path} was made in another way ({', '.join(other)}); it is kept as {aside}")
            earlier, pairs = {}, []
        if not earlier:
            self._add(self.path, {"recipe": recipe})
        return pairs

    def add(self, pair: Pair) -> None:
        if self.path is not None:
            self._add(self.path, pair.as_json())

    def _read(self, path: Path) -> tuple[dict[str, Any], list[Pair]]:
        try:
            whole, end, half = path.read_bytes().rpartition(b"\n")
            lines = [json.loads(line) for line in whole.splitlines()]
            found = (lines[0]["recipe"], [pair_of(line) for line in lines[1:]]) if lines else ({}, [])
            if half:
                with path.open("r+b") as file:
                    file.truncate(len(whole) + len(end))
            return found
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotARun(f"{path} is not what `evaluate facts --json` writes: {error}") from None

    def _add(self, path: Path, line: Mapping[str, Any]) -> None:
        """Raises EvaluationFailed."""
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise EvaluationFailed(f"{path} cannot be written: {error.strerror}.") from error


def kept(pairs: Sequence[Pair], name: str, articles: str, questions: Sequence[GivenQuestion]) -> dict[str, Pair]:
    """The pairs of this set, by question id, whose question and articles are still the same."""
    keys = {one.id: key_of(one) for one in questions}
    own = (one for one in pairs if one.live.set == name and one.articles == articles)
    return {one.live.id: one for one in own if keys.get(one.live.id) == one.live.key}
