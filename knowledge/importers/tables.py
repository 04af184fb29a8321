"""CSV, and JSON rows -> documents: one row, one article. Columns are known by many names."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.importers.documents import (
    PROVOKED,
    BadDocument,
    Found,
    Limits,
    SourceError,
    Unreadable,
    make_document,
    mib,
    strange,
)
from knowledge.importers.encodings import SAMPLE_BYTES, encoding_of
from knowledge.importers.front_matter import first_text, is_draft
from knowledge.importers.json_files import LINES, open_unpacked, read_values
from knowledge.importers.reading_room import ReadingRoom
from knowledge.importers.site_builders import strip_builder

# In the order of preference where a table has several.
COLUMNS = {
    "title": ["title", "question", "headline", "subject", "heading", "name", "titel", "frage", "titre", "pregunta"],
    "body": [
        "body", "body_markdown", "markdown", "body_html", "html", "answer", "content", "article", "text", "response",
        "description", "antwort", "inhalt", "reponse", "contenu", "respuesta", "contenido",
    ],
    "id": ["id", "key", "external_id", "article_id", "number"],
    "category": ["category", "category_name", "section", "topic", "collection", "folder", "group", "kategorie"],
    "language": ["language", "lang", "locale", "sprache"],
    "url": ["url", "html_url", "link", "address", "permalink", "source_url"],
    "audience": ["audience", "visibility"],
    "slug": ["slug"],
    "draft": ["draft"],
    "published": ["published"],
    "status": ["status", "state"],
}  # fmt: skip
LISTS = ("articles", "documents", "items", "rows", "results", "data", "entries", "faqs", "payload")
DELIMITERS = ",;\t|"
HTML_BODY = re.compile(r"\s*<(?:!--|(?:p|div|h[1-6]|ul|ol|table|section|article|span|strong|b|br|html|body)\b)", re.I)
Row = dict[str, Any]


def read_table(location: Path, limits: Limits, room: ReadingRoom) -> Iterator[Found]:
    """One document a row. SourceError if no column can be the text, or where the file cannot be read on."""
    keys: Counter[str] = Counter()
    good, reason = False, ""
    for place, row in _rows(location, limits):
        if isinstance(row, Unreadable):
            yield row
            continue
        try:
            names = _known_columns(row)
        except BadDocument as error:
            reason = str(error)
            yield Unreadable(place, reason)
            continue
        good = True
        yield _document(place, row, names, keys, room)
    if reason and not good:
        raise SourceError(reason)


def _rows(location: Path, limits: Limits) -> Iterator[tuple[str, Row | Unreadable]]:
    if not location.is_file():
        raise SourceError(f"There is no file “{location.name[:200]}” on the server: a table is one CSV or JSON file.")
    if _is_json(location, limits):
        for value in read_values(location, limits):
            if isinstance(value, Unreadable):
                yield "", value
            else:
                yield from _rows_of(*value)
    else:
        yield from _csv(location, limits)


def _is_json(location: Path, limits: Limits) -> bool:
    suffixes = {suffix.lower() for suffix in location.suffixes}
    if suffixes & (LINES | {".json"}):
        return True
    with open_unpacked(location, limits) as file:
        return file.read(SAMPLE_BYTES).lstrip()[:1] in (b"{", b"[")


def _rows_of(place: str, value: object) -> Iterator[tuple[str, Row | Unreadable]]:
    rows = value
    if isinstance(value, dict):
        rows = next((value[name] for name in LISTS if isinstance(value.get(name), list)), [value])
    if not isinstance(rows, list):
        yield "", Unreadable(place, "This is neither a row nor a list of rows.")
        return
    for number, row in enumerate(rows, 1):
        name = place if len(rows) == 1 else f"row {number}"
        if isinstance(row, dict):
            yield name, {_simple(str(key)): value for key, value in row.items()}
        else:
            yield "", Unreadable(name, "The row is not a JSON object.")


def _csv(location: Path, limits: Limits) -> Iterator[tuple[str, Row | Unreadable]]:
    csv.field_size_limit(limits.bytes_a_document)  # of the process, which may have read another table before
    with open_unpacked(location, limits) as file:
        sample = file.peek(SAMPLE_BYTES)[:SAMPLE_BYTES]
        if not sample.strip():
            raise SourceError("The file is empty.")
        text = io.TextIOWrapper(file, encoding=encoding_of(sample), errors="replace", newline="")
        lines = _bounded_lines(text, limits)
        header = next((line for line in lines if line.strip() and not line.lower().startswith("sep=")), "")
        delimiter = max(DELIMITERS, key=lambda mark: _fit(header, mark))
        names = _names(header, delimiter)
        try:
            _known_columns(dict.fromkeys(names))
        except BadDocument as error:
            raise SourceError(str(error)) from None
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield f"row {reader.line_num + 1}", dict(zip(names, cells, strict=False))
        except csv.Error as error:
            place = f"row {reader.line_num + 1}"
            raise SourceError(f"The table cannot be read on from {place}: {error}. Is a quote not closed?") from None


def _bounded_lines(text: io.TextIOWrapper, limits: Limits) -> Iterator[str]:
    number = 1
    while line := text.readline(limits.bytes_a_document):
        if len(line) >= limits.bytes_a_document and not line.endswith("\n"):
            raise SourceError(f"Line {number} of the table is longer than {mib(limits.bytes_a_document)}.")
        yield line.replace("\x00", "")
        number += 1


def _fit(header: str, delimiter: str) -> tuple[int, int]:
    names = set(_names(header, delimiter))
    known = {name for others in COLUMNS.values() for name in others}
    return len(names & known), len(names)


def _names(header: str, delimiter: str) -> list[str]:
    return [_simple(name) for name in next(csv.reader([header], delimiter=delimiter), [])]


def _simple(name: str) -> str:
    plain = name.strip().lower().replace("é", "e").replace("í", "i")
    return re.sub(r"[^\w]+", "_", plain).strip("_")[:60]


def _known_columns(row: Row) -> dict[str, str]:
    """Which column of this table is which of ours. BadDocument if none can be the text."""
    found = {ours: next((name for name in names if name in row), "") for ours, names in COLUMNS.items()}
    if not found["body"]:
        there = ", ".join(name for name in list(row)[:12] if name) or "none"
        raise BadDocument(f"There is no column for the text (body, answer, content or text). There are: {there}.")
    return found


def _document(place: str, row: Row, names: dict[str, str], keys: Counter[str], room: ReadingRoom) -> Found:
    facts = {ours: row.get(theirs) for ours, theirs in names.items() if theirs}
    title, body = first_text(facts, "title"), first_text(facts, "body")
    key = first_text(facts, "id") or first_text(facts, "url") or title or place
    keys[key] += 1
    if keys[key] > 1 and not first_text(facts, "id"):
        key = f"{key[:480]} ({keys[key]})"
    notes: list[str] = []
    try:
        if "html" in names["body"] or ("markdown" not in names["body"] and HTML_BODY.match(body)):
            page = room.read("fragment", body.encode("utf-8", "replace"), base=first_text(facts, "url"))
            body, notes = page.body, list(page.notes)
        elif "markdown" in names["body"]:
            body, notes = strip_builder(body, mdx=False)
        return make_document(
            key,
            title,
            body,
            category=first_text(facts, "category"),
            language=first_text(facts, "language"),
            audience=first_text(facts, "audience"),
            slug=first_text(facts, "slug"),
            address=first_text(facts, "url"),
            draft=is_draft(facts),
            notes=notes,
        )
    except BadDocument as error:
        return Unreadable(key, f"{place}: {error}" if key != place else str(error))
    except PROVOKED as error:
        return Unreadable(key, strange(error))
