"""What passages let an answer say: their facts, in one normal form, and the customer's own identifiers; pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from chat.subjects import Subjects, is_tied, stems
from knowledge.atoms import Atom
from knowledge.facts import Fact, readings, row_of
from knowledge.languages import language_of
from knowledge.numerals import each_unit, following, value_of
from knowledge.units import MONEY, TIME, read_unit

_IDENTIFIER_NAMES = """
# order orders invoice error code version release ticket reference ref model number no nr v
bestellung rechnung fehler bestellnummer commande facture erreur pedido factura numero
"""
IDENTIFIER_NAMES = frozenset(_IDENTIFIER_NAMES.split())
_PROMISES = "coupon voucher discount promo promotion gutschein rabatt remise reduction cupon descuento"
PROMISES = frozenset(_PROMISES.split())  # a code beside such a word is worth money: it must stand in a passage
PARTS = re.compile(r"(?<=[.!?…。])(?<![ap]\.m\.)\s+")  # of a line
COMMA_LANGUAGES = ("de", "fr", "es")
PHONE_DIGITS = 7
GLUED = re.compile(r"(?<=[^\W\d_][.!?])(?=[A-ZÀ-Þ][^\W\d_])|(?<=\d(?:st|nd|rd|th)[.!?])(?=[A-ZÀ-Þ][^\W\d_])")
VERSION = re.compile(r"v(\d+(?:\.\d+)*)")
NOUNS = frozenset(("person",))  # "11,000" and "11,000 people" may be the same


def writes_comma(text: str) -> bool:
    """Whether this text parts decimals by a comma, as its language does."""
    return language_of(text) in COMMA_LANGUAGES


def is_named(behind: Sequence[Atom]) -> bool:
    """Whether what follows is called an order number, a version, an error code."""
    for atom in reversed(behind[-3:]):
        if atom.kind == "mark" and atom.text != ":":
            return False
        if atom.text in IDENTIFIER_NAMES:
            return True
    return False


class Licences:
    """Ask `refuses` of each fact of an answer."""

    def __init__(self, passages: Iterable[str], question: str = "") -> None:
        self._units: dict[str, set[str]] = defaultdict(set)  # of each number; "" where it stands bare
        self._single: set[str] = set()  # units that are told of as one without a number: "a day", "Week: £150"
        self._runs: set[str] = set()
        self._neighbours: set[tuple[str, str]] = set()
        self._ranges: set[tuple[str, str]] = set()
        self._others: set[tuple[str, str]] = set()  # times, dates, days, links
        self._tokens: set[str] = set()  # codes and words, as they are written
        self._given = identifiers(question)
        self._subjects = Subjects(row_of(question))
        for passage in passages:
            comma = writes_comma(passage)
            about = stems(row_of(" ".join(passage.split("\n", 2)[:2])))  # title and heading
            for line in passage.split("\n"):
                before: frozenset[str] = frozenset()
                for part in PARTS.split(line):
                    for text in {part, GLUED.sub(" ", part)}:  # a blank may be missing between sentences
                        self._take(text, about, before, comma)
                    before = stems(row_of(part))

    def refuses(self, fact: Fact, behind: Sequence[Atom] = ()) -> str:
        """Why this fact may not be said: the sort of it; or nothing."""
        if fact.kind == "number":
            return self._refuses_number(fact, is_named(behind))
        if fact.kind == "run":
            return "" if self._allows_run(fact) else "number"
        if fact.kind == "code":
            return "" if fact.value in self._tokens or fact.value in self._given else "code"
        return "" if (fact.kind, fact.value) in self._others else {"day": "date"}.get(fact.kind, fact.kind)

    def refuses_range(self, start: Fact, end: Fact) -> str:
        """Why these two may not stand as the ends of a range, each being licensed."""
        return "" if (start.value, end.value) in self._ranges else "range"

    def is_told_of(self, fact: Fact, said: Iterable[Atom], *, over: bool) -> bool:
        """Whether the words around a licensed fact are about what its passage tells it of."""
        return not is_tied(fact) or self._subjects.holds(fact, said, over=over)

    def _refuses_number(self, fact: Fact, named: bool) -> str:
        if fact.written in self._given and not fact.unit and named:
            return ""
        if named and "." in fact.written and fact.written not in self._tokens:  # version 2.30 is not 2.3
            return "code"
        units = self._units.get(fact.value, set()) | self._units.get(fact.written, set())
        if fact.unit and fact.value == "1":
            units |= self._single
        if not units:
            return "" if len(fact.value) >= PHONE_DIGITS and fact.value in self._runs else "number"
        if fact.unit:
            return "" if fact.unit in units or (fact.unit in NOUNS and "" in units) else "unit"
        return "" if units - MONEY - {"%"} else "unit"

    def _allows_run(self, fact: Fact) -> bool:
        """Groups of digits: the beginning may be a telephone number, the rest are numbers of their own."""
        groups = fact.groups
        if (whole := _grouped(groups)) and fact.unit in self._units.get(whole, set()):
            return True
        for end in range(len(groups), 1, -1):
            if "".join(groups[:end]) in self._runs:
                rest = [Fact("number", value, written=value) for value in groups[end:]]
                if rest:
                    rest[-1] = rest[-1]._replace(unit=fact.unit)
                return not any(self._refuses_number(one, False) for one in rest)
        return all(pair in self._neighbours for pair in zip(groups, groups[1:], strict=False))

    def _take(self, part: str, about: frozenset[str], before: frozenset[str], comma: bool) -> None:
        """License one sentence, line or row."""
        row, taken = row_of(part), []
        self._tokens.update(atom.text for atom in row)
        last: Fact | None = None
        label: set[str] = set()  # units that a row names before its values: "Working days: 3 to 5"
        cell = 0
        for found, at, end in readings(row, comma):
            if not found and row[at].text in (";", "|", ":"):
                label = _units_in(row[cell:at]) if row[at].text == ":" else set()
                if at - cell == 1 and label & TIME:
                    self._single |= label
                cell = end
            elif unit := each_unit(row, at):
                self._single.add(unit)
            for fact in found:
                is_bare = fact.kind == "number" and not fact.unit
                taken += [fact._replace(unit=unit) for unit in sorted(label)] if is_bare and label else [fact]
                self._license(fact, label)
                if last is not None and last.kind == fact.kind:
                    self._ranges.add((last.value, fact.value))
                last = fact
        self._subjects.add(row, taken, about, before)

    def _license(self, fact: Fact, label: set[str]) -> None:
        if fact.kind == "number":
            self._license_number(fact, label)
            self._tokens.add(f"v{fact.written}")
        elif fact.kind == "run":
            self._license_run(fact, label)
        elif fact.kind == "date":
            self._license_date(fact.value)
        elif fact.kind == "code" and (version := VERSION.fullmatch(fact.value)):
            self._tokens.add(version[1])
            self._units[version[1]].add("")
        else:
            self._others.add((fact.kind, fact.value))

    def _license_number(self, fact: Fact, label: set[str]) -> None:
        for value in {fact.value, fact.written}:
            self._units[value] |= {fact.unit} if fact.unit else {"", *label}
        if (fact.value, fact.unit) == ("0.5", ""):
            self._units["50"].add("%")
        elif (fact.value, fact.unit) == ("50", "%"):
            self._units["0.5"].add("")

    def _license_run(self, fact: Fact, label: set[str]) -> None:
        groups = fact.groups
        self._neighbours.update(zip(groups, groups[1:], strict=False))
        for start in range(len(groups)):
            self._runs.update("".join(groups[start:end]) for end in range(start + 2, len(groups) + 1))
        if whole := _grouped(groups):
            self._license_number(Fact("number", whole, fact.unit, whole), label)
        numbers = [Fact("number", value_of(group), "", group) for group in groups]
        numbers[-1] = numbers[-1]._replace(unit=fact.unit)
        is_phone = groups[0].startswith("0") or len(fact.value) >= PHONE_DIGITS
        for number in numbers[-1:] if is_phone and fact.unit else [] if is_phone else numbers:
            self._license_number(number, label)

    def _license_date(self, date: str) -> None:
        """A whole date licenses its parts: 24 December 2024 is in December, in 2024, on the 24th."""
        self._others.add(("date", date))
        match = re.fullmatch(r"(?:(\d{4})(?:-|$))?(?:(\d{1,2})(?:-(\d{1,2}))?)?", date)
        if match is None:
            return
        year, month, day = match.groups()
        if year:
            self._units[year].add("")
        if month:
            self._others |= {("date", month), ("date", f"{year}-{month}")}
        if day:
            self._others.add(("date", f"{month}-{day}"))
            self._units[day].add("ordinal")


def identifiers(question: str) -> set[str]:
    """Order numbers, versions and error codes in the customer's own words; never amounts, durations or promises."""
    row, found = row_of(question), set()
    promised = any(atom.text in PROMISES for atom in row)
    for facts, at, _ in readings(row, writes_comma(question)):
        for fact in facts:
            named = is_named(row[:at])
            digits = sum(c.isdigit() for c in fact.value)
            is_version = re.fullmatch(r"v\d+(?:\.\d+)*", fact.value) is not None
            is_code = fact.kind == "code" and not promised and (named or digits >= 4 or is_version)
            is_number = fact.kind == "number" and not fact.unit and named
            if is_code or is_number:
                found.add(fact.value if is_code else fact.written)
    return found


def _units_in(row: Sequence[Atom]) -> set[str]:
    units, at = set(), 0
    while at < len(row):
        unit, taken = read_unit(following(row, at))
        units.add(unit)
        at += taken or 1
    return units - {""}


def _grouped(groups: Sequence[str]) -> str:
    """1 000 000 is a million, or nothing."""
    first, *rest = groups
    if re.fullmatch(r"[1-9]\d{0,2}", first) and all(re.fullmatch(r"\d{3}", group) for group in rest):
        return "".join(groups)
    return ""
