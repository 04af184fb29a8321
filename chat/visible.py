"""Text without the characters that nobody sees; pure.

They turn words round on the screen (a right-to-left override makes a link of harmless letters), stand between the
digits of a number that a check should find, or carry orders to a model past whoever reads the article.
"""

import unicodedata

from knowledge.folding import UNSEEN

# Controls, formats, private, half and unknown characters; breaks of lines and paragraphs that few readers show.
HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
LAYOUT = "\n\t"
JOINERS = "\u200c\u200d"
JOINED = range(0x0620, 0x0E00)  # Arabic to Sinhala: there a joiner tells how two letters are drawn


def visible(text: str, *, joined: bool = False) -> str:
    """The characters that can be seen, with line breaks and tabs; other controls that part words become blanks.

    `joined` keeps a joiner between two letters of the scripts that are spelt with it. That looks at what stands beside
    it, so it is not for a stream.
    """
    if text.isprintable() and text.isascii():
        return text
    return "".join(
        char if joined and char in JOINERS and _joins(text[at - 1 : at], text[at + 1 : at + 2]) else _seen(char)
        for at, char in enumerate(text)
    )


def _joins(before: str, after: str) -> bool:
    return all(one and ord(one) in JOINED and unicodedata.category(one)[0] in "LM" for one in (before, after))


def _seen(char: str) -> str:
    if char in LAYOUT or not (char in UNSEEN or unicodedata.category(char) in HIDDEN):
        return char
    return " " if char.isspace() else ""
