"""What a reader gives: documents, and the ones that cannot be read with the reason."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one import. Sizes in bytes, times in seconds."""

    documents: int = 20_000
    entries: int = 100_000  # files of a folder or archive, addresses of a sitemap, whether read or not
    bytes_a_document: int = 20 * MIB
    bytes_a_file: int = 64 * MIB  # one JSON value that holds many documents
    bytes_in_all: int = 1024 * MIB
    memory: int = 1024 * MIB  # of the process that reads PDF, DOCX and HTML
    seconds_a_document: float = 30
    seconds_a_fetch: float = 20
    expansion: int = 100  # what is packed may become this many times larger
    redirects: int = 5
    sitemap_depth: int = 3
    ports: tuple[int, ...] = (80, 443)
    allowed_networks: tuple[str, ...] = ()  # private networks that may be read on purpose, as "10.2.0.0/16"


@dataclass(frozen=True, slots=True)
class Document:
    """An article-to-be. `key` is its identity within the source, at most 500 characters: path, id or address."""

    key: str
    title: str
    body: str  # markdown that the database can keep, at most MAX_BODY_CHARS
    category: str = ""  # "" here and below: what the source has by default
    language: str = ""
    audience: str = ""
    slug: str = ""
    address: str = ""  # where it was published before
    draft: bool = False
    notes: tuple[str, ...] = ()  # what the report should say: "3 images were left out"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A document that cannot be read; it is still there, so it is not missing. The reason is one line."""

    key: str
    reason: str


Found = Document | Unreadable


class SourceError(Exception):
    """The source, or the rest of it, cannot be read: nothing may be called missing then. `text` is for people."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
