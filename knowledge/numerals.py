"""Numbers in a row of atoms, in one form: 1,000 = 1000 = a thousand; 2 pm = 14:00; ½ = one half = 0.5; pure."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from knowledge.atoms import Atom
from knowledge.folding import latin
from knowledge.number_words import AND, ARTICLES, HALVES, SCALES, SHY, is_number_word, ordinal, read_number, show
from knowledge.units import CLOCK, EACH, MONEY, TIME, UNITS, read_unit, suffix_unit

GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
CLOCK_TIME = re.compile(r"([01]?\d|2[0-4])[:.]([0-5]\d)")
LONGEST_RUN = 6
IN_ONE = {
    "twice": (Decimal(2), "times"), "thrice": (Decimal(3), "times"),
    "fiver": (Decimal(5), "£"), "tenner": (Decimal(10), "£"),
}  # fmt: skip
MINUS = frozenset(("minus", "moins", "menos"))


class Numeral(NamedTuple):
    """`kind` is number, time or run (neighbouring groups of digits); `end` is the place after it and its unit."""

    kind: str
    value: str
    unit: str
    written: str
    end: int
    groups: tuple[str, ...] = ()


def value_of(digits: str, comma: bool = False) -> str:
    """1,000 -> 1000; 4.50 -> 4.5; 4,50 -> 4.5; leading zeros count: they are of codes and telephones.

    Where a comma parts decimals (`comma`), 1.000 is a thousand, and 1,000 is compared only as it is written.
    """
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if comma and re.fullmatch(r"\d{1,3}[.,]\d{3}", digits):
        return sign + digits.replace(".", "")
    if re.fullmatch(r"\d{1,3}(?:'\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace("'", "")
    separators = re.findall(r"[.,]", digits)
    whole, point, fraction = digits, "", ""
    if separators and (len(separators) == 1 or separators[-1] not in separators[:-1]):
        whole, point, fraction = digits.rpartition(separators[-1])
    if point == "," and not separators[:-1] and GROUPED.fullmatch(digits):
        whole, fraction = digits, ""
    if re.search(r"[.,]", whole):
        if not GROUPED.fullmatch(whole):
            return sign + digits  # a version, or nothing that is known
        whole = re.sub(r"[.,]", "", whole)
    fraction = fraction.rstrip("0")
    return sign + whole + (f".{fraction}" if fraction else "")


def starts(atom: Atom) -> bool:
    """Whether a numeral may begin here."""
    if atom.kind == "number":
        return True
    text = atom.text
    return atom.kind == "word" and (
        text in SHY or text in MINUS or is_number_word(text) or ordinal(text) is not None or _in_one(text) is not None
    )


def read_numeral(atoms: Sequence[Atom], at: int, comma: bool = False) -> Numeral | None:
    """The numeral that begins at this place, with its unit."""
    atom = atoms[at]
    if atom.kind == "number":
        return _digits(atoms, at, comma)
    if atom.kind != "word":
        return None
    if atom.text in MINUS and at + 1 < len(atoms) and atoms[at + 1].kind == "number":
        number = _digits(atoms, at + 1, comma)
        return number._replace(value=f"-{number.value}", written=f"-{number.written}")
    return _words(atoms, at)


def _words(atoms: Sequence[Atom], at: int) -> Numeral | None:
    words = following(atoms, at)
    if words[0] in SHY and not (found := read_number(words)):
        return _shy(atoms, at, words)
    if found := read_number(words):
        value, used, is_ordinal = found
        used += words[0] in HALVES and words[used : used + 1] != [] and words[used] in ARTICLES  # half an hour
        unit, taken = ("ordinal", 0) if is_ordinal else unit_after(atoms, at + used)
        if taken and (half := _half_after(following(atoms, at + used + taken))):
            value, taken = value + Decimal("0.5"), taken + half
        return _clocked(show(value), unit, " ".join(words[:used]), at + used + taken)
    if one := _in_one(words[0]):
        return Numeral("number", show(one[0]), one[1], words[0], at + 1)
    third = ordinal(words[0])
    if third is None or words[1:2] and words[1].startswith("part"):  # third parties
        return None
    return Numeral("number", str(third), "ordinal", words[0], at + 1)


def _shy(atoms: Sequence[Atom], at: int, words: Sequence[str]) -> Numeral | None:
    """One day, a week, once dias; not a person, and not the rate in "twice a day", "£5 a month"."""
    rest = words[1:]
    if rest and SHY[words[0]] == 1 and (part := read_number(["zwei", rest[0]])) and part[1] == 2 and part[0] < 2:
        return Numeral("number", show(part[0] / 2), "", " ".join(words[:2]), at + 2)  # a third of it, a quarter
    if rest and words[0] in ARTICLES and (rest[0] in SCALES or rest[0] == "half"):
        inner = _words(atoms, at + 1)
        return inner._replace(written=f"{words[0]} {inner.written}") if inner else None
    unit, taken = read_unit(rest)
    if not unit:
        return None
    if words[0] in ARTICLES:
        before = atoms[at - 1] if at else None
        is_rate = before is not None and (
            before.kind == "number" or before.text in UNITS or before.text in ("once", "twice", "einmal")
        )
        if is_rate or unit not in TIME | MONEY or rest[0] in ("other", "further", "more") or taken > 1:
            return None
    half = _half_after(rest[taken:])
    value = Decimal(str(SHY[words[0]])) + (Decimal("0.5") if half else 0)
    return Numeral("number", show(value), unit, words[0], at + 1 + taken + half)


def _half_after(words: Sequence[str]) -> int:
    """How many words say "and a half" after the unit: deux heures ET DEMIE, 2 hours AND A HALF."""
    if not words or words[0] not in AND:
        return 0
    place = 1 + (len(words) > 1 and words[1] in ARTICLES)
    return place + 1 if place < len(words) and (words[place] in HALVES or words[place] in ("media", "medio")) else 0


def _in_one(word: str) -> tuple[Decimal, str] | None:
    """Number and unit in one word: twice, tenfold, zweimal, dreitagige, a tenner."""
    if word in IN_ONE:
        return IN_ONE[word]
    for ending in ("mal", "fold", "fach", "tagig", "wochig", "monatig", "jahrig", "stundig"):
        head, found, _ = word.partition(ending)
        if found and head and (number := read_number([head])) and number[1] == 1:
            return number[0], suffix_unit(word) or "times"
    return None


def _digits(atoms: Sequence[Atom], at: int, comma: bool) -> Numeral:
    end, groups = _run(atoms, at)
    unit = next((a.unit for a in atoms[at:end] if a.unit), "")
    if not unit and at and atoms[at - 1].text in UNITS and UNITS[atoms[at - 1].text] in MONEY:
        unit = UNITS[atoms[at - 1].text]  # USD 4.95, £ 5
    words = following(atoms, end)
    if words and (words[0] in SCALES) and not unit.startswith("ordinal") and len(groups) == 1:
        value = show(Decimal(value_of(groups[0], comma).replace(":", "") or 0) * SCALES[words[0]])
        more, taken = read_unit(words[1:])
        return Numeral("number", value, unit or more, f"{groups[0]} {words[0]}", end + 1 + taken)
    if fraction := _fraction(atoms, end, groups):
        value, end = fraction
        more, taken = unit_after(atoms, end)
        return Numeral("number", value, unit or more, value, end + taken)
    more, taken = unit_after(atoms, end)
    if unit and unit != "ordinal" and more and more not in CLOCK:
        more, taken = ("", 0) if more != unit else (more, taken)
    unit = unit or more
    if taken and len(groups) == 1 and groups[0].isdigit() and (half := _half_after(following(atoms, end + taken))):
        value = f"{value_of(groups[0])}.5"
        return Numeral("number", value, unit, value, end + taken + half)
    end += taken
    if len(groups) > 1:
        return Numeral("run", "".join(groups), unit, " ".join(groups), end, tuple(groups))
    return _clocked(value_of(groups[0], comma), unit, groups[0], end)


def _run(atoms: Sequence[Atom], at: int) -> tuple[int, list[str]]:
    """Groups of digits side by side: a telephone number, or thousands parted by blanks."""
    groups, place = [atoms[at].text], at + 1
    while len(groups) < LONGEST_RUN and place < len(atoms) and not atoms[place - 1].unit:
        joined = place + 1 < len(atoms) and atoms[place].text in ("-", "/") and _is_dialled(atoms, at)
        if joined and atoms[place + 1].kind == "number":
            place += 1
        elif atoms[place].kind != "number" or not atoms[place].said[:1].isdigit():  # Heron 3 £229
            break
        groups.append(atoms[place].text)
        place += 1
    return place, groups


def _is_dialled(atoms: Sequence[Atom], at: int) -> bool:
    """01632-960100 begins with a zero, 1-800-555-0199 has several dashes; 14-21 is a range."""
    text = atoms[at].text
    if re.fullmatch(r"0\d{2,}", text):
        return True
    shape = "".join("d" if a.kind == "number" and a.text.isdigit() else a.text for a in atoms[at : at + 5])
    return shape.startswith("d-d-d")


def _fraction(atoms: Sequence[Atom], end: int, groups: Sequence[str]) -> tuple[str, int] | None:
    """1/2, 2 1/2 as decimals, where they are parts of one."""
    if not 1 <= len(groups) <= 2 or end + 1 >= len(atoms) or atoms[end].text != "/" or atoms[end + 1].kind != "number":
        return None
    above, below = groups[-1], atoms[end + 1].text
    if not (re.fullmatch(r"[1-9]", above) and re.fullmatch(r"[2-9]|10", below) and int(above) < int(below)):
        return None
    if len(groups) == 2 and not groups[0].isdigit() or atoms[end + 2 : end + 3] and atoms[end + 2].text == "/":
        return None
    whole = int(groups[0]) if len(groups) == 2 else 0
    return show(Decimal(whole) + Decimal(above) / Decimal(below)), end + 2


def _clocked(value: str, unit: str, written: str, end: int) -> Numeral:
    """A time of day where it is one, in 24 hours."""
    match = CLOCK_TIME.fullmatch(written)
    if match and (":" in written or unit in CLOCK):
        hour, minute = int(match[1]), match[2]
    elif unit in CLOCK and re.fullmatch(r"\d{1,2}", value) and int(value) <= 24:
        hour, minute = int(value), "00"
    else:
        return Numeral("number", value, unit, written, end)
    if unit == "pm" and hour < 12:
        hour += 12
    elif unit == "am" and hour == 12:
        hour = 0
    return Numeral("time", f"{hour % 24}:{minute}", "", written, end)


def unit_after(atoms: Sequence[Atom], at: int) -> tuple[str, int]:
    """The unit that follows a number and how many atoms it takes: days, working days, -tägig, "- year"."""
    skipped = int(at + 1 < len(atoms) and atoms[at].text == "-" and atoms[at + 1].kind == "word")
    words = following(atoms, at + skipped)
    unit, taken = read_unit(words)
    if not unit and words and (unit := suffix_unit(words[0])):
        taken = 1
    return (unit, taken + skipped) if unit else ("", 0)


def following(atoms: Sequence[Atom], at: int) -> list[str]:
    """The words from this place on, up to the first thing that is none."""
    found = []
    for atom in atoms[at : at + 8]:
        if atom.kind != "word":
            break
        found.append(atom.text)
    return found


def each_unit(atoms: Sequence[Atom], at: int) -> str:
    """The unit in "per day", "every week", or nothing."""
    words = [latin(word) for word in following(atoms, at)]
    unit = read_unit(words[1:])[0] if words and words[0] in EACH else ""
    return unit if unit in TIME else ""
