"""What the exports of help centres have in common: JSON objects in pages, with collections that articles refer to."""

from collections.abc import Callable, Iterator
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
    strange,
)
from knowledge.importers.json_files import read_values
from knowledge.importers.reading_room import ReadingRoom

Item = dict[str, Any]


def read_pages(
    location: Path, limits: Limits, objects: Callable[[Item], Iterator[Item]]
) -> Iterator[tuple[str, Item] | Unreadable]:
    """All objects of an export with where each stands; `objects` takes a page apart."""
    for value in read_values(location, limits):
        if isinstance(value, Unreadable):
            yield value
            continue
        place, page = value
        for each in page if isinstance(page, list) else [page]:
            if not isinstance(each, dict):
                yield Unreadable(place, "This is not an object of an export.")
                continue
            for item in objects(each):
                yield place, item


def items(value: object) -> Iterator[Item]:
    """The objects of a list, or none."""
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def text(item: Item, name: str) -> str:
    """A text or number of an object, else ""."""
    value = item.get(name)
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def part(item: Item, name: str) -> Item:
    """An object within an object, else an empty one."""
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def read_html(
    room: ReadingRoom, key: str, item: Item, *, title: str, address: str, notes: tuple[str, ...] = (), **facts: Any
) -> Found:
    """A document whose body is HTML."""
    try:
        body = item.get("body")
        reading = room.read("fragment", str(body or "").encode("utf-8", "replace"), base=address)
        return make_document(
            key, title or reading.title, reading.body, address=address, notes=(*notes, *reading.notes), **facts
        )
    except BadDocument as error:
        return Unreadable(key, str(error))
    except PROVOKED as error:
        return Unreadable(key, strange(error))


class Count:
    """Whether all of an export is there: its pages say how many articles there are, or that another one follows."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._said = 0
        self._goes_on = self._ends = False

    def saw(self, article: str) -> None:
        self._seen.add(article)

    def said(self, number: object) -> None:
        if isinstance(number, int):
            self._said = max(self._said, number)

    def said_more(self, more: bool) -> None:
        """Of a page: whether another one follows it."""
        self._goes_on |= more
        self._ends |= not more

    def check(self) -> None:
        """SourceError if pages are missing, or if there is nothing at all."""
        if not self._seen:
            raise SourceError("The file holds no articles of this kind of export.")
        if len(self._seen) < self._said:
            raise SourceError(
                f"The export holds {len(self._seen):,} of {self._said:,} articles: pages are missing. "
                "Put all pages into one folder or zip."
            )
        if self._goes_on and not self._ends and not self._said:
            raise SourceError(
                "Every page of the export says that another one follows: the last is missing. "
                "Put all pages into one folder or zip."
            )
