"""Text without the characters that nobody sees; pure.

They turn words round on the screen (a right-to-left override makes a link of harmless letters), stand between the
digits of a number that a check should find, or carry orders to a model past whoever reads the article.
"""

import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})  # controls, formats, private, half and unknown characters
LAYOUT = "\n\t"


def visible(text: str) -> str:
    """The characters that can be seen, with line breaks and tabs; other controls that part words become blanks."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(_seen(char) for char in text)


def _seen(char: str) -> str:
    if char in LAYOUT or unicodedata.category(char) not in HIDDEN:
        return char
    return " " if char.isspace() else ""
