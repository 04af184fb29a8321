"""Markdown, MDX and plain text files -> documents."""

import re
from pathlib import PurePosixPath

from knowledge.importers.documents import Document, make_document, plain
from knowledge.importers.encodings import decode
from knowledge.importers.front_matter import first_text, is_draft, split_front_matter
from knowledge.importers.site_builders import FENCE, strip_builder

# Folders that say how a site is built, not what its pages are about.
PLAIN_FOLDERS = {"docs", "doc", "content", "articles", "pages", "posts", "src", "help", "files", "_posts", "markdown"}
INDEX_NAMES = {"index", "_index", "readme"}
SHORT_LINE = 100


def read_markdown(name: str, data: bytes) -> Document:
    """The document of a markdown or MDX file. BadDocument."""
    text, note = decode(data)
    facts, body, notes = split_front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    body, more = strip_builder(body, mdx=name.lower().endswith(".mdx"))
    title = first_text(facts, "title", "name") or _first_heading(body) or title_of_name(name)
    return make_document(
        name,
        title,
        body,
        category=first_text(facts, "category", "categories", "section") or category_of(name),
        language=first_text(facts, "lang", "language", "locale"),
        audience=first_text(facts, "audience", "visibility"),
        slug=first_text(facts, "slug"),
        address=first_text(facts, "canonical_url", "canonical", "url", "permalink", "source_url"),
        draft=is_draft(facts),
        notes=[each for each in (note, *notes, *more) if each],
    )


def read_text(name: str, data: bytes) -> Document:
    """The document of a plain text file: its first short line is the title if an empty line follows. BadDocument."""
    text, note = decode(data)
    lines = [line.strip("\r").expandtabs(4) for line in text.split("\n")]
    while lines and not lines[0].strip():
        lines.pop(0)
    titled = len(lines) > 2 and len(lines[0]) <= SHORT_LINE and not lines[1].strip() and any(map(str.strip, lines[2:]))
    title = plain(lines[0]) if titled else ""
    body = "\n".join(_as_markdown(line) for line in (lines[1:] if titled else lines))
    return make_document(
        name, title or title_of_name(name), body, category=category_of(name), notes=[note] if note else []
    )


def _as_markdown(line: str) -> str:
    """A line of plain text: an indent is no code, a `<` is no tag."""
    return line.strip().replace("<", "\\<")


def title_of_name(name: str) -> str:
    """`guides/reset-your_password.md` -> "Reset your password"; an index page has the name of its folder."""
    path = PurePosixPath(name)
    stem = path.parent.name if path.stem.lower() in INDEX_NAMES and path.parent.name else path.stem
    words = re.sub(r"[-_\s]+", " ", stem).strip()
    return words[:1].upper() + words[1:] or name


def category_of(name: str) -> str:
    """The nearest folder that has a telling name; "" for a file at the top."""
    for folder in reversed(PurePosixPath(name).parts[:-1]):
        if folder.lower() not in PLAIN_FOLDERS:
            words = re.sub(r"[-_\s]+", " ", folder).strip()
            return words[:1].upper() + words[1:]
    return ""


def _first_heading(body: str) -> str:
    for line in body[:20_000].split("\n"):
        if FENCE.match(line):
            break
        if found := re.match(r"#[ \t]+(\S.{0,400})$", line):
            return plain(found[1])
    setext = re.match(r"\s{0,200}([^\n#>`|-][^\n]{0,300})\n=+[ \t]*(?:\n|\Z)", body)
    return plain(setext[1]) if setext else ""
