"""One form of letters and digits, so that what looks the same is compared as the same; pure.

`plain` keeps what a reader copies (codes, links): a Cyrillic letter in a code stays another letter. `latin` is for
words that are only read (numbers, months, units): there, accents and letters of look-alike alphabets are one.
"""

import html
import re
import unicodedata

# Letters and marks that are drawn as nothing, or as a blank, and that are not of the category of format characters.
UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | frozenset(
    chr(code) for span in (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)) for code in span
)
_MARKDOWN = frozenset("*`~\\")
_MARKS = str.maketrans("", "", "".join(sorted(_MARKDOWN)))
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FRACTION = re.compile(r"(?<!\d)(\d*)([¼½¾⅐-⅞↉])")
_RAISED = re.compile("[⁰¹²³⁴-⁹₀-₉]")
# Cyrillic and Greek; capitals of them count too, as they are small letters by now.
_ALIKE = str.maketrans(
    "авеѕіјкмнорстухѵԁԛԝһӏ" + "αβεζηικμνορτυχ" + "ı",
    "abesijkmhopctyxvdqwhl" + "abezhikmvoptyx" + "i",
)


def plain(text: str) -> str:
    """Digits as 0-9, letters small and of one width, nothing invisible, none of the marks that rendering takes away."""
    if text.isascii() and "&" not in text:
        return text.translate(_MARKS).casefold()
    text = _FRACTION.sub(_decimal, html.unescape(text).replace("🔟", "10"))
    folded = unicodedata.normalize("NFKC", _RAISED.sub(r"^\g<0>", text))
    kept = (c for c in folded if unicodedata.category(c) != "Cf" and c not in UNSEEN and c not in _MARKDOWN)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept).casefold()


def latin(word: str) -> str:
    """A word without accents and with Latin letters in place of those that look like them. Takes `plain` text."""
    if word.isascii():
        return word
    bare = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.category(c).startswith("M"))
    return bare.translate(_ALIKE)


def turns_text(text: str) -> bool:
    """Whether the text holds signs that make a reader see its letters in another order than they stand in."""
    return _BIDI.search(text) is not None


def _decimal(match: re.Match[str]) -> str:
    """2½ -> 2.5, ⅔ -> 0.667; one form for what may be written in several."""
    value = round(int(match[1] or 0) + unicodedata.numeric(match[2]), 3)
    return f"{value:.3f}".rstrip("0").rstrip(".")
