"""What changed between two revisions, as lines for a page."""

import difflib
from dataclasses import dataclass

from knowledge.models import Revision

MAX_LINES = 4_000  # difflib takes seconds beyond
CONTEXT = 3
SIGNS = {"+": "added", "-": "removed", "@": "place"}


@dataclass(frozen=True, slots=True)
class Line:
    kind: str  # added, removed, place or same
    text: str


def compare(old: str, new: str) -> list[Line]:
    """The unified difference of two texts; none if they are equal. Longer texts than MAX_LINES are not compared."""
    before, after = old.splitlines(), new.splitlines()
    if len(before) + len(after) > MAX_LINES:
        return [Line("place", "These texts have too many lines to be compared here.")]
    lines = list(difflib.unified_diff(before, after, n=CONTEXT, lineterm=""))[2:]
    return [Line(SIGNS.get(line[:1], "same"), line) for line in lines]


def changes(revision: Revision, previous: Revision | None) -> list[Line]:
    """What a revision changed: its facts first, then its body."""
    facts = ("title", "category", "audience", "language")
    lines: list[Line] = []
    for name in facts:
        old, new = getattr(previous, name, None), getattr(revision, name)
        if previous and old != new:
            lines += [Line("removed", f"-{name}: {old}"), Line("added", f"+{name}: {new}")]
    return lines + compare(previous.body if previous else "", revision.body)
