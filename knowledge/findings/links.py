"""Links between help pages that lead nowhere: no such page, withdrawn, not for the reader, or no such heading."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.conf import settings
from markdown_it.token import Token

from knowledge.markdown import parse
from knowledge.models import Article, Audience

MAX_LINKS = 200  # of an article; more are not looked at
HELP = re.compile(r"/help/([-\w]+)/?\Z")


@dataclass(frozen=True, slots=True)
class Link:
    """An internal link; `slug` is empty for one within the page, and may be longer than any article's."""

    href: str
    slug: str
    anchor: str


@dataclass(frozen=True, slots=True)
class BrokenLink:
    href: str
    reason: str  # a sentence for editors
    where: str  # live, draft, or both


def internal_links(body: str) -> list[Link]:
    """The links of a body to help pages and to its own headings, each once, in order."""
    found: dict[str, Link] = {}
    for token in _inline(parse(body)):
        if token.type == "link_open" and (link := _read(str(token.attrGet("href") or ""))):
            found.setdefault(link.href, link)
    return list(found.values())[:MAX_LINKS]


def _inline(tokens: Collection[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


def _read(href: str) -> Link | None:
    try:
        parts = urlsplit(href)
    except ValueError:  # a bracket that is no address
        return None
    anchor = unquote(parts.fragment).replace("\x00", "\ufffd")  # "%00", which no row can hold
    if not parts.scheme and not parts.netloc and not parts.path:
        return Link(href, "", anchor) if anchor else None
    ours = urlsplit(settings.PUBLIC_URL) if settings.PUBLIC_URL else None
    away = parts.scheme or parts.netloc
    if away and (ours is None or (parts.scheme or ours.scheme, parts.netloc) != (ours.scheme, ours.netloc)):
        return None
    match = HELP.match(unquote(parts.path))
    return Link(href, match[1], anchor) if match else None


def anchors(body: str) -> set[str]:
    """The places in a page that a link may name."""
    return {str(token.attrs["id"]) for token in parse(body) if token.type == "heading_open" and "id" in token.attrs}


def broken_links(article: Article) -> list[BrokenLink]:
    """What leads nowhere in the live text and in the draft. The addresses are asked for in one query."""
    bodies = {"draft": article.body}
    if article.live_revision is not None:
        bodies["live"] = article.live_revision.body
    links = {where: internal_links(body) for where, body in bodies.items()}
    slugs = {link.slug for each in links.values() for link in each if link.slug}
    targets = {t.slug: t for t in Article.objects.filter(slug__in=slugs).select_related("live_revision")}
    known: dict[str, set[str]] = {}
    reasons: dict[str, str] = {}
    places: dict[str, list[str]] = {}
    for where, body in sorted(bodies.items()):
        own = anchors(body)
        for link in links[where]:
            reason = _reason(article, link, targets, known) if link.slug else _missing(link.anchor, own)
            if reason:
                reasons[link.href] = reason
                places.setdefault(link.href, []).append(where)
    return [BrokenLink(href, reason, "both" if len(places[href]) == 2 else places[href][0])
            for href, reason in reasons.items()]  # fmt: skip


def _reason(article: Article, link: Link, targets: dict[str, Article], known: dict[str, set[str]]) -> str:
    """Why a link to another page leads nowhere; empty if it does not. `known` keeps the headings of pages read."""
    target = targets.get(link.slug)
    if target is None:
        return "No article has this address."
    if target.live_revision is None:
        return f"“{target.title}” is not published."
    if target.audience != Audience.PUBLIC and article.audience == Audience.PUBLIC:  # the others are read by staff alone
        return f"“{target.title}” is not public: customers get “not found”."
    if not link.anchor:
        return ""
    if link.slug not in known:
        known[link.slug] = anchors(target.live_revision.body)
    return _missing(link.anchor, known[link.slug])


def _missing(anchor: str, headings: set[str]) -> str:
    return "" if anchor in headings else f"The page has no heading “{anchor}”."
