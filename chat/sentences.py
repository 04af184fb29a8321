"""A passage as sentences, each with what it hangs on: the lead of its list, its place, its mark; pure.

Not one word is changed or left out: markdown's marks are taken off, and links keep their words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A sentence ends at . ! ? before a blank and what may begin the next one.
ENDS = re.compile(r"[.!?…。！？][\"'”’)]*\s+(?=[\"'“‘(]?[A-ZÀ-ÞÄÖÜ0-9¿¡£$€])|(?<=[。！？])")
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|no|nr|approx|incl|excl|vs|max|min|fig|cf|tel|z\.B|d\.h|bzw|ca|usw|St|Dr|Mr|Mrs|Ms|p\.ex|a\.m|p\.m|[A-Z])\.)$",
    re.IGNORECASE,
)
ITEM = re.compile(r"^\s*(?:([-*+•])|(\d{1,3})[.)])\s+(?=\S)")
HEADING = re.compile(r"^\s*#{1,6}\s+")
QUOTED = re.compile(r"^\s*>\s?")
RULE = re.compile(r"^[\s|:\-–—=_*]*$")
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^\s*(```|~~~)")
SOUGHT = 20  # letters by which a sentence is found again in its passage
MAX_SENTENCES = 400  # of a passage; a passage has about ten


@dataclass(frozen=True, slots=True)
class Sentence:
    place: int
    text: str
    mark: str = ""  # "-" or "3." where an item of a list begins here
    item: int = -1  # which item of its list it is of, from 0; -1: it is of none
    lead: int = -1  # the place of the sentence that opens its list ("You need:")
    code: bool = False
    start: int = 0  # about where in the passage it begins; the mark of its item is of it

    @property
    def shown(self) -> str:
        return f"{self.mark} {self.text}" if self.mark else self.text


def sentences(text: str) -> list[Sentence]:
    """The sentences of a passage in order."""
    found: list[Sentence] = []
    lead = item = -1
    for start, line, mark, in_item, code in _lines(text):
        if not in_item:
            lead = item = -1
        elif item < 0 and not mark:
            in_item = False
        elif mark:
            item += 1
            if item == 0 and found and found[-1].text.endswith((":", "：")) and found[-1].item < 0:
                lead = found[-1].place
        at = start
        for part in [line] if code else _cut(line):
            if any(c.isalnum() for c in part) and len(found) < MAX_SENTENCES:
                at = start if mark else max(at, text.find(part[:SOUGHT], at))
                found.append(Sentence(len(found), part, mark, item if in_item else -1, lead, code, at))
                mark = ""
    return found


def _lines(text: str) -> Iterator[tuple[int, str, str, bool, bool]]:
    """Where each line begins, the line, plain, its list mark, whether it is of a list, and whether it is code."""
    fenced = in_list = False
    start = end = 0
    for raw in text.splitlines(keepends=True):
        start, end = end, end + len(raw)
        if FENCE.match(raw):
            fenced = not fenced
            continue
        if fenced:
            yield start, raw.rstrip(), "", False, True
            continue
        if not raw.strip():
            continue
        line = QUOTED.sub("", HEADING.sub("", raw))
        mark = ITEM.match(line)
        in_list = mark is not None or (in_list and raw[:1] in " \t")
        sign = (mark[1] and "-") or f"{mark[2]}." if mark else ""
        rest = plain(line[mark.end() :] if mark else line)
        if rest and not RULE.match(rest):
            yield start, rest, sign, in_list, False


def plain(line: str) -> str:
    """Without markdown's marks."""
    line = LINK.sub(r"\1", line).replace("**", "").replace("`", "")
    return " ".join(line.strip().strip("|").split())


def _cut(line: str) -> Iterator[str]:
    """A line's sentences; a full stop after an abbreviation or a single letter ends none."""
    start = 0
    for end in ENDS.finditer(line):
        part = line[start : end.end()].rstrip()
        if ABBREVIATION.search(part):
            continue
        if part:
            yield part
        start = end.end()
    if rest := line[start:].strip():
        yield rest
