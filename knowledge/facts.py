"""What counts as a fact in a text, in one normal form for answers and passages alike; pure.

Numbers are compared by value (1,000 = 1000, 4.50 = 4.5) together with their unit (30 days is not 30 minutes), and
neighbouring groups of digits together (telephone numbers, dates). Codes, addresses and links are compared as written.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

CURRENCIES = {"£": "£", "€": "€", "$": "$", "¥": "¥"}
_UNITS = {
    "day": "day days tag tage tagen jour jours día días dia dias d",
    "week": "week weeks woche wochen semaine semaines semana semanas wk wks",
    "month": "month months monat monate monaten mois mes meses",
    "year": "year years yr yrs jahr jahre jahren an ans année années año años",
    "hour": "hour hours hr hrs h stunde stunden heure heures hora horas",
    "minute": "minute minutes min mins minuten minuto minutos",
    "second": "second seconds sec secs s sekunde sekunden seconde secondes segundo segundos",
    "night": "night nights nacht nächte nuit nuits noche noches",
    "am": "am a.m", "pm": "pm p.m", "o'clock": "o'clock uhr",
    "£": "£ pound pounds gbp pfund livres libras", "€": "€ euro euros eur", "$": "$ dollar dollars usd",
    "p": "p pence penny", "cent": "cent cents", "%": "% percent prozent",
    "kg": "kg kilo kilos kilogram kilograms kilogramm", "g": "g gram grams gramm grammes gramos", "t": "tonne tonnes",
    "km": "km kilometre kilometres kilometer kilometers", "m": "m metre metres meter meters mètre mètres metros",
    "cm": "cm centimetre centimetres centimeter centimeters", "mm": "mm millimetre millimetres",
    "mile": "mile miles", "inch": "inch inches in", "ft": "ft foot feet",
    "l": "l litre litres liter liters litros", "ml": "ml millilitre millilitres", "°c": "°c °", "°f": "°f",
    "w": "w watt watts", "kw": "kw", "v": "v volt volts", "mah": "mah", "wh": "wh", "kb": "kb", "mb": "mb", "gb": "gb",
    "person": "person persons people personen personnes personas", "times": "times mal fois veces",
}  # fmt: skip
UNITS = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_MONTHS = "january february march april may june july august september october november december"
MONTHS = frozenset(_MONTHS.split())
UNITS |= {month: month for month in MONTHS}  # 24 December is not 24 November
_ADJECTIVES = "business working calendar full consecutive more whole further additional extra"
ADJECTIVES = frozenset(_ADJECTIVES.split())
_ONES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: 10 * n for n, word in enumerate(_TENS.split(), start=2)}
NUMBER_WORDS = {word: value for value, word in enumerate(f"{_ONES} nineteen".split(), start=2)}
NUMBER_WORDS |= TENS | {"hundred": 100, "thousand": 1000, "million": 1_000_000, "dozen": 12}
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday"
# May and march are words of every day: months only beside a number, or (March) with a capital letter.
DATE_WORDS = MONTHS - {"march", "may"} | {f"{day}{s}" for day in _WEEKDAYS.split() for s in ("", "s")}
RANGE_WORDS = frozenset(("to", "or", "and", "bis", "und", "à", "et", "a", "y", "-", "–", "—"))

MARKER = re.compile(r"\[\d{1,4}\]")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
TLDS = "com|org|net|io|co|eu|info|shop|example|dev|app|ai|biz|me|xyz|online|site|store|test|local"
URL = re.compile(
    rf"(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>\"')\]]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{TLDS}|[a-z]{{2}})(?:/[^\s<>\"')\]]*)?(?![\w])",
    re.IGNORECASE,
)
NUMBER = re.compile(
    r"(?P<sign>[+−-]?)(?P<currency>[£€$¥]?)(?P<digits>\d+(?:[.,:']\d+)*)"
    r"(?P<suffix>[^\W\d_]*[%°€£$]?[^\W\d_]*)"
)
SPLIT = re.compile(r"([-–—−/×x()+]+)")
_IDENTIFIER_NAMES = """
order orders invoice error code version ticket reference ref model number no nr
bestellung rechnung fehler commande facture erreur pedido factura
"""
IDENTIFIER_NAMES = frozenset(_IDENTIFIER_NAMES.split())
ORDINALS = frozenset(("st", "nd", "rd", "th"))
OUTER = "()[]{}<>\"'“”‘’«»„.,;:!?…|#*_~`"


@dataclass(slots=True)
class Facts:
    """What may be said: values with the units they stand with (None: bare), pairs of neighbours, tokens as written."""

    values: dict[str, set[str | None]] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)  # the customer's own identifiers

    def add(self, value: str, unit: str | None) -> None:
        self.values.setdefault(value, set()).add(unit)


def plain(text: str) -> str:
    """One form of letters and digits; nothing invisible, none of the marks that rendering takes away."""
    folded = unicodedata.normalize("NFKC", text)
    kept = (c for c in folded if unicodedata.category(c) != "Cf" and c not in "*`~\\")
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept).casefold()


def core(word: str) -> str:
    """A word without the punctuation around it and without [n] markers."""
    return MARKER.sub("", word).strip().strip(OUTER)


def value_of(digits: str) -> str:
    """1,000 -> 1000; 4.50 -> 4.5; 09:00 -> 9:00; leading zeros of other numbers count (they are codes and phones)."""
    if re.fullmatch(r"\d{1,2}:\d{2}", digits):
        hours, _, rest = digits.partition(":")
        return f"{int(hours)}:{rest}"
    if re.fullmatch(r"\d{1,3}(?:[,']\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3}){2,}", digits):
        digits = digits.replace(",", "").replace("'", "") if digits.count(".") < 2 else digits.replace(".", "")
    elif digits.count(",") == 1 and "." not in digits:
        digits = digits.replace(",", ".")
    if digits.count(".") == 1:
        whole, _, fraction = digits.partition(".")
        digits = whole + ("." + fraction.rstrip("0") if fraction.rstrip("0") else "")
    return digits


def unit_of(word: str) -> str | None:
    bare = core(word) or word.strip()
    return UNITS.get(bare) or CURRENCIES.get(bare)


def unit_before(word: str) -> str | None:
    """£ 5, November 24."""
    return CURRENCIES.get(word.rstrip()[-1:]) or (core(word) if core(word) in MONTHS else None)


def unit_after(words: Sequence[str]) -> str | None:
    """The unit of the number that these words follow: "full working days" -> day, "to 21 days" -> day."""
    rest = list(words)
    while rest and core(rest[0]) in ADJECTIVES:
        rest.pop(0)
    if not rest:
        return None
    if core(rest[0]) == "per" and len(rest) > 1 and core(rest[1]) == "cent":
        return "%"
    if len(rest) > 1 and core(rest[0]) in RANGE_WORDS and (numbers := numbers_of(rest[1], rest[2:])):
        return numbers[0][1]
    return unit_of(rest[0])


def numbers_of(word: str, after: Sequence[str]) -> list[tuple[str, str | None]] | None:
    """(value, unit) of each number in 30, £4.50, 30-day, 14–21; None for a word that is not made of numbers alone."""
    bare = core(word)
    if bare in NUMBER_WORDS or bare.partition("-")[0] in TENS:
        tens, _, ones = bare.partition("-")
        value = NUMBER_WORDS[tens] + NUMBER_WORDS.get(ones, 1 if ones == "one" else 0) if ones else NUMBER_WORDS[bare]
        return [(str(value), unit_after(after))]
    if not any(c.isdigit() for c in bare):
        return None
    found: list[tuple[str, str | None]] = []
    pieces = [bare] if NUMBER.fullmatch(bare) else [p for p in SPLIT.split(bare) if p and not SPLIT.fullmatch(p)]
    for piece in pieces:
        match = NUMBER.fullmatch(piece)
        suffix = match["suffix"] if match else piece
        unit = UNITS.get(suffix)
        if match is None and unit and found:
            found[-1] = (found[-1][0], unit)  # "30-day"
        elif match is None or (suffix and not unit and suffix not in ORDINALS):
            return None
        else:
            found.append((value_of(match["digits"]), CURRENCIES.get(match["currency"]) or unit))
    if found and found[-1][1] is None:
        found[-1] = (found[-1][0], unit_after(after))
    if found and found[-1][1]:
        found = [(value, unit or found[-1][1]) for value, unit in found]
    return found


def licences(passages: Iterable[str], given: Iterable[str] = ()) -> Facts:
    """Everything that these passages let us say."""
    facts = Facts(given=set(given))
    for passage in passages:
        words = plain(passage.replace("|", " | ")).split()
        for index, word in enumerate(words):
            facts.tokens.add(core(word))
            facts.tokens.update(links(word))
            if unit := unit_of(word):
                facts.units.add(unit)
            _license_numbers(words, index, facts)
    return facts


def _license_numbers(words: list[str], index: int, facts: Facts) -> None:
    found = numbers_of(words[index], words[index + 1 : index + 8])
    if not found:
        return
    before = words[index - 1] if index else ""
    for value, unit in found:
        unit = unit or unit_before(before)
        facts.add(value, unit)
        if unit:
            facts.units.add(unit)
        if unit in ("am", "pm", "o'clock") and ":" not in value:
            facts.add(f"{value}:00", unit)
        if value.endswith(":00"):
            facts.add(value.removesuffix(":00"), unit)
    values = [value for value, _ in found]
    facts.pairs.update(zip(values, values[1:], strict=False))
    if index and (earlier := numbers_of(before, [])):
        facts.pairs.add((earlier[-1][0], values[0]))


def links(word: str) -> list[str]:
    """The addresses and links in a word, in one form."""
    return [m.rstrip(OUTER + "/").removeprefix("https://").removeprefix("http://").removeprefix("www.")
            for m in [*EMAIL.findall(word), *(u.group() for u in URL.finditer(word))]]  # fmt: skip


def identifiers(question: str) -> set[str]:
    """Order numbers, versions and error codes in the customer's own words; never amounts or durations."""
    words, found = plain(question).split(), set()
    for index, word in enumerate(words):
        bare = core(word)
        if not any(c.isdigit() for c in bare) or any(c in bare for c in CURRENCIES):
            continue
        numbers = numbers_of(word, words[index + 1 : index + 4])
        named = index > 0 and core(words[index - 1]) in IDENTIFIER_NAMES or word.startswith("#")
        if numbers is None or (numbers[0][1] is None and (named or re.fullmatch(r"\d{6,}", bare))):
            found.add(bare)
    return found


def waits(word: str) -> bool:
    """Whether what this word means depends on the words after it."""
    bare = core(plain(word))
    return any(c.isdigit() for c in bare) or bare in NUMBER_WORDS or bare.partition("-")[0] in TENS


def unsupported(behind: Sequence[str], window: Sequence[str], licensed: Facts) -> str:
    """The kind of the first word's unsupported fact, or nothing. `behind` and `window` are words as they were said."""
    words = [plain(word) for word in window]
    bare = core(words[0])
    if not bare:
        return ""
    if found := links(words[0]):
        return "" if all(link in licensed.tokens for link in found) else "link"
    if bare in DATE_WORDS or (bare == "march" and window[0].lstrip(OUTER)[:1] == "M"):
        return "" if bare in licensed.tokens or bare.rstrip("s") in licensed.tokens else "date"
    if "_" in bare:
        return "" if bare in licensed.tokens | licensed.given else "code"
    numbers = numbers_of(words[0], words[1:])
    if numbers is None:
        is_code = any(c.isdigit() for c in bare)
        return "code" if is_code and bare not in licensed.tokens | licensed.given else ""
    return _unsupported_number([plain(word) for word in behind], numbers, bare, licensed)


def _unsupported_number(
    behind: Sequence[str], numbers: list[tuple[str, str | None]], bare: str, licensed: Facts
) -> str:
    before = behind[-1].rstrip() if behind else ""
    values = [value for value, _ in numbers]
    if bare in licensed.given and numbers[-1][1] is None:
        return ""
    for value, unit in numbers:
        unit = unit or unit_before(before)
        units = licensed.values.get(value)
        if units is None:
            return "number"
        if unit and unit not in units and not (None in units and unit in licensed.units - MONTHS):
            return "unit"
    belong_together = bare not in licensed.tokens and ("/" in bare or any(len(value) > 4 for value in values))
    if belong_together and any(pair not in licensed.pairs for pair in zip(values, values[1:], strict=False)):
        return "number"
    earlier = numbers_of(before, []) if before and before[-1].isalnum() else None
    if earlier and (earlier[-1][0], values[0]) not in licensed.pairs:
        return "number"
    return ""
