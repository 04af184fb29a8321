"""Which kind of source a location looks like."""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from knowledge.importers.documents import BadDocument, Limits, SourceError, Unreadable
from knowledge.importers.files import DOCUMENTS, MARKDOWN
from knowledge.importers.json_files import LINES, open_unpacked
from knowledge.importers.trees import File, is_zip, path_of, walk

LOOK_BYTES = 256 * 1024
LOOK_FILES = 2_000
TABLES = {".csv", ".tsv", *LINES}
# What only the exports of these help centres hold, in the order of how sure it is.
SIGNS = [
    ("intercom", re.compile(rb'"type"\s*:\s*"(?:list|article|article_translated_content|article_content)"')),
    ("chatwoot", re.compile(rb'"payload"\s*:\s*[\[{]|"associated_articles"\s*:')),
    ("zendesk", re.compile(rb'"(?:section_id|user_segment_id|permission_group_id|source_locale)"\s*:')),
]
ARTICLE = re.compile(rb'"(?:body|content|articles|data|payload)"\s*:')


def guess_kind(location: str) -> str:
    """The kind that a location looks like. SourceError if nothing is there, or nothing that is read."""
    if location.strip().lower().startswith(("http://", "https://")):
        return _kind_of_address(location)
    path = path_of(location)
    try:
        if path.is_dir() or is_zip(path):
            return _kind_of_tree(path)
        if not path.is_file():
            raise SourceError(f"There is no file or folder “{path.name[:200]}” on the server.")
        return _kind_of_file(path)
    except BadDocument as error:
        raise SourceError(str(error)) from None
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror or 'the disk gives an error'}.") from None


def _kind_of_address(location: str) -> str:
    path = urlsplit(location.split()[0]).path.lower()
    looks = path.endswith((".xml", ".xml.gz")) or "sitemap" in PurePosixPath(path).name
    return "sitemap" if looks and len(location.split()) == 1 else "web"


def _kind_of_file(path: Path) -> str:
    suffixes = {suffix.lower() for suffix in path.suffixes}
    suffix = path.suffix.lower()
    if suffix in DOCUMENTS:
        return "files" if suffix not in {".md", ".mdx", ".markdown"} else "markdown"
    with open_unpacked(path, Limits()) as file:
        start = file.read(LOOK_BYTES)
    if ".xml" in suffixes or start.lstrip()[:5] == b"<?xml" or b"<urlset" in start or b"<sitemapindex" in start:
        return "sitemap"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _kind_of_json(start)
    if suffixes & {".json", *TABLES}:
        return "table"
    raise SourceError(f"Files that end in {suffix or 'nothing'} are not read. Choose what it is, if it is text.")


def _kind_of_json(start: bytes) -> str:
    return next((kind for kind, sign in SIGNS if sign.search(start)), "table")


def _kind_of_tree(path: Path) -> str:
    seen: set[str] = set()
    json_kinds: list[str] = []
    for number, file in enumerate(walk(path, Limits())):
        if number >= LOOK_FILES:
            break
        if isinstance(file, Unreadable):
            continue
        seen.add(file.suffix)
        if file.suffix in {".json", *LINES} and not json_kinds and ARTICLE.search(start := _start(file)):
            json_kinds.append(_kind_of_json(start))
    if seen & {".pdf", ".docx"}:
        return "files"
    if seen & MARKDOWN:
        return "markdown"
    if json_kinds and json_kinds[0] != "table":
        return json_kinds[0]
    raise SourceError("There is no file that is read: no markdown, text, HTML, PDF, DOCX or export of a help centre.")


def _start(file: File) -> bytes:
    try:
        return file.read()[:LOOK_BYTES]
    except BadDocument:  # `read` will say so
        return b""
