"""What an import would do, decided from what the documents say and what is known of their articles. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.utils.text import slugify

from knowledge.models import Article, ImportItem

Action: Any = ImportItem.Action
PUBLISHED = str(Article.Status.PUBLISHED)
MAX_SLUG_CHARS = 120
SHORT_CHARS = 200  # texts this short ("Coming soon") do not tell documents apart without their titles
EDITED = "It was edited here since the last import, and is left as it is."
HELD = "Its article was left alone; import again and allow it if the document is gone on purpose."
# How readers name what they could not read where one place holds many documents: "a.json, line 3".
PLACE = re.compile(r"(?:^|, )(?:line|row) \d+$|\.(?:json|jsonl|ndjson)(?:\.gz)?$")


class Wish(StrEnum):
    """What the source and the document want of the article's state."""

    PUBLISH = "publish"
    LEAVE = "leave"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document that was read, without its body, which lies at `place` of the shelf."""

    key: str
    title: str
    content_digest: str
    facts: Mapping[str, str]  # category (its name), language, audience
    wish: Wish
    slug: str = ""
    address: str = ""
    notes: tuple[str, ...] = ()
    place: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """An article that was imported, and what it is now."""

    key: str
    article_id: UUID
    slug: str
    text_digest: str  # as the import left it; "" for an article that no import has written yet
    now_digest: str
    content_digest: str
    facts: Mapping[str, str]
    status: str
    left_as: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    action: str
    key: str
    title: str = ""
    document: Shelved | None = None
    known: Known | None = None
    slug: str = ""
    text_digest: str = ""
    writes_text: bool = False
    turns: bool = False  # it is to be published, or withdrawn, as the document now says
    message: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """Which known article each document is, by the document's key."""

    known: dict[str, Known] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)


def text_digest(title: str, body: str) -> str:
    return sha256(f"{title}\0{body}".encode()).hexdigest()


def content_digest(title: str, body: str) -> str:
    """What a document is known by when its key has changed: its own text, if there is enough of it."""
    text = body.strip()
    return text_digest("", text) if len(text) > SHORT_CHARS else text_digest(title, text)


def match(documents: Sequence[Shelved], known: Iterable[Known], unreadable: Collection[str] = ()) -> Matches:
    """By key; and what has the text of an article whose key is gone has moved."""
    by_key = {article.key: article for article in known}
    matches = Matches({document.key: by_key[document.key] for document in documents if document.key in by_key})
    gone: dict[str, list[Known]] = defaultdict(list)
    for key in sorted(by_key.keys() - matches.known.keys() - set(unreadable), reverse=True):
        gone[by_key[key].content_digest].append(by_key[key])
    for document in documents:
        if document.key not in by_key and (left := gone.get(document.content_digest)):
            matches.known[document.key] = left.pop()
            matches.moved.add(document.key)
    return matches


def name(documents: Sequence[Shelved], matches: Matches, taken: Collection[str]) -> dict[str, str]:
    """The slug of each document: the article's own, else one that nobody has, made from its slug, title or key."""
    slugs = {key: known.slug for key, known in matches.known.items()}
    used = set(taken) | set(slugs.values())
    for document in documents:
        if document.key not in slugs:
            slugs[document.key] = free_slug(wished_slug(document), used)
            used.add(slugs[document.key])
    return slugs


def wished_slug(document: Shelved) -> str:
    """From its slug, else its title, else its key: the first that says in Latin letters most of what it says."""
    for text in (document.slug, document.title, _telling(document.key)):
        slug = slugify(re.sub(r"[^\w\s'’-]+", " ", text).replace("'", "").replace("’", ""))
        if 2 * len(slug) > sum(map(str.isalnum, text)):
            return slug[:MAX_SLUG_CHARS].strip("-_")
    return "article"


def _telling(key: str) -> str:
    """The last two parts of a path or an address, without a file's ending."""
    path = key.partition("://")[2].partition("/")[2] if "://" in key else key
    return "-".join(re.sub(r"\.[A-Za-z0-9]{1,5}$", "", path.rstrip("/")).split("/")[-2:])


def free_slug(wished: str, used: Collection[str]) -> str:
    number, slug = 1, wished
    while slug in used:
        number += 1
        ending = f"-{number}"
        slug = wished[: MAX_SLUG_CHARS - len(ending)] + ending
    return slug


def decide(
    document: Shelved, known: Known | None, *, slug: str, digest: str, moved: bool = False, overwrite: bool = False
) -> Step:
    """What to do with one document. `digest` is of the title and body that would be written."""
    notes = " ".join(document.notes)
    if known is None:
        message = notes
        if slug != wished_slug(document):
            message = f"Its address is {slug}: {wished_slug(document)} is taken. {notes}".strip()
        turns = document.wish is Wish.PUBLISH
        return Step(Action.NEW, document.key, document.title, document, None, slug, digest, True, turns, message)
    edited = known.now_digest not in (known.text_digest, digest)
    differs = digest not in (known.text_digest, known.now_digest)
    ours = known.status == known.left_as  # nobody published or withdrew it here since
    if document.wish is Wish.PUBLISH:
        turns = ours and known.status != PUBLISHED
    else:
        turns = ours and known.status == PUBLISHED and document.wish is Wish.WITHDRAW
    differs |= edited and overwrite
    if edited and (differs or turns) and not overwrite:
        action, message, differs, turns = Action.EDITED, EDITED, False, False
    else:
        changes = _changes(document, known, differs, turns)
        action, message = Action.CHANGED if changes else Action.UNCHANGED, f"{changes} {notes}".strip()
        if moved:
            action, message = Action.MOVED, f"It was {known.key} before. {message}".strip()
    return Step(action, document.key, document.title, document, known, slug, digest, differs, turns, message)


def _changes(document: Shelved, known: Known, differs: bool, turns: bool) -> str:
    """What differs, for people."""
    parts = ["New text"] if differs else []
    parts += [
        f"{name}: {known.facts.get(name, '')} → {wanted}"
        for name, wanted in document.facts.items()
        if known.facts.get(name) != wanted
    ]
    if turns:
        parts.append("published" if document.wish is Wish.PUBLISH else "no longer published there: unpublished")
    return f"{'; '.join(parts)}." if parts else ""


def find_missing(
    known: Sequence[Known], matches: Matches, unreadable: Collection[str], *, withdraws: bool, allow_many: bool
) -> Iterator[Step]:
    """Articles whose document is gone. They are held back where it may be that a part was not read.

    That is so if more than half of all are gone at once, as in a broken export, or if a part of the source that may
    hold many documents, or a document that did not say which one it is, could not be read.
    """
    seen = {article.key for article in matches.known.values()} | set(unreadable)

    def counts(article: Known) -> bool:
        """One that was missing before is done with, unless the source has been told meanwhile to withdraw it."""
        return not article.missing or (withdraws and article.status == article.left_as == PUBLISHED)

    counted = [article for article in known if counts(article)]
    gone = [article for article in counted if article.key not in seen]
    unread = next((key for key in unreadable if PLACE.search(key)), "")
    why = f"{unread[:80]} could not be read and may hold it. {HELD}" if unread else ""
    if 2 * len(gone) > len(counted):
        why = f"More than half of the documents are gone. {HELD}"
    held = bool(why) and withdraws and not allow_many
    for article in gone:
        yield Step(Action.HELD if held else Action.MISSING, article.key, known=article, message=why if held else "")
