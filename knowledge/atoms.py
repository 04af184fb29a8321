"""A text taken to pieces that may be facts: words, numbers, codes, links, and the marks that part them; pure.

One blank-free word at a time, so that a stream can be read with it.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from knowledge.folding import latin, plain, turns_text
from knowledge.units import CURRENCIES, GLUED, MONTHS, SHORT_DAYS, UNITS, WEEKDAYS

TLDS = "com|org|net|io|co|eu|info|shop|example|dev|app|ai|biz|me|xyz|online|site|store|test|local|click|page|link|zip"
LINK = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|(?:[a-z][a-z0-9+.-]*://|https?:/|www\.|mailto:|tel:|javascript:|data:)[^\s<>\"')\]]+"
    rf"|(?<![\w/.-])(?:[\w-]+(?:\.[\w-]+)*\.(?:{TLDS})|(?:[\w-]{{2,}}\.)+[^\W\d_]{{2}})(?![\w-])(?::\d+)?(?:/[^\s<>\"')\]]*)?"
)
MARKER = re.compile(r"\[(\d{1,4})\](?!\()")  # not the words of a link
_CJK = "\u2e80-\u2fff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff"
_CJK_NUMBERS = "一二三四五六七八九十百千万萬億亿兩两零〇"
# What a text is read by: words between blanks; in scripts without blanks, each sign, and each number.
WORD = re.compile(rf"[{_CJK_NUMBERS}]+|[{_CJK}]|[^\s{_CJK}]+")
_TAG = re.compile(r"</?[a-z][a-z0-9]*/?>")
_STOPS = re.compile(r"(?<=\w)[。｡](?=[a-z])")  # browsers read them as full stops in a link
_PATH = re.compile(r"\\\w")
CHUNK = re.compile(r"[^\s()\[\]{}\"“”„«»<>|;!?…–—‒―]+|[|;!?…–—‒―]")
MARKS = ".,:;|!?…—―"
OUTER = ".,:'’‘_/&=*~#"
BEFORE = OUTER + "≈≤≥±"
DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})([./-])(\d{1,2})\5(\d{4}|\d{2})")
# £ 5.50, US$5, -5 °C: sign and currency may stand before, a unit after.
NUMBER = re.compile(
    r"(?P<sign>[-−+]?)(?P<currency>(?:(?:us|ca|au?|nz|hk)?\$)?|[^\w\s.,:%°#+'’/&=_-]?)(?P<minus>[-−]?)"
    r"(?P<digits>\d+(?:[.,:'’]\d+)*)(?P<suffix>[^\W\d_]*[%°€£$¥]?[^\W\d_]*)"
)
HOURS = re.compile(r"(\d{1,2})h(\d{2})")
BETWEEN = re.compile(r"(?<=[\d%€£$])([-−/x×+])(?=[£€$+]?\d)|(?<=[\d%])(-)(?=[^\W\d])|(?<=[^\W\d_])(-)(?=[^\W\d])")
ELIDED = re.compile(r"([^\W\d_]{1,5})['’](?=[^\W_])")
CODE_SIGNS = re.compile(r"\w_+\w|(?:^|\w)@\w|::|->|\w=|^--[a-z]|^/[^\W\d]|^\$[a-z]")
PARTS = re.compile(r"[^-/,&+:‐‑\s]+")
ABBREVIATED = frozenset(("no", "nr", "st", "ca", "approx", "max", "min", "incl", "inkl", "mio", "tel", "ext", "art"))
ROMAN = re.compile(r"(?=..)X{0,3}(?:IX|IV|V?I{0,3})")
LONG_ROMAN = re.compile(r"(?=...)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
NO_ROMAN = frozenset(("mix", "dix", "div", "liv", "mdi"))  # words and names of every day
ORDINAL_ENDINGS = frozenset(("st", "nd", "rd", "th", "er", "re", "e", "eme", "º", "ª", "o", "te", "ter", "ten"))
MAX_WORD = 500  # characters without a blank; an honest link is shorter


class Atom(NamedTuple):
    """`kind` is word, number, date, code, link, marker, mark or endless; `unit` is what a number carries on it."""

    kind: str
    text: str
    unit: str = ""
    case: str = ""  # of a word: "C" with a capital letter, "U" in capital letters
    said: str = ""  # a word with its accents, a number with its signs


ENDLESS = Atom("endless", "")  # in place of a word that is too long to be read: it says nothing, and licenses nothing


def words(text: str) -> list[str]:
    return WORD.findall(text)


def atoms(word: str) -> list[Atom]:
    """The atoms of one word as it was written; looking for links takes the square of its length, so that is bounded."""
    if (
        len(word) > MAX_WORD or len(text := _STOPS.sub(".", _TAG.sub("", plain(word)))) > MAX_WORD
    ):  # U+FDFA is 18 letters
        return [ENDLESS]
    if turns_text(word):
        return [Atom("code", "(text that is turned round)")]
    if _PATH.search(word):
        return [Atom("code", plain(word).strip(OUTER + '()[]"'))]
    bare = unicodedata.normalize("NFKC", word).strip("()[]{}\"'“”‘’«»„.,:;!?*_#>-")
    case = "U" if bare.isupper() and len(bare) > 1 else "C" if bare[:1].isupper() else ""
    found: list[Atom] = []
    place = 0
    while place < len(text):
        link = LINK.search(text, place)
        found += _unlinked(text[place : link.start() if link else len(text)], case)
        if link is None:
            break
        address = link[0].rstrip("()[]{}<>\"'.,:;!?|*_~/")
        found.append(Atom("link", re.sub(r"^(?:mailto:|https?://)?(?:www\.)?", "", address)))
        if link[0][len(address) :].strip("/"):
            found.append(Atom("mark", "."))
        place = link.end()
    return found


def _unlinked(text: str, case: str) -> Iterator[Atom]:
    place = 0
    for match in [*MARKER.finditer(text), None]:
        for chunk in CHUNK.findall(text[place : match.start() if match else len(text)]):
            yield from _chunk(chunk, case)
        if match:
            place = match.end()
            yield Atom("marker", match[1])


def _chunk(chunk: str, case: str) -> Iterator[Atom]:
    if chunk in "–‒-" or chunk in MARKS:
        yield Atom("mark", "-" if chunk in "–‒-" else chunk)
        return
    body = chunk.rstrip(OUTER + "-+")
    abbreviated = body in ABBREVIATED or ("." in body and body.isascii() and body.replace(".", "").isalpha())
    ends = "" if abbreviated else chunk[len(body) :]
    if not body:
        yield Atom("mark", chunk[:1] if chunk[:1] in MARKS else ",")
        return
    if body.startswith("#"):
        yield Atom("word", "#")
    if CODE_SIGNS.search(body):
        yield Atom("code", body.lstrip(OUTER))
    else:
        body = body.lstrip(BEFORE)
        elided = ELIDED.match(body) if body not in UNITS else None
        if elided:
            yield Atom("word", latin(elided[1] if body.endswith(("'s", "’s")) else elided[0]))
        yield from _body(body[elided.end() :] if elided else body, case)
    if any(c in MARKS for c in ends):
        yield Atom("mark", next(c for c in ends if c in MARKS))


def _body(body: str, case: str) -> Iterator[Atom]:
    if not any(c.isnumeric() for c in body):
        yield from _letters(body, case)
    elif date := DATE.fullmatch(body):
        yield _date(date)
    elif number := _number(body):
        yield number
    elif hours := HOURS.fullmatch(body):
        yield Atom("number", f"{hours[1]}:{hours[2]}", said=body)
    else:
        yield from _pieces(body, case)


def _pieces(body: str, case: str) -> Iterator[Atom]:
    """30-day, 14-21, 60x40cm: numbers with what is between them. Anything else that holds digits is a code."""
    found: list[Atom] = []
    for piece in BETWEEN.split(body):
        if not piece or (piece == "-" and found and found[-1].kind == "word"):
            continue
        if piece in "-−/x×+":
            found.append(Atom("mark", "-" if piece == "−" else piece.replace("×", "x")))
        elif number := _number(piece):
            found.append(number)
        elif piece.isalpha():
            found.append(Atom("word", latin(piece), case=case))
        else:
            yield Atom("code", body)
            return
    if found and found[0].kind == "word" and found[0].text not in UNITS:
        yield Atom("code", body)  # covid-19, a-17
        return
    yield from (atom for n, atom in enumerate(found) if atom.text != "-" or found[n + 1].kind == "number")


def _letters(body: str, case: str) -> Iterator[Atom]:
    if case == "U" and ROMAN.fullmatch(body.upper()) or body not in NO_ROMAN and LONG_ROMAN.fullmatch(body.upper()):
        yield Atom("code", body)
    elif body in UNITS:
        yield Atom("word", body, case=case)
    elif "." in body and all(len(part) > 1 for part in body.split(".")):
        yield Atom("code", body)  # settings.yaml; e.g and z.b are words
    else:
        found = [Atom("word", latin(piece), case=case, said=piece) for piece in PARTS.findall(body)]
        are_dates = all(atom.text in WEEKDAYS or atom.text in SHORT_DAYS or atom.text in MONTHS for atom in found)
        for place, atom in enumerate(found):
            if place and are_dates:
                yield Atom("mark", "-")  # Mon-Fri
            yield atom


def _number(text: str) -> Atom | None:
    match = NUMBER.fullmatch(text)
    if match is None:
        return None
    currency, suffix, digits = match["currency"], latin(match["suffix"]), match["digits"].replace("’", "'")
    if suffix == "k" and digits.isdigit():  # $14k
        suffix, digits = "", digits + "000"
    if currency and currency not in CURRENCIES and not _is_currency(currency):
        return None
    unit = CURRENCIES.get(currency, currency) or UNITS.get(suffix) or GLUED.get(suffix, "")
    if suffix and not unit and suffix not in ORDINAL_ENDINGS or (currency and suffix and suffix not in UNITS):
        return None
    if suffix in ORDINAL_ENDINGS and suffix not in UNITS:
        unit = "ordinal"
    negative = "-" if match["sign"] in "-−" and match["sign"] or match["minus"] else ""
    return Atom("number", negative + digits, unit, said=text)


def _is_currency(sign: str) -> bool:
    return sign.endswith("$") or (len(sign) == 1 and ord(sign) in range(0x20A0, 0x20D0))


def _date(match: re.Match[str]) -> Atom:
    """2024-12-24, 24.12.2024, 12/24/2024 in one form; as written where day and month could be either."""
    if match[1]:
        return Atom("date", f"{match[1]}-{int(match[2])}-{int(match[3])}")
    one, other, year = int(match[4]), int(match[6]), match[7]
    if len(year) == 2 or max(one, other) > 31 or (max(one, other) <= 12 and one != other and match[5] != "."):
        return Atom("date", re.sub(r"\b0+(?=\d)", "", match[0]))
    day, month = (other, one) if other > 12 else (one, other)
    return Atom("date", f"{year}-{month}-{day}")
