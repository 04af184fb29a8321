"""Web pages by their addresses, and whole websites by their sitemaps -> documents."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from knowledge.importers.addresses import parse
from knowledge.importers.documents import (
    MAX_KEY_CHARS,
    PROVOKED,
    BadDocument,
    Document,
    Found,
    Limits,
    SourceError,
    Unreadable,
    make_document,
    one_line,
    strange,
)
from knowledge.importers.fetching import DOCX_TYPE, HTML_TYPES, XML_TYPES, Fetched, Fetcher
from knowledge.importers.markdown_files import read_markdown, title_of_name
from knowledge.importers.reading_room import ReadingRoom
from knowledge.importers.sitemap_files import parse_sitemap
from knowledge.importers.trees import read_file

KINDS = {"application/pdf": "pdf", DOCX_TYPE: "docx"} | dict.fromkeys(HTML_TYPES, "page")


def read_web(location: str, limits: Limits, room: ReadingRoom, fetcher: Fetcher) -> Iterator[Found]:
    """The pages at the addresses, which are divided by spaces or lines."""
    yield from _pages(iter(location.split()), limits, room, fetcher)


def read_sitemap(location: str, limits: Limits, room: ReadingRoom, fetcher: Fetcher) -> Iterator[Found]:
    """The pages of a sitemap (an address or a file), and of the sitemaps that it lists."""
    walk = SitemapWalk(limits, fetcher)
    if location.startswith(("http://", "https://")):
        start = _plain(location)
        addresses = walk.addresses(start, fetcher.fetch(start, accept=XML_TYPES).data)
    else:
        addresses = walk.addresses("", read_file(Path(location), limits.bytes_a_file))
    pages: list[str] = []
    for address in addresses:
        if isinstance(address, Unreadable):
            yield address
        else:
            pages.append(address)
    yield from _pages(iter(pages), limits, room, fetcher)
    if walk.failures:
        more = f" (and {len(walk.failures) - 1} more)" if len(walk.failures) > 1 else ""
        raise SourceError(f"A part of the sitemap could not be read{more}: {walk.failures[0]}")


class SitemapWalk:
    """Gathers the pages of a sitemap and of those within it; each one is read once."""

    def __init__(self, limits: Limits, fetcher: Fetcher) -> None:
        self._limits, self._fetcher = limits, fetcher
        self._read: set[str] = set()
        self._pages: set[str] = set()
        self._full = False
        self.failures: list[str] = []

    def addresses(self, start: str, data: bytes, depth: int = 1) -> Iterator[str | Unreadable]:
        """Addresses of pages. BadDocument if the first sitemap is none.

        What hides a part of the website is in `failures` at the end: a sitemap further down that is not read.
        """
        self._read.add(start)
        is_index, places = parse_sitemap(data, self._limits)
        for place in places:
            try:
                place = _plain(place)
            except BadDocument as error:
                place = one_line(place)[:MAX_KEY_CHARS] or "(empty)"
                yield self._failed(place, str(error)) if is_index else Unreadable(place, str(error))
                continue
            if start and _site(place) != _site(start):
                foreign = "The sitemap leads to another website, which is not read."
                yield self._failed(place, foreign) if is_index else Unreadable(place, foreign)
            elif is_index:
                yield from self._below(place, depth)
            elif place not in self._pages:
                self._pages.add(place)
                if len(self._pages) > self._limits.entries:
                    raise SourceError(f"The sitemap lists more than {self._limits.entries:,} pages.")
                yield place

    def _below(self, place: str, depth: int) -> Iterator[str | Unreadable]:
        if place in self._read:
            yield Unreadable(place, "The sitemap lists itself, or one that was there before; it is read once.")
            return
        if depth >= self._limits.sitemap_depth:
            yield self._failed(place, "Sitemaps within sitemaps go too deep here; this one is not read.")
            return
        if len(self._read) >= self._limits.sitemaps:
            if not self._full:
                self._full = True
                yield self._failed(place, f"Only {self._limits.sitemaps:,} sitemaps are read; this is one too many.")
            return
        try:
            data = self._fetcher.fetch(place, accept=XML_TYPES).data
            yield from self.addresses(place, data, depth + 1)
        except BadDocument as error:
            self._read.add(place)
            yield self._failed(place, str(error))

    def _failed(self, place: str, reason: str) -> Unreadable:
        self.failures.append(f"{place}: {reason}")
        return Unreadable(place, reason)


def _site(address: str) -> str:
    return (urlsplit(address).hostname or "").removeprefix("www.")


def _plain(address: str) -> str:
    return parse(address.strip().partition("#")[0]).text


def _pages(addresses: Iterator[str], limits: Limits, room: ReadingRoom, fetcher: Fetcher) -> Iterator[Found]:
    """A document for each page; two addresses of one page are one document."""
    seen: dict[str, str] = {}
    for number, address in enumerate(addresses):
        if number >= limits.documents:
            raise SourceError(f"There are more than {limits.documents:,} pages. The rest was not read.")
        try:
            key = _plain(address)
        except BadDocument as error:
            yield Unreadable(one_line(address)[:MAX_KEY_CHARS], str(error))
            continue
        name = one_line(key)[:MAX_KEY_CHARS]  # as that of its document, so that a page that fails is not missing
        try:
            document = read_fetched(key, fetcher.fetch(key), room)
        except BadDocument as error:
            yield Unreadable(name, str(error))
            continue
        except PROVOKED as error:
            yield Unreadable(name, strange(error))
            continue
        first = seen.setdefault(document.address, key)
        if first != key:
            yield Unreadable(name, f"This is the same page as {first[:300]}.")
        else:
            yield document


def read_fetched(key: str, page: Fetched, room: ReadingRoom) -> Document:
    """The document of what was fetched. BadDocument."""
    name = urlsplit(page.address).path
    if kind := KINDS.get(page.media):
        reading = room.read(kind, page.data, base=page.address, charset=page.charset)
        return make_document(
            key,
            reading.title or title_of_name(re.sub(r"/+$", "", name) or page.address),
            reading.body,
            category=reading.category,
            language=reading.language,
            address=reading.address or page.address,
            notes=reading.notes,
        )
    document = read_markdown(name.strip("/") or "page", page.data)
    return make_document(key, document.title, document.body, address=page.address, notes=document.notes)
