"""What counts as a fact in a text, in one normal form for answers and passages alike; pure.

docs/decisions/fact-gate.md has each case with its reason.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from knowledge.atoms import Atom, atoms, words
from knowledge.number_words import AND, ARTICLES, HALVES, LAST, PARTS, SCALES
from knowledge.numerals import Numeral, following, read_numeral
from knowledge.numerals import starts as starts_numeral
from knowledge.units import BEFORE_MONTH, CLOCK_WORDS, MONTHS, SHORT_DAYS, SHY_MONTHS, UNIT_WORDS, WEEKDAYS, suffix_unit

RANGE_WORDS = frozenset(("-", "/", "x", "to", "until", "till", "through", "bis", "à", "a", "hasta", "al"))
LIST_WORDS = frozenset(("or", "and", "oder", "und", "ou", "et", "o", "y"))
OF = frozenset(("of", "de", "del", "the"))
# Words that a fact may go on with, or over.
JOINING = (
    RANGE_WORDS | LIST_WORDS | OF | AND | ARTICLES | HALVES | PARTS.keys() | SCALES.keys() | UNIT_WORDS | LAST.keys()
)
COUNTS = ("number", "time", "date")  # these may be the ends of one range
AHEAD = 12  # atoms that the meaning of the one before them may depend on
BEHIND = 4
CODE_NAMES = frozenset("code codes coupon voucher promo gutschein gutscheincode rabattcode codigo cupon".split())  # noqa: SIM905
CALLED = frozenset((":", "is", "ist", "est", "es", "of", "named", "called", "the", "lautet"))  # between it and the code
DOTS = frozenset(("dot", "punkt", "point", "punto"))  # a link, as it is told on the telephone
SPOKEN_ENDS = frozenset("com org net eu uk de fr es example".split())  # noqa: SIM905
FIRST = {"first": "1", "second": "2", "erste": "1", "ersten": "1", "erster": "1", "zweite": "2", "zweiten": "2"} | {
    "zweiter": "2", "premier": "1", "primero": "1", "uno": "1", "1er": "1",
}  # fmt: skip
YEAR = re.compile(r"(?:19|20)\d\d")


class Fact(NamedTuple):
    """`kind` is number, run (groups of digits), time, date, day, link or code. `unit` is of numbers only.

    `written` is how a number was written, `groups` those of a run; `bound`: it ends a range that the one before begins.
    """

    kind: str
    value: str
    unit: str = ""
    written: str = ""
    groups: tuple[str, ...] = ()
    bound: bool = False


def may_begin(atom: Atom) -> bool:
    """Whether what this atom means may depend on those after it."""
    if atom.kind in ("number", "date", "marker", "item"):
        return True
    text = atom.text
    return atom.kind == "word" and (
        any(text in words for words in (MONTHS, WEEKDAYS, SHORT_DAYS, CLOCK_WORDS, FIRST, DOTS)) or starts_numeral(atom)
    )


def closes(atom: Atom) -> bool:
    """Whether nothing before this atom depends on what comes after it."""
    if atom.kind == "mark":
        return atom.text not in ("-", "/", "x", ".", ",")
    return atom.kind in ("link", "code", "marker") or (
        atom.kind == "word" and atom.text not in JOINING and not may_begin(atom) and not suffix_unit(atom.text)
    )


def read(row: Sequence[Atom], at: int, comma: bool = False) -> tuple[list[Fact], int]:
    """The facts that begin at this place of a row of atoms, and the place after them: a range is read as one."""
    first = _one(row, at, comma)
    if first is None:
        return [], at + 1
    fact, end = first
    found = [fact]
    while fact.kind in (*COUNTS, "day") and end + 1 < len(row) and len(found) < 4:
        place = end
        if row[end].text == "." and row[end + 1].text in RANGE_WORDS:  # 1. - 5. Mai
            place += 1
        link = row[place].text
        if link not in RANGE_WORDS and link not in LIST_WORDS or place + 1 >= len(row):
            break
        following_one = _one(row, place + 1, comma)
        if following_one is None or following_one[0].kind not in (("day",) if fact.kind == "day" else COUNTS):
            break
        fact, end = following_one
        found.append(fact._replace(bound=link in RANGE_WORDS))
    return _shared_unit(found), end


def row_of(text: str) -> list[Atom]:
    return [atom for word in words(text) for atom in atoms(word)]


def readings(row: Sequence[Atom], comma: bool = False) -> Iterator[tuple[list[Fact], int, int]]:
    """The facts of a row in reading order, with the place where the atoms that say them begin and end."""
    at = 0
    while at < len(row):
        behind = max(0, at - BEHIND)
        found, end = read(row[behind : at + AHEAD], at - behind, comma)
        yield found, at, behind + end
        at = behind + end


def _one(row: Sequence[Atom], at: int, comma: bool) -> tuple[Fact, int] | None:
    atom = row[at]
    if atom.kind in ("link", "code", "date"):
        return Fact(atom.kind, atom.text), at + 1
    if atom.kind == "word":
        if atom.text in WEEKDAYS or _is_short_day(row, at):
            number = WEEKDAYS.get(atom.text) or SHORT_DAYS[atom.text]
            return Fact("day", str(number), written=atom.text), at + 1
        if atom.text in MONTHS and (found := _month(row, at)):
            return found
        if atom.text in CLOCK_WORDS:
            return Fact("time", CLOCK_WORDS[atom.text], written=atom.text), at + 1
        if atom.case == "U" and _is_called_code(row, at):
            return Fact("code", atom.text), at + 1
        first = Numeral("number", FIRST.get(atom.text, ""), "ordinal", atom.text, at + 1)
        if first.value and (dated := _dated(row, first)):
            return dated
        if atom.text in DOTS and (link := _spoken(row, at)):
            return link
    numeral = read_numeral(row, at, comma)
    if numeral is None:
        return None
    if dated := _dated(row, numeral):
        return dated
    return Fact(numeral.kind, numeral.value, numeral.unit, numeral.written, numeral.groups), numeral.end


def _is_called_code(row: Sequence[Atom], at: int) -> bool:
    """Code HELLO, code: HELLO, the code is HELLO."""
    place = at - 1
    while place > 0 and at - place < BEHIND and row[place].text in CALLED:
        place -= 1
    return place >= 0 and row[place].text in CODE_NAMES


def _spoken(row: Sequence[Atom], at: int) -> tuple[Fact, int] | None:
    """larkfield dot com; not "a dot com company"."""
    before, after = row[at - 1] if at else None, row[at + 1] if at + 1 < len(row) else None
    if not before or not after or before.kind != "word" or before.text in OF | ARTICLES | LIST_WORDS:
        return None
    return (Fact("link", f"{before.text}.{after.text}"), at + 2) if after.text in SPOKEN_ENDS else None


def _is_short_day(row: Sequence[Atom], at: int) -> bool:
    """Mon-Fri, Sa und So, Sat. 10: a short name beside another day, or one of three letters beside a number."""
    if row[at].text not in SHORT_DAYS or not row[at].case:
        return False
    joints = RANGE_WORDS | LIST_WORDS | {".", ",", ":"}
    for step in (-1, 1):
        place = at + step
        while 0 <= place < len(row) and abs(place - at) < 3 and row[place].text in joints:
            place += step
        if not 0 <= place < len(row):
            continue
        near = row[place]
        if near.kind == "number" and len(row[at].text) > 2 and step > 0:
            return True
        if near.kind == "word" and near.case and (near.text in SHORT_DAYS or near.text in WEEKDAYS):
            return True
    return False


def _dated(row: Sequence[Atom], numeral: Numeral) -> tuple[Fact, int] | None:
    """24 December, 24th of December 2024, 24. Dezember."""
    if numeral.kind != "number" or numeral.unit not in ("", "ordinal") or not _is_day(numeral.value):
        return None
    place = numeral.end
    if place < len(row) and row[place].text == ".":
        place += 1
    while place < len(row) and row[place].text in OF:
        place += 1
    if place >= len(row) or row[place].kind != "word" or row[place].text not in MONTHS:
        return None
    if row[place].text in ("may", "march") and not row[place].case:  # item 5 may be returned
        return None
    year, end = _year(row, place + 1)
    return Fact("date", f"{year}{MONTHS[row[place].text]}-{int(numeral.value)}", written=numeral.written), end


def _month(row: Sequence[Atom], at: int) -> tuple[Fact, int] | None:
    """December 24, December 2024, December; May only where it is no verb."""
    atom, month = row[at], MONTHS[row[at].text]
    year, end = _year(row, at + 1)
    if year:
        return Fact("date", f"{year}{month}", written=atom.text), end
    place = at + 1 + (row[at + 1 : at + 2] != [] and row[at + 1].text == "the")  # March the 2nd
    day = row[place] if place < len(row) else None
    if day and day.text in FIRST and place > at + 1:
        return Fact("date", f"{month}-{FIRST[day.text]}", written=atom.text), place + 1
    if day and day.kind == "number" and _is_day(day.text) and day.unit in ("", "ordinal"):
        numeral = read_numeral(row, place)
        if numeral and numeral.kind == "number" and numeral.unit in ("", "ordinal") and _is_day(numeral.value):
            year, end = _year(row, numeral.end)
            return Fact("date", f"{year}{month}-{int(numeral.value)}", written=atom.text), end
    before = row[at - 1].text if at else ""
    if atom.text in SHY_MONTHS and not (atom.case and (before in BEFORE_MONTH or before in MONTHS)):
        return None
    return Fact("date", str(month), written=atom.text), at + 1


def _year(row: Sequence[Atom], at: int) -> tuple[str, int]:
    """The year that may follow a month: "2024-", or nothing."""
    place = at + 1 if at < len(row) and row[at].text in (",", "de", "del", ".") else at
    found = place < len(row) and row[place].kind == "number" and YEAR.fullmatch(row[place].text)
    if found and following(row, place + 1)[:1] != ["%"] and not row[place].unit:
        return f"{row[place].text}-", place + 1
    return "", at


def _is_day(value: str) -> bool:
    return bool(re.fullmatch(r"0?[1-9]|[12]\d|3[01]", value))


def _shared_unit(found: list[Fact]) -> list[Fact]:
    """What one of a range says is said of the others: 14 to 21 days, 9 to 17:30, 9 am to 5, 1 to 5 May."""
    for place in range(len(found) - 2, -1, -1):
        found[place] = _like(found[place], found[place + 1])
    for place in range(1, len(found)):
        if found[place - 1].kind == "time" and found[place].kind == "number" and not found[place].unit:
            found[place] = _like(found[place], found[place - 1])
    return found


def _like(fact: Fact, other: Fact) -> Fact:
    """The fact as a number of what the other one is of."""
    if fact.kind != "number" or fact.unit not in ("", "ordinal"):
        return fact
    if other.kind == "number" and not fact.unit:
        return fact._replace(unit=other.unit)
    if other.kind == "date" and "-" in other.value and _is_day(fact.value):
        return fact._replace(kind="date", value=f"{other.value.rpartition('-')[0]}-{int(fact.value)}", unit="")
    if other.kind == "time" and re.fullmatch(r"\d{1,2}", fact.value) and int(fact.value) <= 24:
        hour, until = int(fact.value), int(other.value.partition(":")[0])
        in_halves = until > 12 and not other.written.startswith(str(until))  # 2 to 5 pm; 9 to 5 pm is from the morning
        return fact._replace(kind="time", value=f"{hour + 12 if in_halves and hour <= until - 12 else hour}:00")
    return fact
