"""Documents between reading and writing: their texts in a file that vanishes with the process, the rest in memory.

All documents must be known before the first is written: what has moved, what is gone, and where links lead.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.import_plan import Shelved, Wish, content_digest
from knowledge.importers import Document, Found, Unreadable
from knowledge.models import LANGUAGES, MAX_BODY_CHARS, Audience, Category, ImportSource
from knowledge.models.imports import MAX_KEY_CHARS, MAX_MESSAGE_CHARS
from knowledge.publishing import storable

MAX_TITLE_CHARS = 200
MAX_CATEGORY_CHARS = 80
MAX_ADDRESS_CHARS = 1000
MAX_CATEGORIES = 500  # an import makes no more; staff may
DEFAULT_CATEGORY = "Imported"
CODES = {code for code, _ in LANGUAGES}


class Shelf:
    """What was read of one source. A context manager: its file has no name and is gone at the end, or with a kill."""

    def __init__(self, folder: Path, source: ImportSource) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._source = source
        self._default_category = source.category.name if source.category else DEFAULT_CATEGORY
        self._categories = {name.casefold(): name for name in Category.objects.values_list("name", flat=True)}
        self._file: Any = tempfile.TemporaryFile("w+b", dir=folder)  # noqa: SIM115 (closed by __exit__)
        self.documents: list[Shelved] = []
        self.failures: dict[str, str] = {}
        self._keys: set[str] = set()

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    @property
    def found(self) -> int:
        return len(self.documents) + len(self.failures)

    def put(self, found: Found) -> None:
        key = one_line(found.key, MAX_KEY_CHARS) or "(without a name)"
        if key in self._keys:
            key = self._again(key)
            self.failures[key] = "Another document of this source has the same name; only the first one counts."
        elif isinstance(found, Unreadable):
            self.failures[key] = one_line(found.reason, MAX_MESSAGE_CHARS)
        else:
            self._put_document(key, found)
        self._keys.add(key)

    def _again(self, key: str) -> str:
        number = self.found + 1
        while (other := f"{key[: MAX_KEY_CHARS - 12]} ({number})") in self._keys:
            number += 1
        return other

    def _put_document(self, key: str, document: Document) -> None:
        title, body = one_line(document.title, MAX_TITLE_CHARS), storable(document.body)
        if why := _refusal(document, title, body):
            self.failures[key] = why
            return
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(body).encode() + b"\n")
        category, notes = self._category(document), document.notes
        if category is None:
            category, notes = (
                self._default_category,
                (*notes, f"Its category is one too many; {self._default_category} is used."),
            )
        self.documents.append(
            Shelved(
                key=key,
                title=title,
                content_digest=content_digest(title, body),
                facts={
                    "category": category,
                    "language": document.language or self._source.language,
                    "audience": document.audience or self._source.audience,
                },
                wish=self._wish(document),
                slug=document.slug,
                address=one_line(document.address, MAX_ADDRESS_CHARS),
                notes=tuple(one_line(note, MAX_MESSAGE_CHARS) for note in notes[-5:]),
                place=place,
            )
        )

    def _category(self, document: Document) -> str | None:
        """The name of its category as it is written here already; None where there would be too many new ones."""
        name = one_line(document.category, MAX_CATEGORY_CHARS) or self._default_category
        if name.casefold() not in self._categories and len(self._categories) >= MAX_CATEGORIES:
            return None
        return self._categories.setdefault(name.casefold(), name)

    def _wish(self, document: Document) -> Wish:
        if not self._source.publish:
            return Wish.LEAVE
        return Wish.WITHDRAW if document.draft else Wish.PUBLISH

    def body(self, document: Shelved) -> str:
        self._file.seek(document.place)
        return json.loads(self._file.readline())

    def bodies(self) -> Iterator[tuple[Shelved, str]]:
        for document in self.documents:
            yield document, self.body(document)


def one_line(text: str, most: int) -> str:
    """Text as one line that the database can keep, cut with a sign where it is longer."""
    line = " ".join(storable(text[: 20 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _refusal(document: Document, title: str, body: str) -> str:
    if not title:
        return "It has no title."
    if len(body) > MAX_BODY_CHARS:
        return f"Its text has {len(body):,} characters; {MAX_BODY_CHARS:,} is the most. Divide it."
    if document.language and document.language not in CODES:
        return f"Its language, {one_line(document.language, 20)}, is none of this help centre's."
    if document.audience and document.audience not in Audience.values:
        return f"Its audience, {one_line(document.audience, 20)}, is not public, customers or internal."
    return ""
