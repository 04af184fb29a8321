"""What was tried and what got through, by kind."""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

MOST_SHOWN = 25
MOST_CHARS = 300


@dataclass(slots=True)
class Tally:
    """One kind of attack. `facts` are numbers beside it: rates, counts of frames."""

    kind: str
    tried: int = 0
    through: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def attempt(self, held: bool, what: str) -> None:
        self.tried += 1
        if not held:
            self.through.append(what[:MOST_CHARS])

    def as_row(self) -> dict[str, Any]:
        row = {"kind": self.kind, "tried": self.tried, "got_through": len(self.through)}
        return row | {"examples": self.through[:MOST_SHOWN], "facts": self.facts}


def interval(hits: int, tries: int) -> tuple[float, float, float]:
    """The share and its 95 % interval, after Wilson."""
    if not tries:
        return 0.0, 0.0, 1.0
    z, share = 1.959964, hits / tries
    middle = (share + z * z / (2 * tries)) / (1 + z * z / tries)
    half = z * sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries)) / (1 + z * z / tries)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def as_text(report: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{'kind':44}{'tried':>10}{'got through':>14}"]
    for row in report["rows"]:
        lines.append(f"{row['kind']:44}{row['tried']:>10,}{row['got_through']:>14,}")
        lines += [f"    {name}: {value}" for name, value in row["facts"].items()]
        lines += [f"    THROUGH: {example}" for example in row["examples"]]
    summary = report["summary"]
    lines.append(f"{'all':44}{summary['tried']:>10,}{summary['got_through']:>14,}")
    lines.append(f"seed {summary['seed']}, {summary['seconds']:.0f} s")
    return "\n".join(lines)
