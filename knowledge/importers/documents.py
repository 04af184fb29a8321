"""What a reader gives: documents, and the ones that cannot be read with the reason."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.bounds import AUDIENCES, LANGUAGES, MAX_BODY_CHARS, MAX_TITLE_CHARS
from knowledge.markdown import blocks

MIB = 1024 * 1024
MAX_KEY_CHARS = 500
MAX_CATEGORY_CHARS = 80
MAX_SLUG_CHARS = 120
MAX_ADDRESS_CHARS = 1_000
# What a strange document may provoke in the libraries that read it, as far as nobody foresaw it. One document is one
# line of the report, whatever is in it.
PROVOKED = (LookupError, ValueError, AttributeError, ArithmeticError, TypeError, RecursionError)
LANGUAGE_CODES = {code for code, _ in LANGUAGES}
LANGUAGE_NAMES = {name.lower(): code for code, name in LANGUAGES}
OTHER_CODES = {"nb": "no", "nn": "no"}
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")


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
    seconds_in_all: float = 90 * 60  # a worker's task has two hours, and what was read is still to be written
    expansion: int = 100  # what is packed may become this many times larger
    redirects: int = 5
    sitemap_depth: int = 3
    sitemaps: int = 1_000  # of one website
    ports: tuple[int, ...] = (80, 443)
    # Private networks that may be read on purpose: "10.2.0.0/16", or with another port "10.2.0.7/32:8080".
    allowed_networks: tuple[str, ...] = ()


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


class BadDocument(Exception):
    """One document cannot be read; the text says why in one line. Readers turn it into `Unreadable`."""


def strange(error: Exception) -> str:
    """The reason for one of PROVOKED. Not its message, which may quote the document."""
    return f"It cannot be read: something in it is not as it should be ({type(error).__name__})."


def make_document(
    key: str,
    title: str,
    body: str,
    *,
    category: object = "",
    language: object = "",
    audience: object = "",
    slug: str = "",
    address: object = "",
    draft: bool = False,
    notes: Iterable[str] = (),
) -> Document:
    """A document within its bounds; what a source says of itself in an unknown way becomes a note. BadDocument."""
    told = list(notes)
    title = one_line(title)
    body, was_cut = cut_body(without_title(clean(body).strip("\n").rstrip(), title))
    if was_cut:
        told.append(f"The text was cut at {MAX_BODY_CHARS:,} characters.")
    if not body:
        raise BadDocument(f"“{title[:80]}” has no text." if title else "The document is empty.")
    code, audience = language_code(language), one_line(str(audience or "")).lower()
    if language and not code:
        told.append(f"The language “{one_line(str(language))[:20]}” is not known; the source's default is used.")
    if audience and audience not in AUDIENCES:
        told.append(f"The audience “{audience[:20]}” is not known; it is for staff only until you change that.")
        audience = "internal"
    return Document(
        key=one_line(key)[:MAX_KEY_CHARS],
        title=(title or title_of_body(body) or one_line(key))[:MAX_TITLE_CHARS].strip(),
        body=body,
        category=one_line(str(category or ""))[:MAX_CATEGORY_CHARS].strip(),
        language=code,
        audience=audience,
        slug=slug[:MAX_SLUG_CHARS],
        address=web_address(address),
        draft=draft,
        notes=tuple(told),
    )


def clean(text: str) -> str:
    """Text that the database can keep and people can see: no NUL, no half surrogate, one kind of line end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return UNSEEN.sub("", text.encode("utf-8", "ignore").decode("utf-8"))


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def cut_body(body: str) -> tuple[str, bool]:
    """At most MAX_BODY_CHARS, ending with a paragraph, line or word where there is one in the last fifth."""
    if len(body) <= MAX_BODY_CHARS:
        return body, False
    for boundary in ("\n\n", "\n", " "):
        place = body.rfind(boundary, MAX_BODY_CHARS * 4 // 5, MAX_BODY_CHARS)
        if place > 0:
            return body[:place].rstrip(), True
    return body[:MAX_BODY_CHARS], True


def language_code(value: object) -> str:
    """One of our codes for "en", "en-US", "pt_BR" or "German"; "" for what is none of them."""
    name = str(value or "").strip().lower()
    code = re.split(r"[-_@.]", name)[0]
    code = OTHER_CODES.get(code, code)
    return code if code in LANGUAGE_CODES else LANGUAGE_NAMES.get(name, "")


FIRST_HEADING = re.compile(r"\A\s{0,200}(?:##? +(?P<atx>[^\n]{1,500})|(?P<setext>[^\n]{1,500})\n=+[ \t]*)(?:\n|\Z)")


def without_title(body: str, title: str) -> str:
    """The body without a first heading that only repeats the title, which the page shows anyhow."""
    heading = FIRST_HEADING.match(body)
    if heading is None or not title or not body[heading.end() :].strip():
        return body
    same = plain(heading["atx"] or heading["setext"]).casefold() == plain(title).casefold()
    return body[heading.end() :].lstrip("\n") if same else body


def plain(line: str) -> str:
    """The words of one line of markdown."""
    return one_line(" ".join(block.text for block in blocks(line.strip().rstrip("#"))))


def title_of_body(body: str) -> str:
    """The first heading, else the beginning of the first line."""
    parts = list(blocks(body[:20_000]))
    headings = [part.text for part in parts if part.kind == "heading"]
    return one_line((headings or [part.text for part in parts] or [""])[0].split("\n")[0])[:100]


def web_address(value: object) -> str:
    """An http(s) address as it was given; "" for anything else."""
    address = one_line(str(value or ""))
    fits = address.lower().startswith(("http://", "https://")) and " " not in address
    return address if fits and len(address) <= MAX_ADDRESS_CHARS else ""


def mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB" if size >= MIB else f"{size:,} bytes"
