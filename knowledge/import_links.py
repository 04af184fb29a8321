"""Links between imported documents: to the file or page they were, from now on to the article they became. Pure."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urljoin, urlsplit

# Every repetition is bounded, so that no text takes long. Code and images are matched first and left alone.
LINK = re.compile(
    r"(?P<code>`[^`\n]{1,1000}`|!\[(?:[^\[\]\\\n]|\\.){0,300}\]\([^()\n]{0,1000}\))"
    r"|(?<=\]\()(?P<inline><[^<>\n]{1,1000}>|[^()\s<>]{1,1000})(?=[\s)])"
    r"|^ {0,3}\[(?!\^)[^\]\n]{1,200}\]:[ \t]{0,9}(?P<reference>[^\s<>]{1,1000})(?=[ \t]{0,9}(?:$|[\"'(]))"
    r"|<(?P<automatic>https?://[^\s<>]{1,1000})>",
    re.MULTILINE,
)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
# Help centres add the title to the number of an article, and may change it: the number alone is the address.
NUMBERED = re.compile(r"(.*/articles/\d+)")
ENDINGS = (".md", ".markdown", ".html", ".htm", "/index.md", "/README.md", "/index.html")


class LinkMap:
    """Which article each document became, by key and by original address."""

    def __init__(self, documents: Iterable[tuple[str, str, str]]) -> None:
        """From key, original address (may be empty) and slug of each document."""
        self._by_key: dict[str, str] = {}
        self._by_address: dict[str, str] = {}
        for key, address, slug in documents:
            for name in _names(key):
                self._by_key.setdefault(name, slug)
            for place in (address, key):
                if "://" in place and (canonical := _canonical(place)):
                    self._by_address.setdefault(canonical, slug)

    def rewrite(self, body: str, key: str, address: str) -> tuple[str, int]:
        """The body with links to imported documents turned into ones to their articles, and how many are dead.

        Another relative link is taken from the document's address; without one it leads nowhere. Code is left alone.
        """
        dead = 0
        if "](" not in body and "]:" not in body and "<http" not in body:
            return body, dead

        def replaced(found: re.Match[str]) -> str:
            kind = found.lastgroup or ""
            if kind == "code":
                return found.group()
            nonlocal dead
            link = found.group(kind)
            target = self._target(link.strip("<>"), key, address)
            if target is None:
                dead += _is_relative(link.strip("<>"))
                return found.group()
            if kind == "automatic":
                return f"[{link}]({target})"
            return found.group().removesuffix(link) + target

        text = "".join(part if is_code else LINK.sub(replaced, part) for is_code, part in _parts(body))
        return text, dead

    def _target(self, link: str, key: str, address: str) -> str | None:
        place, _, fragment = link.partition("#")
        ending = f"#{fragment}" if fragment else ""
        if slug := self._slug(place, key, address) if place else None:
            return f"/help/{slug}/{ending}"
        whole = _joined(address or key, place) if _is_relative(link, rooted=True) else ""
        return whole + ending if whole else None

    def _slug(self, place: str, key: str, address: str) -> str | None:
        if not _is_relative(place, rooted=True):
            return self._by_address.get(_canonical(_joined("https://x", place)))
        path = unquote(place.partition("?")[0])
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(key), path)) if path[:1] != "/" else path
        return self._by_key.get(beside.strip("/")) or self._by_address.get(_canonical(_joined(address or key, place)))


def _is_relative(link: str, *, rooted: bool = False) -> bool:
    """Whether it says no site of its own. Links from the root may lead somewhere here, too."""
    return not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}:|//|#", link) and (rooted or link[:1] != "/")


def _names(key: str) -> Iterator[str]:
    """A key as links may write it: with its ending, without it, and by its folder where it is the folder's page."""
    whole = key.strip("/")
    yield whole
    for ending in ENDINGS:
        if whole.endswith(ending):
            yield whole.removesuffix(ending)


def _joined(base: str, link: str) -> str:
    """The whole address of a link; "" where there is none to begin from, or what is written can be no address."""
    try:
        return urljoin(base, link) if "://" in base else ""
    except ValueError:
        return ""


def _canonical(address: str) -> str:
    """What two ways to write an address have in common; "" for what is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    host = parts.hostname.removeprefix("www.")
    path = unquote(parts.path).rstrip("/")
    if numbered := NUMBERED.match(path):
        return host + numbered.group(1)
    return f"{host}{path}?{parts.query}" if parts.query else host + path


def _parts(body: str) -> Iterator[tuple[bool, str]]:
    """The body in pieces, each with whether it is a block of code between fences."""
    lines: list[str] = []
    fence = ""
    for line in body.splitlines(keepends=True):
        mark = FENCE.match(line)
        if not fence and mark:
            yield False, "".join(lines)
            lines, fence = [line], mark.group(1)
        elif fence and mark and mark.group(1).startswith(fence) and not line[mark.end() :].strip():
            yield True, "".join([*lines, line])
            lines, fence = [], ""
        else:
            lines.append(line)
    yield bool(fence), "".join(lines)
