"""How the independent checker reads numbers: one number in every writing that says it; pure.

1,000 = 1000, 4.50 = 4.5, 9:00 = 9, 2 = two, 2½ = two and a half = 2.5, a dozen = 12, and any script's digits are
digits. It shares no code with the fact gate either.
"""

import re
import unicodedata
from collections.abc import Iterator

_ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_ONES += " eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: n for n, word in enumerate(_ONES.split(), 1)} | {w: 10 * n for n, w in enumerate(_TENS.split(), 2)}
_VALUES |= {"hundred": 100, "thousand": 1000}
_WORDS = rf"(?:{'|'.join(_TENS.split())})(?:[ -](?:{'|'.join(_ONES.split()[:9])}))?|{'|'.join(_VALUES)}"
_UNIT = (
    r"(?:second|minute|hour|day|night|week|month|year|percent|per cent|pound|euro|dollar|pence|cent|kilo|kilogram|gram"
    r"|metre|meter|kilometre|kilometer|mile|litre|liter|degree)s?\b"
)
_SPELLED = re.compile(rf"\b({_WORDS})\b", re.IGNORECASE)
_COUNTED = re.compile(
    rf"\b({_WORDS})(?=[ -]+(?:(?:calendar|working|business|full|more|whole|consecutive) )*{_UNIT})", re.IGNORECASE
)
_HALF_MORE = re.compile(rf"\b(\d{{1,6}}|{_WORDS})[ -]and[ -]a[ -]half\b", re.IGNORECASE)
_DOZEN = re.compile(rf"(?<![\d.,])\b(?:(\d{{1,6}}|{_WORDS})|(half)(?:[ -]an?)?|an?)?[ -]?\bdozen\b", re.IGNORECASE)
_MIXED = re.compile(r"(?<![\d.,:/])(\d{1,4}) (\d{1,2})/([2-9]|1\d)(?![\d/])")
_FRACTION = re.compile(r"(?<![\d.,:/])(\d{1,2})/([2-9]|1\d)(?![\d/])")
_SIGN = re.compile(r"(?:(\d{1,6})[ \u202f\xa0]?)?([¼-¾⅐-⅞])")
_SHARES = re.compile(r"\b(three |two |one |a )?(half|quarter|third)s?\b")
_RUN = re.compile(r"\d+(?:[.,:'’]\d+)*")


def readable(text: str) -> str:
    """Any script's digits as 0-9, 2½ as 2.5, full-width letters narrow, nothing invisible."""
    spelled = _SIGN.sub(lambda match: _decimal(int(match[1] or 0) + unicodedata.numeric(match[2])), text)
    kept = (one for one in unicodedata.normalize("NFKC", spelled) if unicodedata.category(one) != "Cf")
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in kept)


def in_digits(text: str, *, counted: bool = False) -> str:
    """Two and a half as 2.5, 2 1/2 as 2.5, half a dozen as 6; five as 5, if `counted` only where a unit follows."""
    text = _HALF_MORE.sub(lambda match: _decimal(_value(match[1]) + 0.5), text)
    text = _MIXED.sub(lambda match: _decimal(int(match[1]) + int(match[2]) / int(match[3])), text)
    text = _DOZEN.sub(lambda match: "6" if match[2] else _decimal(12 * _value(match[1] or "one")), text)
    return (_COUNTED if counted else _SPELLED).sub(lambda match: str(_value(match[1])), text)


def numbers_in(text: str) -> set[str]:
    """Every value that any number of a passage may stand for, written in digits or in English words."""
    counted = f"{text}\n{in_digits(text)}"
    return {form for run in _RUN.findall(counted) for form in forms_of(run)} | set(_shares(text))


def fraction(token: str) -> str:
    """3/4 as 0.75; nothing of what is no fraction."""
    match = _FRACTION.fullmatch(token)
    return _decimal(int(match[1]) / int(match[2])) if match else ""


def forms_of(run: str) -> set[str]:
    """Every value that the writing may stand for: 1.000 is a thousand or one."""
    forms = {run.lstrip("0") or "0", run}
    if re.fullmatch(r"\d{1,3}(?:[.,'’]\d{3})+", run):
        forms.add(re.sub(r"\D", "", run))
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+", run):
        forms.add(_short(run.replace(",", "")))
    if re.fullmatch(r"\d+(?:\.\d+|,(?:\d{1,2}|\d{4,}))", run):
        forms.add(_short(run.replace(",", ".")))
    if re.fullmatch(r"\d{1,2}[:.]\d{2}", run):
        hour, minute = int(run[:-3]), run[-2:]
        forms |= {f"{hour}:{minute}"} | ({str(hour)} if minute == "00" else set())
    return forms


def _value(number: str) -> int:
    """Of digits, or of number words up to a thousand."""
    return int(number) if number.isdigit() else sum(_VALUES[word] for word in re.split("[ -]", number.casefold()))


def _decimal(value: float) -> str:
    """At most three places."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _shares(text: str) -> Iterator[str]:
    """Half as 0.5, three quarters as 0.75, 3/4 as 0.75: what a passage says so may be said in digits."""
    parts = {"half": 2, "quarter": 4, "third": 3}
    for count, part in _SHARES.findall(text):
        yield _decimal({"three ": 3, "two ": 2}.get(count, 1) / parts[part])
    for over, under in _FRACTION.findall(text):
        yield _decimal(int(over) / int(under))


def _short(decimal: str) -> str:
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal
