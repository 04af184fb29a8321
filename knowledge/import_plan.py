"""What an import would do, decided from what the documents say and what is known of their articles. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.utils.text import slugify

from knowledge.models import Article, Audience, ImportItem

Action: Any = ImportItem.Action
PUBLISHED = str(Article.Status.PUBLISHED)
MAX_SLUG_CHARS = 120
SHORT_CHARS = 200  # texts this short ("Coming soon") do not tell documents apart without their titles
EDITED = "It was edited here since the last import, and is left as it is."
ANOTHER = "An article of this title and address is here already, with another text; it is left as it is."
NOT_PUBLISHED = "Its article was here before and is not published; it stays so until somebody publishes it here."
LEAST_TO_MOST_SECRET = {audience: place for place, audience in enumerate(Audience.values)}
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
    now_facts: Mapping[str, str] = field(default_factory=dict)  # as they are here; empty: as they were told
    address: str = ""  # where the document was published


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
    """By key; and what has the address, or the text, of an article whose key is gone has moved.

    A page with two addresses may be listed by the other one the next time: the one that it names as its own tells.
    """
    by_key = {article.key: article for article in known}
    matches = Matches({document.key: by_key[document.key] for document in documents if document.key in by_key})
    _match_addresses(documents, by_key, matches)
    taken = {article.key for article in matches.known.values()}
    gone: dict[str, list[Known]] = defaultdict(list)
    for key in sorted(by_key.keys() - taken - set(unreadable), reverse=True):
        gone[by_key[key].content_digest].append(by_key[key])
    for document in documents:
        if document.key not in matches.known and (left := gone.get(document.content_digest)):
            matches.known[document.key] = left.pop()
            matches.moved.add(document.key)
    return matches


def _match_addresses(documents: Sequence[Shelved], by_key: Mapping[str, Known], matches: Matches) -> None:
    """New keys of addresses that exactly one known article had, if no other document of this reading has it too."""
    had: dict[str, list[Known]] = defaultdict(list)
    for article in by_key.values():
        had[article.address].append(article)
    times = Counter(document.address for document in documents)
    for document in documents:
        articles = had.get(document.address, [])
        if document.key in by_key or not document.address or times[document.address] > 1 or len(articles) > 1:
            continue
        if articles and articles[0].key not in matches.known:
            matches.known[document.key] = articles[0]
            matches.moved.add(document.key)


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
    adopted = not known.text_digest  # no import has written it yet
    edited = known.now_digest not in (known.text_digest, digest)
    differs = digest not in (known.text_digest, known.now_digest)
    ours = known.status == known.left_as  # nobody published or withdrew it here since
    if document.wish is Wish.PUBLISH:
        turns = ours and known.status != PUBLISHED
    else:
        turns = ours and known.status == PUBLISHED and document.wish is Wish.WITHDRAW
    differs |= edited and overwrite
    if edited and (differs or turns) and not overwrite:
        action, message, differs, turns = Action.EDITED, ANOTHER if adopted else EDITED, False, False
    else:
        changes = _changes(document, known, differs, turns, overwrite)
        if adopted and document.wish is Wish.PUBLISH and known.status != PUBLISHED:
            notes = f"{NOT_PUBLISHED} {notes}"
        action, message = Action.CHANGED if changes else Action.UNCHANGED, f"{changes} {notes}".strip()
        if moved:
            action, message = Action.MOVED, f"It was {known.key} before. {message}".strip()
    return Step(action, document.key, document.title, document, known, slug, digest, differs, turns, message)


def facts_to_set(
    wanted: Mapping[str, str], told: Mapping[str, str], now: Mapping[str, str], *, overwrite: bool
) -> dict[str, str]:
    """What the source says anew, where nobody set something else here; overwriting takes all that it says.

    But it never shows an article to more people than staff have chosen: that they do themselves.
    """
    follows = {name for name in wanted if wanted[name] != told.get(name) and now.get(name) == told.get(name)}
    if overwrite:
        follows |= {name for name in wanted if name != "audience" or _is_narrower(wanted[name], now.get(name, ""))}
    return {name: wanted[name] for name in wanted if name in follows and wanted[name] != now.get(name)}


def _is_narrower(audience: str, than: str) -> bool:
    return LEAST_TO_MOST_SECRET.get(audience, 0) > LEAST_TO_MOST_SECRET.get(than, 0)


def _changes(document: Shelved, known: Known, differs: bool, turns: bool, overwrite: bool) -> str:
    """What differs, for people."""
    parts = ["New text"] if differs else []
    now = known.now_facts or known.facts
    replaced = facts_to_set(document.facts, known.facts, now, overwrite=overwrite)
    parts += [
        f"{name}: {(now if name in replaced else known.facts).get(name, '')} → {wanted}"
        for name, wanted in document.facts.items()
        if known.facts.get(name) != wanted or name in replaced
    ]
    if turns:
        parts.append("published" if document.wish is Wish.PUBLISH else "no longer published there: unpublished")
    return f"{'; '.join(parts)}." if parts else ""


def find_missing(
    known: Sequence[Known], matches: Matches, unreadable: Collection[str], *, withdraws: bool, allow_many: bool
) -> Iterator[Step]:
    """Articles whose document is gone. They are held back where it may be that a part was not read.

    That is so if more than half of all are gone at once, as in a broken export, or if a part of the source that may
    hold many documents, or a document that did not say which one it is, could not be read. What lies in a folder that
    could not be read is not gone, and neither is an article that no import has ever written.
    """
    seen = {article.key for article in matches.known.values()} | set(unreadable)

    def counts(article: Known) -> bool:
        """One that was missing before is done with, unless the source has been told meanwhile to withdraw it."""
        if not article.text_digest:
            return False
        return not article.missing or (withdraws and article.status == article.left_as == PUBLISHED)

    counted = [article for article in known if counts(article)]
    gone = [article for article in counted if article.key not in seen and not _lies_within(article.key, unreadable)]
    unread = next((key for key in unreadable if PLACE.search(key)), "")
    why = f"{unread[:80]} could not be read and may hold it. {HELD}" if unread else ""
    if 2 * len(gone) > len(counted):
        why = f"More than half of the documents are gone. {HELD}"
    held = bool(why) and withdraws and not allow_many
    for article in gone:
        yield Step(Action.HELD if held else Action.MISSING, article.key, known=article, message=why if held else "")


def _lies_within(key: str, unreadable: Collection[str]) -> bool:
    """Whether a folder that holds this file could not be read. Of addresses nothing like that is known."""
    parts = key.split("/") if "://" not in key else []
    return any("/".join(parts[:depth]) in unreadable for depth in range(1, len(parts)))
