"""One file, a folder or a zip of documents -> documents, each read as its ending says."""

from collections.abc import Iterator
from pathlib import Path

from knowledge.importers.documents import (
    PROVOKED,
    BadDocument,
    Document,
    Found,
    Limits,
    SourceError,
    Unreadable,
    make_document,
    strange,
)
from knowledge.importers.markdown_files import category_of, read_markdown, read_text, title_of_name
from knowledge.importers.reading_room import ReadingRoom
from knowledge.importers.trees import File, walk

MARKDOWN = {".md", ".markdown", ".mdx", ".txt", ".html", ".htm", ".xhtml"}
DOCUMENTS = MARKDOWN | {".pdf", ".docx"}
KINDS = {".html": "page", ".htm": "page", ".xhtml": "page", ".pdf": "pdf", ".docx": "docx"}
# Documents that somebody may miss in the report; pictures and the like nobody does.
FOREIGN = {
    ".doc": "DOCX", ".rtf": "DOCX", ".odt": "DOCX", ".pages": "DOCX", ".ppt": "PDF", ".pptx": "PDF", ".odp": "PDF",
    ".key": "PDF", ".epub": "PDF", ".xls": "CSV", ".xlsx": "CSV", ".ods": "CSV", ".rst": "markdown",
    ".adoc": "markdown",
}  # fmt: skip


def read_files(location: Path, endings: set[str], limits: Limits, room: ReadingRoom) -> Iterator[Found]:
    """A document for each file with one of these endings. SourceError if there is none."""
    some = False
    for file in walk(location, limits):
        if isinstance(file, Unreadable):
            yield file
        elif file.suffix in endings:
            yield _found(file, room)
        elif file.suffix in DOCUMENTS:
            yield Unreadable(file.name, "This is no markdown, text or HTML file. Import it as a document.")
        elif file.suffix in FOREIGN:
            yield Unreadable(file.name, f"{file.suffix} files are not read. Save it as {FOREIGN[file.suffix]}.")
        else:
            continue
        some = True
    if not some:
        raise SourceError(f"There is no file that ends in {', '.join(sorted(endings))}.")


def _found(file: File, room: ReadingRoom) -> Found:
    try:
        data = file.read()
        if not data.strip():
            return Unreadable(file.name, "The file is empty.")
        if kind := KINDS.get(file.suffix):
            return _converted(file.name, kind, data, room)
        return read_text(file.name, data) if file.suffix == ".txt" else read_markdown(file.name, data)
    except BadDocument as error:
        return Unreadable(file.name, str(error))
    except PROVOKED as error:
        return Unreadable(file.name, strange(error))


def _converted(name: str, kind: str, data: bytes, room: ReadingRoom) -> Document:
    reading = room.read(kind, data)
    return make_document(
        name,
        reading.title or title_of_name(name),
        reading.body,
        category=reading.category or category_of(name),
        language=reading.language,
        address=reading.address,
        notes=reading.notes,
    )
