"""Scripts and style sheets without what only people need: comments, blanks, long private names. Pure.

No names are changed but those that the language itself keeps private (`#name`) and constants of a module (`NAME`), and
nothing inside a string or a regular expression, so what is served is the source, only closer together.
"""

import re
from collections.abc import Iterable, Mapping

CONSTANT = re.compile(r"^(?:export )?const ([A-Z][A-Z_]+)\b", re.MULTILINE)
PRIVATE = re.compile(r"^\s*(?:async |get |set )?#(\w+)(?=[ (;])", re.MULTILINE)
TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<template>`(?:\\.|\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\}|[^`\\])*`)
    |(?P<pattern>/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*)
    |(?P<space>\s+)
    |(?P<word>[\w$\#]+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
BEFORE_PATTERN = re.compile(r"(?:[(,=:\[!&|?{};+>]|\breturn)\Z")
OPEN_AFTER = "{};,(=:&|?+-*/<>![."  # a line that ends so goes on in the next
OPEN_BEFORE = "})],.;:?&|=+-*/<>"


def lighten(script: str) -> str:
    """A module, shorter; lines end only where the language may need it."""
    script = _shorten(script)
    made: list[str] = []
    at, gap = 0, ""
    while at < len(script):
        token = TOKEN.match(script, at)
        assert token is not None, "the last alternative takes any character"
        kind, text = str(token.lastgroup), token[0]
        if kind == "pattern" and not BEFORE_PATTERN.search("".join(made[-3:])):
            kind, text = "sign", "/"  # a division
        at += len(text)
        if kind in ("comment", "space"):
            gap = "\n" if "\n" in gap + text else " "
            continue
        if len(made) > 1 and _is_needless(made[-2], made[-1], text):
            made.pop()
        text = "let" if text == "const" else text  # shorter; that nothing is assigned twice, the source has shown
        blank = _between(made[-1][-1], gap, text[0]) if made and gap else ""
        made.append(blank + (squeeze(text) if kind == "template" and "\n" in text else text))
        gap = ""
    return "".join(made) + "\n"


def nicknames(scripts: Iterable[str]) -> dict[str, str]:
    """A short name for each constant of the modules that are put together."""
    found = sorted({name for script in scripts for name in CONSTANT.findall(script)})
    return {name: f"{chr(65 + at % 26)}{at // 26}" for at, name in enumerate(found)}


def rename(script: str, names: Mapping[str, str]) -> str:
    """Not what is a property of something else (`a.NAME`, but `...NAME`), or a word of a string."""
    place = r"(?<![\w\"'])(?<!(?<!\.\.)\.)[A-Z][A-Z_]+(?![\w\"'])"
    return re.sub(place, lambda found: names.get(found[0], found[0]), script)


def squeeze(sheet: str) -> str:
    """A style sheet without the blanks that only people need."""
    tight = re.sub(r"\s*([{};,>])\s*", r"\1", sheet).replace(": ", ":").replace(";}", "}")
    return re.sub(r"\b0\.", ".", tight)


def _shorten(script: str) -> str:
    """Private names of classes as letters: nobody outside the module can know them."""
    names = {
        name: f"#{chr(97 + at % 26)}{at // 26 or ''}" for at, name in enumerate(sorted(set(PRIVATE.findall(script))))
    }
    return re.sub(r"#(\w+)", lambda found: names.get(found[1], found[0]), script)


def _is_needless(before: str, sign: str, after: str) -> bool:
    """The last semicolon of a block, the last comma of a list (but not an empty place).

    A loop without a body (`while (next());`) would need its semicolon: a test holds the source to have none.
    """
    if sign == ";":
        return after == "}"
    return sign == "," and after in (")", "]", "}") and before not in (",", "[")


def _between(before: str, gap: str, after: str) -> str:
    """What must stay of a gap between two tokens."""
    if gap == "\n" and before not in OPEN_AFTER and after not in OPEN_BEFORE:
        return "\n"
    if before == after and before in "+-":
        return " "
    joined = all(one.isalnum() or one in "_$#" for one in (before, after))
    return " " if joined else ""
