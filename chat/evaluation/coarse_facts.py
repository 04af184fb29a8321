"""An independent, coarse look for facts that stand in no passage: it measures the fact gate's promise; pure.

It shares no code with the gate and knows less: units, subjects and arithmetic are not compared. What it looks at are
the parts of an answer that can be looked up: numbers, dates, times, telephone numbers, links, e-mail addresses, tokens
like codes, names of months and weekdays. Number words are looked at only with a unit behind them ("two days"): alone
they are mostly not facts ("one of them"). Numbers are compared by their digits: 1,000 = 1000, 4.50 = 4.5, 9:00 = 9, 2 =
two, 2½ = two and a half = 2.5, a dozen = 12, and any script's digits are digits. A form that the passage does not use
(a date turned round) may be reported although it is right: what is found is meant to be read by somebody.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

MOST_CHARS = 80  # of a reported fact
LEAST_PHONE_DIGITS = 7
LEAST_IDENTIFIER_DIGITS = 6

_ONES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: n for n, word in enumerate(_ONES.split(), 2)} | {w: 10 * n for n, w in enumerate(_TENS.split(), 2)}
_VALUES |= {"hundred": 100, "thousand": 1000}
_TENS_WORDS = frozenset(_TENS.split())
_BELOW_TEN = "|".join(["one", *_ONES.split()[:8]])
_NUMBER = rf"(\d{{1,6}}|(?:{'|'.join(_TENS.split())})(?:[ -](?:{_BELOW_TEN}))?|{'|'.join(_ONES.split())}|one|hundred)"
_HALF_MORE = re.compile(rf"\b{_NUMBER}[ -]and[ -]a[ -]half\b", re.IGNORECASE)
_DOZEN = re.compile(rf"(?<![\d.,])\b(?:{_NUMBER}|(half)(?:[ -]an?)?|an?)?[ -]?\bdozen\b", re.IGNORECASE)
_MIXED = re.compile(r"(?<![\d.,:/])(\d{1,4}) (\d{1,2})/([2-9]|1\d)(?![\d/])")
_FRACTION = re.compile(r"(?<![\d.,:/])(\d{1,2})/([2-9]|1\d)(?![\d/])")
_SIGN = re.compile(r"(?:(\d{1,6})[ \u202f\xa0]?)?([¼-¾⅐-⅞])")
_SHARES = re.compile(r"\b(three |two |one |a )?(half|quarter|third)s?\b")
_COUNTED = re.compile(
    r"(?:calendar |working |business |full |more |whole |consecutive )*"
    r"(?:second|minute|hour|day|night|week|month|year|percent|per cent|pound|euro|dollar|pence|cent|kilo|kilogram|gram"
    r"|metre|meter|kilometre|kilometer|mile|litre|liter|degree)s?\b"
)
_MONTHS = "january february april june july august september october november december"
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday"
_CALENDAR = frozenset(f"{_MONTHS} {_WEEKDAYS}".split())
_OFTEN_PLAIN = re.compile(r"\b(?:March|May)\b(?= \d)|(?<=\d )(?:March|May)\b")  # months only beside a number

_MARKER = re.compile(r"\[\d{1,4}\]")
_ITEM = re.compile(r"^[ \t]*(\d{1,2})[.)](?=[ \t]+\S)", re.MULTILINE)
_EMAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_ENDINGS = (
    "com|org|net|io|co|eu|info|shop|example|dev|app|ai|biz|me|online|site|store|test|gov|edu|uk|de|fr|es|at|ch|us|ca"
)
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}://|www\.)[^\s<>\"')\]|]+"
    rf"|(?<![\w@.-])(?:[\w-]{{1,63}}\.){{1,6}}(?:{_ENDINGS})(?![\w-])(?:/[^\s<>\"')\]|]*)?"
)
_SEQUENCE = re.compile(r"\+?\(?\d(?:\d|[ \t()/+-]|[.,](?=\d))*\d")  # digits, and what may divide those of a telephone
_RUN = re.compile(r"\d+(?:[.,:'’]\d+)*")
_TOKEN = re.compile(r"[^\s|]+")
_JOINED = re.compile(r"[–—/×()=~→]+")  # what stands on both sides of it is looked up apart
_PARTS = re.compile(r"[-–—−/×+()=~→]+")
_EDGES = ".,;:!?…\"'“”‘’«»„()[]{}<>*_`#~|•"
_MEASURED = re.compile(
    r"[£$€¥+−-]*(\d+(?:[.,:'’]\d+)*)"
    r"(?:st|nd|rd|th|am|pm|a\.m|p\.m|%|°c|°f|°|c|f|£|\$|€|p|k|x|kg|mg|g|t|km|cm|mm|m|l|ml|cl|h|hrs?|mins?|secs?|s|ms|d"
    r"|w|kw|kwh|wh|v|mah|ah|hz|mhz|ghz|kb|mb|gb|tb|px|dpi|in|ft|lbs?|oz|mph|usd|eur|gbp|chf)?"
)
_NAMED = re.compile(
    r"(?:order|invoice|ticket|case|reference|ref|error|code|version|model|number|no|nr|bestellung|rechnung|fehler"
    r"|commande|facture|erreur|pedido|factura)\b[\s.:#]*(?:number|no|code|nr)?[\s.:#]*(\S*\d\S*)|#(\S*\d\S*)"
)


def unlicensed(answer: str, passages: Sequence[str], question: str) -> list[str]:
    """What the answer says of that kind and no passage does, in its order, each once; at most 80 characters each.

    Of the customer's question only identifiers count: order numbers, versions, error codes.
    """
    typed = _without_numbering(_MARKER.sub(" ", _in_digits(_readable(answer))))
    said, known = typed.casefold(), _Known([_readable(passage).casefold() for passage in passages])
    known.allow(_identifiers(_readable(question).casefold()))
    found = [
        *_unknown_addresses(said, known),
        *_unknown_sequences(said, known),
        *_unknown_tokens(_without_addresses(said), known),
        *_unknown_calendar(said, typed, known),
        *_unknown_counts(said, known),
    ]
    return list(dict.fromkeys(text[:MOST_CHARS] for _, text in sorted(found)))


class _Known:
    """What the passages hold, in the forms that are compared."""

    def __init__(self, passages: Sequence[str]) -> None:
        self.text = "\n".join(passages)
        self.tokens = {form for token in _TOKEN.findall(self.text) for form in _forms(token)}
        self.words = set(re.findall(r"[^\W\d_]+", self.text))
        counted = f"{self.text}\n{_in_digits(self.text)}"
        self.numbers = {form for run in _RUN.findall(counted) for form in _number_forms(run)}
        self.numbers |= {str(value) for _, _, value in _number_words(self.text)} | set(_shares(self.text))
        self.sequences = {_digits(found) for found in _SEQUENCE.findall(self.text)}
        self.emails = set(_EMAIL.findall(self.text))

    def allow(self, identifiers: Iterable[str]) -> None:
        for one in identifiers:
            self.tokens |= set(_forms(one))
            self.sequences.add(_digits(one))
            if one.isdigit():
                self.numbers.add(one)

    def has_sequence(self, digits: str) -> bool:
        return len(digits) >= LEAST_PHONE_DIGITS and any(digits in one for one in self.sequences)

    def has_number(self, run: str) -> bool:
        return bool(self.numbers & _number_forms(run))

    def has_fraction(self, token: str) -> bool:
        """3/4 where a passage says 0.75, ¾ or three quarters."""
        match = _FRACTION.fullmatch(token)
        return match is not None and _decimal(int(match[1]) / int(match[2])) in self.numbers


def _readable(text: str) -> str:
    """Any script's digits as 0-9, 2½ as 2.5, full-width letters narrow, nothing invisible."""
    spelled = _SIGN.sub(lambda match: _decimal(int(match[1] or 0) + unicodedata.numeric(match[2])), text)
    kept = (one for one in unicodedata.normalize("NFKC", spelled) if unicodedata.category(one) != "Cf")
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in kept)


def _in_digits(text: str) -> str:
    """Two and a half as 2.5, 2 1/2 as 2.5, a dozen as 12, half a dozen as 6."""
    text = _HALF_MORE.sub(lambda match: _decimal(_value(match[1]) + 0.5), text)
    text = _MIXED.sub(lambda match: _decimal(int(match[1]) + int(match[2]) / int(match[3])), text)
    return _DOZEN.sub(lambda match: "6" if match[2] else _decimal(12 * _value(match[1] or "one")), text)


def _value(number: str) -> int:
    """Of digits, or of number words below a hundred."""
    if number.isdigit():
        return int(number)
    return sum(_VALUES.get(word, 1) for word in re.split("[ -]", number.casefold()))


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


def _without_numbering(text: str) -> str:
    """The numbers of a list that counts 1, 2, 3 say nothing; any other number at the start of a line does."""
    wanted = 1

    def blank(match: re.Match[str]) -> str:
        nonlocal wanted
        if int(match[1]) != wanted:
            return match[0]
        wanted += 1
        return " " * len(match[0])

    return _ITEM.sub(blank, text)


def _number_forms(run: str) -> set[str]:
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


def _short(decimal: str) -> str:
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _forms(token: str) -> Iterator[str]:
    """A token as a whole, without the marks around it, and each of its parts."""
    bare = token.strip(_EDGES)
    yield bare
    yield from (part.strip(_EDGES) for part in _PARTS.split(bare))


def _unknown_addresses(said: str, known: _Known) -> Iterator[tuple[int, str]]:
    """E-mail addresses and links, as they are written; of a passage's link the beginning may be said."""
    for match in _EMAIL.finditer(said):
        if match[0] not in known.emails:
            yield match.start(), match[0]
    for match in _LINK.finditer(_blanked(_EMAIL, said)):
        bare = re.sub(r"^[a-z][a-z0-9+.-]*://", "", match[0]).removeprefix("www.").rstrip(_EDGES + "/")
        if not re.search(rf"(?:(?<![\w@.-])|(?<=www\.)){re.escape(bare)}(?![\w@-]|\.\w)", known.text):
            yield match.start(), match[0].rstrip(_EDGES)


def _without_addresses(said: str) -> str:
    return _blanked(_LINK, _blanked(_EMAIL, said))


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """Every place stays where it was."""
    return pattern.sub(lambda match: " " * len(match[0]), text)


def _unknown_sequences(said: str, known: _Known) -> Iterator[tuple[int, str]]:
    """Telephone numbers as a whole: each group may stand in a passage and the number in none."""
    for match in _SEQUENCE.finditer(said):
        digits = _digits(match[0])
        groups = re.findall(r"\d+", match[0])
        is_number = len(groups) < 2 or len(digits) < LEAST_PHONE_DIGITS or known.has_number(match[0])
        if not is_number and not known.has_sequence(digits):
            yield match.start(), match[0].strip()


def _unknown_tokens(said: str, known: _Known) -> Iterator[tuple[int, str]]:
    """Numbers and what looks like a code."""
    for match in _TOKEN.finditer(said):
        bare = match[0].strip(_EDGES)
        is_known = bare in known.tokens or known.has_fraction(bare)
        if not is_known and not all(_is_known(part, known) for part in _parts_to_know(bare)):
            yield match.start(), bare


def _parts_to_know(bare: str) -> Iterator[str]:
    """ab-123 and x_y as a whole; of 30-day and 9-17/18 each part that has a digit."""
    for chunk in _JOINED.split(bare):
        is_code = bool(re.match(r"[^\W\d_].*\d", chunk)) or "_" in chunk.strip(_EDGES)
        for part in [chunk] if is_code else _PARTS.split(chunk):
            if is_code or any(one.isdigit() for one in part):
                yield part.strip(_EDGES)


def _is_known(part: str, known: _Known) -> bool:
    if part in known.tokens or known.has_sequence(_digits(part)):
        return True
    measured = _MEASURED.fullmatch(part.removeprefix("v"))
    return known.has_number(measured[1]) if measured else False


def _unknown_calendar(said: str, typed: str, known: _Known) -> Iterator[tuple[int, str]]:
    """Months and weekdays; May and March are words of every day, and count beside a number only."""
    for match in re.finditer(r"[^\W\d_]+", said):
        day = match[0].removesuffix("s")
        if (match[0] in _CALENDAR or day in _CALENDAR) and not {match[0], day, f"{day}s"} & known.words:
            yield match.start(), match[0]
    for match in _OFTEN_PLAIN.finditer(typed):
        if match[0].casefold() not in known.words:
            yield match.start(), match[0].casefold()


def _number_words(text: str) -> Iterator[tuple[int, int, int]]:
    """(start, end, value) of two to ninety-nine, hundred and thousand, written out in English."""
    words = list(re.finditer(r"[^\W\d_]+", text))
    skip = False
    for match, following in zip_longest(words, words[1:]):
        if skip or match[0] not in _VALUES:
            skip = False
            continue
        value, end = _VALUES[match[0]], match.end()
        joined = following is not None and text[match.end() : following.start()] in ("-", " ")
        if following is not None and joined and match[0] in _TENS_WORDS:
            ones = 1 if following[0] == "one" else _VALUES.get(following[0], 100)
            if ones < 10:
                value, end, skip = value + ones, following.end(), True
        yield match.start(), end, value


def _unknown_counts(said: str, known: _Known) -> Iterator[tuple[int, str]]:
    """Number words that count something: "two days", "five working days", "ten-minute"."""
    for start, end, value in _number_words(said):
        if _COUNTED.match(said[end:].lstrip(" -")) and str(value) not in known.numbers:
            yield start, said[start:end]


def _identifiers(question: str) -> set[str]:
    """What a customer may be told back: long numbers, codes of letters and digits, and what is named as such."""
    found = {group for match in _NAMED.finditer(question) for group in match.groups() if group}
    for token in _TOKEN.findall(question):
        bare = token.strip(_EDGES)
        is_measured = _MEASURED.fullmatch(bare) or re.match(r"\d+-[^\W\d_]+$", bare)
        is_code = bool(re.search(r"[^\W\d_]", bare)) and any(one.isdigit() for one in bare)
        if (is_code and not is_measured) or (bare.isdigit() and len(bare) >= LEAST_IDENTIFIER_DIGITS):
            found.add(token)
    return {one.strip(_EDGES) for one in found if not re.search(r"[£$€¥%]", one)}
