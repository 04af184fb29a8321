"""Sources of articles -> documents. Pure reading: nothing is stored here and no model is known.

`read` may raise SourceError at once or after some documents (a limit was reached, a file breaks off). Then the rest
of the source is unknown: a document that was not seen is not missing.
"""

from collections.abc import Iterator

from knowledge.importers.documents import Document, Found, Limits, SourceError, Unreadable

__all__ = ["KINDS", "Document", "Found", "Limits", "SourceError", "Unreadable", "guess_kind", "read"]

KINDS: dict[str, str] = {
    "markdown": "Markdown files: a folder or a zip of it",
    "files": "Documents: PDF, DOCX, HTML, text, markdown; one file, a folder or a zip",
    "table": "Table: CSV, or JSON lines",
    "zendesk": "Zendesk help centre export (JSON)",
    "intercom": "Intercom articles export (JSON)",
    "chatwoot": "Chatwoot portal export (JSON)",
    "web": "Web pages, by their addresses",
    "sitemap": "Website, by its sitemap",
}


def read(kind: str, location: str, *, limits: Limits = Limits()) -> Iterator[Found]:  # noqa: B008 (frozen)
    """The documents of a source, one by one; `location` is a path or, for "web" and "sitemap", an address."""
    raise SourceError(f"{KINDS.get(kind, kind)} cannot be read yet.")


def guess_kind(location: str) -> str:
    """The kind that a location looks like. SourceError if nothing is there."""
    return "web" if location.startswith(("http://", "https://")) else "markdown"
