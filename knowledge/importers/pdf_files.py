"""PDF -> markdown: lines by page, paragraphs by distance, headings by size. Runs in the reading room."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from knowledge.bounds import MAX_BODY_CHARS
from knowledge.importers.documents import BadDocument, language_code, one_line
from knowledge.importers.pages import cut_for_reply
from knowledge.importers.reading_room import Reading

MAX_PAGES = 2_000
SHARE_OF_TIME = 0.8  # for reading pages; the rest is for what is made of them
BROKEN = (
    PyPdfError, ValueError, LookupError, TypeError, AttributeError, OSError, NotImplementedError, ArithmeticError,
)  # fmt: skip
EDGE_LINES = 2  # of a page's top and bottom that may be a header or footer
LARGER = 1.15  # times the size of the text: a heading
MAX_HEADING_CHARS = 120
BULLET = re.compile(r"^\s*(?:[•‣◦▪●○■–·*]|-(?=\s))\s*")
NUMBERED = re.compile(r"^\s*(\d{1,3}|[a-z])[.)]\s+")
NO_TITLE = re.compile(r"microsoft word\s*-|untitled|\.(?:docx?|pdf|indd|odt|tex|dvi)$|^\W*$|^document\d*$", re.I)


@dataclass(slots=True)
class Line:
    text: str
    size: float  # of its largest letters, in points
    y: float  # distance of its foot from the bottom of the page, in points
    page: int


def read_pdf(data: bytes, *, seconds: float) -> Reading:
    """The text, whatever else the machine has to do. BadDocument if it is encrypted, damaged, a scan, or too slow."""
    end = monotonic() + seconds * SHARE_OF_TIME
    if b"%PDF-" not in data[:1024]:
        raise BadDocument("The file is not PDF.")
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadDocument("The PDF is protected by a password. Save it without one.")
        lines, pages, notes = _lines(reader, end)
        facts = _facts(reader)
    except BROKEN:
        raise BadDocument("The PDF is damaged.") from None
    lines = _without_edges(lines, pages)
    if sum(len(line.text) for line in lines) < max(20, 2 * pages):
        raise BadDocument("This PDF has no text (a scan?). Run text recognition (OCR) over it first.")
    title, lines = _without_title(lines, facts["title"])
    body = _markdown(lines, _heading_sizes(lines))
    return Reading(title, cut_for_reply(body), facts["language"], notes=tuple(notes))


def _lines(reader: PdfReader, end: float) -> tuple[list[Line], int, list[str]]:
    """All lines, how many pages there are, and notes on those that were not read."""
    lines: list[Line] = []
    skipped, chars, pages, notes = 0, 0, len(reader.pages), []
    for number in range(pages):
        if monotonic() > end:  # and not as much as could be read today: the article would change with the load
            raise BadDocument(f"After {number:,} of {pages:,} pages the time for one document is over. Divide it.")
        if number >= MAX_PAGES:
            notes.append(f"Only the first {number:,} of {pages:,} pages were read. Divide the document.")
            break
        try:
            found = _lines_of(reader.pages[number], number)
        except BROKEN:
            skipped += 1
            continue
        lines += found
        chars += sum(len(line.text) for line in found)
        if chars > 2 * MAX_BODY_CHARS:  # more would be cut off anyhow
            break
    if skipped and skipped == pages:
        raise BadDocument("The PDF is damaged.")
    if skipped:
        notes.append(f"{skipped:,} of {pages:,} pages could not be read.")
    return lines, pages, notes


def _lines_of(page: Any, number: int) -> list[Line]:
    lines: list[Line] = []
    parts: list[tuple[str, float, float]] = []

    def close() -> None:
        text = one_line("".join(part[0] for part in parts))
        if text:
            whole = [part for part in parts if part[0].strip()]
            lines.append(Line(text, round(max(part[1] for part in whole), 1), whole[0][2], number))
        parts.clear()

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        scale = abs(tm[3] * cm[3]) or abs(tm[1] * cm[2]) or 1
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        for place, piece in enumerate(text.split("\n")):
            if place:
                close()
            if piece:
                parts.append((piece, (size or 1) * scale, y))

    page.extract_text(visitor_text=visit)
    close()
    return lines


def _facts(reader: PdfReader) -> dict[str, str]:
    said = one_line(str(reader.metadata.title or "")) if reader.metadata else ""
    return {
        "title": "" if NO_TITLE.search(said) else said[:200],
        "language": language_code(reader.root_object.get("/Lang")),
    }


def _heading_sizes(lines: Iterable[Line]) -> list[float]:
    """The sizes of headings, largest first: clearly larger than what most letters have."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    usual = letters.most_common(1)[0][0] if letters else 0
    return sorted((size for size in letters if size > usual * LARGER), reverse=True)


def _without_title(lines: list[Line], said: str) -> tuple[str, list[Line]]:
    """The title and the lines below it: the largest ones of the first page, or what the PDF says of itself."""
    first = [line for line in lines if line.page == lines[0].page]
    largest = max(line.size for line in first)
    start = next(place for place, line in enumerate(first) if line.size == largest)
    end = start + 1
    while end < len(first) and end < start + 3 and first[end].size == largest:
        end += 1
    title = one_line(" ".join(line.text for line in first[start:end]))
    if largest not in _heading_sizes(lines) or not _is_heading_text(title) or (said and said != title):
        return said, lines
    return title, lines[:start] + lines[end:]


def _is_heading_text(text: str) -> bool:
    return len(text) <= MAX_HEADING_CHARS and any(map(str.isalpha, text)) and not text.endswith((",", ";"))


def _without_edges(lines: list[Line], pages: int) -> list[Line]:
    """The lines without those that most pages repeat at their top or bottom, and without page numbers."""
    of_page: dict[int, list[Line]] = {}
    for line in lines:
        of_page.setdefault(line.page, []).append(line)
    edges = {
        page: [*dict.fromkeys([*range(min(EDGE_LINES, len(own))), *range(max(0, len(own) - EDGE_LINES), len(own))])]
        for page, own in of_page.items()
    }
    seen = Counter(
        shape for page, own in of_page.items() for shape in {_shape(own[place].text) for place in edges[page]}
    )
    repeated = {shape for shape, times in seen.items() if times >= 3 and times >= 0.5 * len(of_page)}
    kept: list[Line] = []
    for page, own in of_page.items():
        for place, line in enumerate(own):
            number = re.fullmatch(r"(?:page |seite |- ?)?\d{1,4}(?: ?(?:of|/|von) ?\d{1,4})?(?: ?-)?", line.text, re.I)
            if place in edges[page] and pages > 1 and (number or _shape(line.text) in repeated):
                continue
            kept.append(line)
    return kept


def _shape(text: str) -> str:
    return re.sub(r"\d+", "#", text.lower())


def _markdown(lines: list[Line], sizes: list[float]) -> str:
    gap = _usual_gap(lines)
    paragraphs: list[str] = []
    before: Line | None = None
    for line in lines:
        last = paragraphs[-1] if paragraphs else "#"
        level = sizes.index(line.size) if line.size in sizes and _is_heading_text(line.text) else -1
        marked = BULLET.match(line.text) or NUMBERED.match(line.text)
        if level >= 0:
            mark = "#" * min(6, level + 2) + " "
            joins = before and before.size == line.size and before.page == line.page and last.startswith(mark)
            if joins and len(last) < MAX_HEADING_CHARS:
                paragraphs[-1] += " " + line.text
            else:
                paragraphs.append(mark + line.text)
        elif marked:
            paragraphs.append(_item(line.text))
        elif before is None or last.startswith("#") or _starts_anew(before, line, gap, last):
            paragraphs.append(_escaped(line.text))
        else:
            paragraphs[-1] = _joined(paragraphs[-1], _escaped(line.text))
        before = line
    text = "\n\n".join(paragraphs)
    return re.sub(r"(?m)^(- .*|\d+\. .*)\n\n(?=- |\d+\. )", r"\1\n", text)


def _usual_gap(lines: list[Line]) -> float:
    gaps = Counter(
        round(before.y - line.y)
        for before, line in zip(lines, lines[1:], strict=False)
        if before.page == line.page and 0 < before.y - line.y < 100
    )
    return gaps.most_common(1)[0][0] if gaps else 0


def _starts_anew(before: Line, line: Line, gap: float, paragraph: str) -> bool:
    """Whether a line begins a paragraph: far below the last, or on a new page after the end of a sentence."""
    if before.page != line.page:
        return paragraph.rstrip().endswith((".", "!", "?", ":", "。"))
    return bool(gap) and not -gap * 0.5 < before.y - line.y <= gap * 1.4


def _item(text: str) -> str:
    if number := NUMBERED.match(text):
        mark = number[1] if number[1].isdigit() else str(ord(number[1]) - 96)
        return f"{mark}. {_escaped(text[number.end() :])}"
    return "- " + _escaped(BULLET.sub("", text))


def _joined(paragraph: str, line: str) -> str:
    """A word that was divided at the end of a line becomes whole again."""
    if re.search(r"[^\W\d_]{2}-$", paragraph) and line[:1].islower():
        return paragraph[:-1] + line
    return f"{paragraph} {line}"


def _escaped(text: str) -> str:
    return re.sub(r"^(#{1,6}(?=\s)|[>+])", r"\\\1", re.sub(r"([\\`*]|<(?=[A-Za-z/!]))", r"\\\1", text))
