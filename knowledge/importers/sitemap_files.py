"""Sitemaps, feeds and plain lists -> the addresses that they hold. Nothing of their tree is kept."""

import gzip
import io
import zlib
from xml.etree.ElementTree import ParseError  # nosec B405 # the error alone; defusedxml reads

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from knowledge.importers.documents import MIB, BadDocument, Limits, SourceError, mib

GZIP = b"\x1f\x8b"
MAX_BYTES = 50 * MIB  # the most that the protocol lets a sitemap have
MAX_NESTING = 30
MAX_ADDRESS_CHARS = 4_000
# For each root, the element of one entry and the element that holds its address.
FORMS = {
    "urlset": ("url", "loc"),
    "sitemapindex": ("sitemap", "loc"),
    "rss": ("item", "link"),
    "feed": ("entry", "link"),
    "rdf": ("item", "link"),
}


class Listing:
    """What the XML parser tells goes here: the kind of the list, and its addresses."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: list[str] = []
        self._text: list[str] | None = None
        self.root = ""
        self.places: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2].lower()
        if len(self._open) >= MAX_NESTING:
            raise BadDocument("This is not a sitemap: it is nested too deeply.")
        if not self._open:
            self.root = name
        entry, holder = FORMS.get(self.root, ("", ""))
        other = attributes.get("rel", "alternate") != "alternate"  # feeds also link to themselves, to editors, …
        if name == holder and self._open and self._open[-1] == entry and not other:
            if href := attributes.get("href"):
                self._add(href)
            else:
                self._text = []
        self._open.append(name)

    def data(self, text: str) -> None:
        if self._text is not None and len(self._text) < MAX_ADDRESS_CHARS:
            self._text.append(text[:MAX_ADDRESS_CHARS])

    def end(self, _tag: str) -> None:
        self._open.pop()
        if self._text is not None:
            self._add("".join(self._text))
            self._text = None

    def _add(self, address: str) -> None:
        if len(self.places) >= self._most:
            raise SourceError(f"The sitemap lists more than {self._most:,} pages.")
        self.places.append(address.strip()[:MAX_ADDRESS_CHARS])

    def close(self) -> None:
        """The parser asks for it; nothing is left to do."""


def parse_sitemap(data: bytes, limits: Limits) -> tuple[bool, list[str]]:
    """Whether it is an index of sitemaps, and its addresses. BadDocument; SourceError if there are too many."""
    data = _unpacked(data, limits) if data.startswith(GZIP) else data
    if not data.strip():
        raise BadDocument("The sitemap is empty.")
    if data.lstrip()[:8].startswith((b"http://", b"https://"[:8])):
        return False, data.decode("utf-8", "replace").split()[: limits.entries + 1]
    listing = Listing(limits.entries)
    parser = DefusedXMLParser(target=listing, forbid_dtd=True)
    try:
        parser.feed(data)
        parser.close()
    except DefusedXmlException:
        raise BadDocument("The sitemap defines XML entities or a document type, as none needs to.") from None
    except (ParseError, ValueError, LookupError):
        raise BadDocument("This is not a sitemap: it is no proper XML.") from None
    if listing.root not in FORMS:
        raise BadDocument(f"This is not a sitemap: it begins with <{listing.root[:40]}>.")
    return listing.root == "sitemapindex", listing.places


def _unpacked(data: bytes, limits: Limits) -> bytes:
    most = min(MAX_BYTES, limits.bytes_a_file, max(MIB, len(data) * limits.expansion))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            whole = file.read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise BadDocument("The packed sitemap is damaged.") from None
    if len(whole) > most:
        raise BadDocument(f"The sitemap unpacks to more than {mib(most)}.")
    return whole
