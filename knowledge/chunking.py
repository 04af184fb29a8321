"""Markdown -> passages. Pure: the same article always gives the same passages.

A passage never crosses a heading and knows the path of headings above it. Within a section, blocks are gathered until
the passage is full. A block that is too long is cut where it may be: at rows, items, lines or sentences; its lead
("To return it:") and the fences of code are repeated in each part. A row of a table always carries its column names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from knowledge.markdown import Block, blocks

CHUNKING_VERSION = 1
# The encoder reads 256 tokens: title, heading path and text, of which the text may have MAX_TOKENS. In English 200
# tokens are about 150 words. Another encoder may read more or less: then `most` of `split` is another number.
MAX_TOKENS = 200
ABOVE_TOKENS = 40  # for title and headings; longer ones take from the text, down to LEAST_TOKENS
LEAST_TOKENS = 80
SMALL_TOKENS = 40  # a passage shorter than this is filled up rather than closed before a block that would fit whole
MAX_PIECES = 2_000
MAX_HEADING_CHARS = 90  # six levels of them fit the column
WORD = re.compile(r"[A-Za-z]+|[0-9]+|[^\W\d_A-Za-z]+|\S")


class TooManyPieces(ValueError):
    """The text is one sentence for the person who wrote the article."""


@dataclass(frozen=True, slots=True)
class Piece:
    heading_path: tuple[str, ...]
    anchor: str
    text: str

    @property
    def heading(self) -> str:
        return " > ".join(self.heading_path)


@dataclass(slots=True)
class Section:
    path: tuple[str, ...]
    anchor: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest part that is kept whole, the block it is of, and what stands around that block's parts."""

    block: int
    text: str
    join: str
    lead: str = ""
    tail: str = ""
    rest: int = 0  # tokens of the whole block, told by its first unit

    @property
    def around(self) -> int:
        return tokens(self.lead) + tokens(self.tail)


def tokens(text: str) -> int:
    """How many tokens the encoder's word pieces make of a text: an estimate that is rather too high than too low."""
    return sum(_word_tokens(word) for word in WORD.findall(text))


def _word_tokens(word: str) -> int:
    if word.isascii():
        return ceil(len(word) / (6 if word.isalpha() else 2))
    return ceil(len(word) / 2) if word < "\u2e80" else len(word)


def split(title: str, body: str, most: int = MAX_TOKENS) -> list[Piece]:
    """The passages of an article in reading order, each of at most `most` tokens; none if the body holds no words.

    TooManyPieces beyond the limit.
    """
    pieces: list[Piece] = []
    for section in _sections(title, body):
        room = most + ABOVE_TOKENS - tokens(title) - sum(tokens(heading) for heading in section.path)
        limit = max(min(LEAST_TOKENS, most), min(most, room))
        for units in _pack(_units(section.blocks, limit), limit):
            pieces.append(Piece(section.path, section.anchor, _write(units)))
            if len(pieces) > MAX_PIECES:
                raise TooManyPieces(
                    f"This article has more than {MAX_PIECES:,} passages. Divide it into several articles."
                )
    return pieces


def most_tokens(cut: str) -> int:
    """The `most` of a cut, which is named by the version of the rules and this. There are no rules but the present."""
    return int(cut.rpartition("/")[2])


def _sections(title: str, body: str) -> Iterator[Section]:
    above: list[tuple[int, str]] = []
    section = Section((), "")
    told = True  # a heading that nothing follows, not even a deeper heading, is a passage itself
    last = Block("heading", ("",))
    for block in blocks(body):
        if block.kind != "heading":
            section.blocks.append(block)
            told = True
            continue
        if not told and block.level <= last.level:
            section.blocks.append(last)
        yield section
        above = [(level, text) for level, text in above if level < block.level]
        if block.text.casefold() != title.casefold():
            above.append((block.level, _shortened(block.text)))
        section = Section(tuple(text for _, text in above), block.anchor)
        if len(block.text) > MAX_HEADING_CHARS:
            section.blocks.append(Block("paragraph", block.units))
        last, told = block, bool(section.blocks)
    if not told:
        section.blocks.append(last)
    yield section


def _shortened(heading: str) -> str:
    return heading if len(heading) <= MAX_HEADING_CHARS else heading[: MAX_HEADING_CHARS - 1].rstrip() + "…"


def _units(blocks: list[Block], limit: int) -> Iterator[Unit]:
    lead = ""
    for number, block in enumerate(blocks):
        following = blocks[number + 1].kind if number + 1 < len(blocks) else ""
        if _is_lead(block) and following in ("list", "table", "code"):
            lead = block.text
            continue
        fence = "```" if block.kind == "code" else ""
        opening = "\n".join(part for part in (lead, fence) if part)
        lead = ""
        room = limit - tokens(opening) - tokens(fence)
        texts = [part for unit in block.units for part in _cut(unit, room)]
        rest = sum(tokens(text) for text in texts)
        for text in texts:
            yield Unit(number, text, block.join, opening, fence, rest)
            rest = 0


def _is_lead(block: Block) -> bool:
    return block.kind == "paragraph" and block.text.endswith((":", "：")) and tokens(block.text) <= SMALL_TOKENS


def _cut(unit: str, limit: int) -> Iterator[str]:
    """A unit as it is, or where it is longer than `limit` tokens in parts: between words, else between letters."""
    if tokens(unit) <= limit:
        yield unit
        return
    part, size = "", 0
    for word in re.findall(r"\s*\S{1,60}|\s+", unit):
        cost = tokens(word)
        if part and size + cost > limit:
            yield part
            part, size = "", 0
        part, size = part + word, size + cost
    yield part


def _pack(units: Iterator[Unit], limit: int) -> Iterator[list[Unit]]:
    """Gather units into passages of at most `limit` tokens, of about equal length, and not across a block that fits."""
    waiting = list(units)
    total = sum(tokens(unit.text) for unit in waiting)
    goal = total / max(1, ceil(total / limit))
    piece: list[Unit] = []
    size = 0
    for unit in waiting:
        begins = not piece or piece[-1].block != unit.block
        cost = tokens(unit.text) + (unit.around if begins else 0)
        whole = unit.rest + unit.around
        keep_whole = begins and size + whole > limit >= whole and (size >= SMALL_TOKENS or unit.tail)
        if piece and (size + cost > limit or size >= goal or keep_whole):
            yield piece
            piece, size = [], 0
            cost = tokens(unit.text) + unit.around
        piece.append(unit)
        size += cost
    if piece:
        yield piece


def _write(units: list[Unit]) -> str:
    written: list[str] = []
    for number in dict.fromkeys(unit.block for unit in units):
        own = [unit for unit in units if unit.block == number]
        text = own[0].join.join(unit.text for unit in own)
        text = text.strip("\n") if own[0].tail else text.strip()
        written.append("\n".join(part for part in (own[0].lead, text, own[0].tail) if part))
    return "\n\n".join(written)
