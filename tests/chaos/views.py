"""What one tab has of one reply, by the rules of docs/protocol.md; pure."""

from dataclasses import dataclass, field
from typing import Any

ENDED = ("done", "failed")
NUMBERED = ("sources", "delta", *ENDED)


@dataclass(slots=True)
class View:
    """The place of the last numbered frame, and the text so far. `epoch` is None before the first frame."""

    since: float  # when this tab was last told of this reply, on the line that it has now
    epoch: int | None = None
    seq: int = 0
    text: str = ""
    ended: bool = False
    again: bool = False  # asked again: it may be told from its first frame once more
    spoiled: bool = False  # something was wrong: its text proves nothing until the next epoch
    sources: set[int] = field(default_factory=set)

    @classmethod
    def of_row(cls, row: dict[str, Any], now: float) -> "View":
        """From a row of `welcome`: the text so far, and the place from which the next frames go on."""
        numbers = {source["n"] for source in row["sources"]}
        return cls(now, max(row["epoch"], 1), row["seq"], row["text"], row["status"] in ENDED, sources=numbers)

    def hear(self, frame: dict[str, Any]) -> str:
        """Take a frame; gives the kind of what is wrong with it, or nothing."""
        if frame["type"] == "restart":
            return self._restart(frame["epoch"])
        wrong = self._step(frame["epoch"], frame["seq"])
        if wrong:
            self.spoiled = True
        self.epoch, self.seq = frame["epoch"], frame["seq"]
        if frame["type"] == "sources":
            self.sources = {source["n"] for source in frame["sources"]}
        elif frame["type"] == "delta":
            self.text += frame["text"]
        else:
            self.ended = True
        if not wrong and not self.spoiled and frame["type"] == "done":
            return self._end(frame)
        return wrong

    def _restart(self, epoch: int) -> str:
        wrong = "after_end" if self.ended and not self.again else ""
        if self.epoch is not None and epoch <= self.epoch:
            wrong = wrong or "restart_of_an_old_epoch"
        self._begin(epoch)
        return wrong

    def _begin(self, epoch: int) -> None:
        self.epoch, self.seq, self.text, self.sources = epoch, 0, "", set()
        self.ended = self.spoiled = False

    def _step(self, epoch: int, seq: int) -> str:
        if self.again and seq == 1 and epoch >= (self.epoch or 0):
            self.again = False
            self._begin(epoch)
            return ""
        if self.ended:
            return "after_end"
        if self.epoch is None:
            return "" if seq == 1 else "gap"
        if epoch != self.epoch:
            return "epoch_without_restart" if epoch > self.epoch else "older_epoch"
        if seq <= self.seq:
            return "repeated"
        return "" if seq == self.seq + 1 else "gap"

    def _end(self, frame: dict[str, Any]) -> str:
        if self.text != frame["text"]:
            return "deltas_are_not_the_text"
        if not set(frame["citations"]) <= self.sources:
            return "cited_without_source"
        return ""
