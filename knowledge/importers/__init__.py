"""Sources of articles -> documents. Pure reading: nothing is stored here and no model is known.

`read` may raise SourceError at once or after some documents (a limit was reached, a file breaks off). Then the rest
of the source is unknown: a document that was not seen is not missing.
"""

from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic

from knowledge.importers.addresses import Resolve, resolve
from knowledge.importers.chatwoot import read_chatwoot
from knowledge.importers.documents import BadDocument, Document, Found, Limits, SourceError, Unreadable
from knowledge.importers.fetching import Fetcher, no_tick
from knowledge.importers.files import DOCUMENTS, MARKDOWN, read_files
from knowledge.importers.guessing import guess_kind
from knowledge.importers.intercom import read_intercom
from knowledge.importers.reading_room import ReadingRoom
from knowledge.importers.tables import read_table
from knowledge.importers.trees import path_of
from knowledge.importers.websites import read_sitemap, read_web
from knowledge.importers.zendesk import read_zendesk

__all__ = ["KINDS", "Document", "Found", "Limits", "SourceError", "Unreadable", "guess_kind", "read"]

KINDS: dict[str, str] = {
    "markdown": "Markdown, text and HTML files: a folder or a zip of it",
    "files": "Documents: PDF, DOCX, HTML, text, markdown; one file, a folder or a zip",
    "table": "Table: CSV, or JSON lines",
    "zendesk": "Zendesk help centre export (JSON)",
    "intercom": "Intercom articles export (JSON)",
    "chatwoot": "Chatwoot portal export (JSON)",
    "web": "Web pages, by their addresses",
    "sitemap": "Website, by its sitemap",
}
USUAL = Limits()


def read(
    kind: str,
    location: str,
    *,
    limits: Limits = USUAL,
    resolver: Resolve = resolve,
    tick: Callable[[], None] = no_tick,
) -> Iterator[Found]:
    """The documents of a source, one by one; `location` is a path or, for "web" and "sitemap", an address.

    `tick` is called before each fetch and each document, and may raise to end the reading.
    """
    end = monotonic() + limits.seconds_in_all

    def go_on() -> None:
        tick()
        if monotonic() > end:
            minutes = f"{limits.seconds_in_all / 60:,.0f} minutes"
            raise SourceError(f"Reading took longer than {minutes}. The rest was not read. Import it in parts.")

    with ReadingRoom(limits) as room:
        try:
            source = _source(kind, location, limits, room, partial(Fetcher, limits, resolver=resolver, tick=go_on))
            for number, found in enumerate(source):
                go_on()
                if number >= limits.documents:
                    raise SourceError(f"There are more than {limits.documents:,} documents. The rest was not read.")
                yield found
        except BadDocument as error:  # of the source itself: every single document is caught where it is read
            raise SourceError(str(error)) from None
        except OSError as error:
            raise SourceError(f"It cannot be read: {error.strerror or 'the disk gives an error'}.") from None


def _source(
    kind: str, location: str, limits: Limits, room: ReadingRoom, fetcher: Callable[[], Fetcher]
) -> Iterator[Found]:
    path = path_of(location)
    match kind:
        case "markdown":
            return read_files(path, MARKDOWN, limits, room)
        case "files":
            return read_files(path, DOCUMENTS, limits, room)
        case "table":
            return read_table(path, limits, room)
        case "zendesk":
            return read_zendesk(path, limits, room)
        case "intercom":
            return read_intercom(path, limits, room)
        case "chatwoot":
            return read_chatwoot(path, limits)
        case "web":
            return read_web(location, limits, room, fetcher())
        case "sitemap":
            return read_sitemap(location, limits, room, fetcher())
    raise SourceError(f"“{kind[:40]}” is no kind of source. There are: {', '.join(KINDS)}.")
