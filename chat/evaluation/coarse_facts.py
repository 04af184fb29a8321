"""An independent, coarse look for facts that stand in no passage: it measures the fact gate's promise; pure.

It shares no code with the gate and knows less: units, subjects and arithmetic are not compared. What it looks at are
the parts of an answer that can be looked up: numbers, dates, times, telephone numbers, links, e-mail addresses, tokens
like codes, names of months and weekdays. Number words are looked at only with a unit behind them ("two days"): alone
they are mostly not facts ("one of them"). Numbers are compared by their digits (coarse_numbers.py). What stands in a
passage word for word is never reported. A form that the passage does not use (a date turned round) may be reported
although it is right: what is found is meant to be read by somebody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from chat.evaluation.coarse_numbers import forms_of, fraction, in_digits, numbers_in, readable

MOST_CHARS = 80  # of a reported fact
LEAST_PHONE_DIGITS = 7
LEAST_IDENTIFIER_DIGITS = 6
Found = Iterator[tuple[int, int]]  # from where to where in the answer

_CALENDAR = re.compile(
    r"\b(?:january|february|april|june|july|august|september|october|november|december|(?:mon|tues|wednes|thurs|fri"
    r"|satur|sun)day)s?\b"
)
_OFTEN_PLAIN = re.compile(r"\b(?:March|May)\b(?= \d)|(?<=\d )(?:March|May)\b")  # months only beside a number

_MARKER = re.compile(r"\[\d{1,4}\]")
_ITEM = re.compile(r"^[ \t]*(\d{1,2})[.)](?=[ \t]+\S)", re.MULTILINE)
_EMAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_ENDINGS = (
    "com|org|net|io|co|eu|info|shop|example|dev|app|ai|biz|me|online|site|store|test|gov|edu|uk|de|fr|es|at|ch|us|ca"
)
_LINK = re.compile(  # a dotted name is taken whole: enclosure.com.au, and javax.net.ssl.error too
    r"(?:[a-z][a-z0-9+.-]{0,20}://|www\.)[^\s<>\"')\]|]+"
    rf"|(?<![\w@.-])(?:[\w-]{{1,63}}\.){{1,6}}(?:{_ENDINGS})(?:\.[\w-]{{1,63}}){{0,9}}(?![\w-])(?:/[^\s<>\"')\]|]*)?"
)
_SEQUENCE = re.compile(r"\+?\(?\d(?:\d|[ \t()/+-]|[.,](?=\d))*\d")  # digits, and what may divide those of a telephone
_TOKEN = re.compile(r"[^\s|]+")
_JOINED = re.compile(r"[–—/×()=~→]+")  # what stands on both sides of it is looked up apart
_PARTS = re.compile(r"[-–—−/×+()=~→]+")
_EDGES = ".,;:!?…\"'“”‘’«»„()[]{}<>*_`#~|•"
_MEASURED = re.compile(r"v?[£$€¥+−-]*(\d+(?:[.,:'’]\d+)*)(?:%|°|\$|£|€|a\.m|p\.m|°?[^\W\d_]{1,4})?")
_NAMED = re.compile(
    r"(?:order|invoice|ticket|case|reference|ref|error|code|version|model|number|no|nr|bestellung|rechnung|fehler"
    r"|commande|facture|erreur|pedido|factura)\b[\s.:#]*(?:number|no|code|nr)?[\s.:#]*(\S*\d\S*)|#(\S*\d\S*)"
)


def unlicensed(answer: str, passages: Sequence[str], question: str) -> list[str]:
    """What the answer says of that kind and no passage does, in its order, each once; at most 80 characters each.

    Of the customer's question only identifiers count: order numbers, versions, error codes.
    """
    typed = _without_numbering(_MARKER.sub(" ", in_digits(readable(answer), counted=True)))
    said, known = typed.casefold(), _Known([readable(passage).casefold() for passage in passages])
    known.allow(_identifiers(readable(question).casefold()))
    found = [
        *_unknown_addresses(said, known),
        *_unknown_sequences(said, known),
        *_unknown_tokens(_blanked(_LINK, _blanked(_EMAIL, said)), known),
        *_unknown_calendar(said, typed, known),
    ]
    told = [said[start:end].strip(_EDGES + " ") for start, end in sorted(found) if not known.holds(said, start, end)]
    return list(dict.fromkeys(text[:MOST_CHARS] for text in told))


class _Known:
    """What the passages hold, in the forms that are compared."""

    def __init__(self, passages: Sequence[str]) -> None:
        self.text = "\n".join(passages)
        self.flat = _flat(self.text)
        self.tokens = {form for token in _TOKEN.findall(self.text) for form in _forms(token)}
        self.words = set(re.findall(r"[^\W\d_]+", self.text))
        self.numbers = numbers_in(self.text)
        self.sequences = {_digits(found) for found in _SEQUENCE.findall(self.text)}
        self.emails = set(_EMAIL.findall(self.text))

    def allow(self, identifiers: Iterable[str]) -> None:
        for one in identifiers:
            self.tokens |= set(_forms(one))
            self.sequences.add(_digits(one))
            if one.isdigit():
                self.numbers.add(one)

    def holds(self, said: str, start: int, end: int) -> bool:
        """Whether what was found there, and all that is written on to it, stands in a passage word for word."""
        before, behind = re.split(r"\s", said[:start])[-1], re.split(r"\s", said[end:], maxsplit=1)[0]
        return _flat(f"{before}{said[start:end]}{behind}") in self.flat

    def has_sequence(self, digits: str) -> bool:
        return len(digits) >= LEAST_PHONE_DIGITS and any(digits in one for one in self.sequences)

    def has_number(self, run: str) -> bool:
        return bool(self.numbers & forms_of(run))


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


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _flat(text: str) -> str:
    """Words with one blank around each and no marks at their ends: what stands in one text is looked for in another."""
    return " " + " ".join(bare for token in text.split() if (bare := token.strip(_EDGES))) + " "


def _forms(token: str) -> Iterator[str]:
    """A token as a whole, without the marks around it, and each of its parts."""
    bare = token.strip(_EDGES)
    yield bare
    yield from (part.strip(_EDGES) for part in _PARTS.split(bare))


def _unknown_addresses(said: str, known: _Known) -> Found:
    """E-mail addresses and links, as they are written; of a passage's link the beginning may be said."""
    for match in _EMAIL.finditer(said):
        if match[0] not in known.emails:
            yield match.span()
    for match in _LINK.finditer(_blanked(_EMAIL, said)):
        bare = re.sub(r"^[a-z][a-z0-9+.-]*://", "", match[0]).removeprefix("www.").rstrip(_EDGES + "/")
        if not re.search(rf"(?:(?<![\w@.-])|(?<=www\.)){re.escape(bare)}(?![\w@-]|\.\w)", known.text):
            yield match.span()


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """Every place stays where it was."""
    return pattern.sub(lambda match: " " * len(match[0]), text)


def _unknown_sequences(said: str, known: _Known) -> Found:
    """Telephone numbers as a whole: each group may stand in a passage and the number in none."""
    for match in _SEQUENCE.finditer(said):
        digits, groups = _digits(match[0]), re.findall(r"\d+", match[0])
        is_number = len(groups) < 2 or len(digits) < LEAST_PHONE_DIGITS or known.has_number(match[0])
        if not is_number and not known.has_sequence(digits):
            yield match.span()


def _unknown_tokens(said: str, known: _Known) -> Found:
    """Numbers and what looks like a code."""
    for match in _TOKEN.finditer(said):
        bare = match[0].strip(_EDGES)
        is_known = bare in known.tokens or fraction(bare) in known.numbers
        if not is_known and not all(_is_known(part, known) for part in _parts_to_know(bare)):
            yield match.span()


def _parts_to_know(bare: str) -> Iterator[str]:
    """ab-123 and x_y as a whole; of 30-day and 9-17/18 each part that has a digit."""
    for chunk in _JOINED.split(bare):
        is_code = bool(re.match(r"[^\W\d_].*\d", chunk)) or "_" in chunk.strip(_EDGES)
        for part in [chunk] if is_code else _PARTS.split(chunk):
            if is_code or any(one.isdigit() for one in part):
                yield part.strip(_EDGES)


def _is_known(part: str, known: _Known) -> bool:
    measured = _MEASURED.fullmatch(part)
    return part in known.tokens or known.has_sequence(_digits(part)) or bool(measured and known.has_number(measured[1]))


def _unknown_calendar(said: str, typed: str, known: _Known) -> Found:
    """Months and weekdays; May and March are words of every day, and count beside a number only."""
    for match in _CALENDAR.finditer(said):
        if not {match[0], match[0].removesuffix("s"), f"{match[0]}s"} & known.words:
            yield match.span()
    for match in _OFTEN_PLAIN.finditer(typed):
        if match[0].casefold() not in known.words:
            yield match.span()


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
