"""Links between imported documents: to the file or page they were, from now on to the article they became. Pure."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urljoin, urlsplit

# Every repetition is bounded, so that no text takes long. Code is matched first and left alone.
LINK = re.compile(
    r"(?P<code>`[^`\n]{1,1000}`)"
    r"|(?<=\]\()(?P<inline><[^<>\n]{1,1000}>|[^()\s<>]{1,1000})(?=[\s)])"
    r"|^ {0,3}\[[^\]\n]{1,200}\]:[ \t]{0,9}(?P<reference>[^\s<>]{1,1000})"
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
            if address:
                self._by_address.setdefault(_canonical(address), slug)
            if key.startswith(("http://", "https://")):
                self._by_address.setdefault(_canonical(key), slug)

    def rewrite(self, body: str, key: str, address: str) -> str:
        """The body with each link to an imported document turned into one to its article. Code is left as it is."""
        if "](" not in body and "]:" not in body and "<http" not in body:
            return body

        def replaced(found: re.Match[str]) -> str:
            kind = found.lastgroup or ""
            if kind == "code":
                return found.group()
            link = found.group(kind)
            target = self._target(link.strip("<>"), key, address)
            if target is None:
                return found.group()
            if kind == "automatic":
                return f"[{link}]({target})"
            return found.group().removesuffix(link) + target

        return "".join(part if is_code else LINK.sub(replaced, part) for is_code, part in _parts(body))

    def _target(self, link: str, key: str, address: str) -> str | None:
        place, _, fragment = link.partition("#")
        slug = self._slug(place, key, address) if place else None
        return None if slug is None else f"/help/{slug}/" + (f"#{fragment}" if fragment else "")

    def _slug(self, place: str, key: str, address: str) -> str | None:
        try:
            parts = urlsplit(place)
            if parts.scheme or parts.netloc:
                return self._by_address.get(_canonical(urljoin("https:", place)))
            path = unquote(parts.path)
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(key), path)) if path[:1] != "/" else path
            if found := self._by_key.get(beside.strip("/")):
                return found
            base = address or key
            return self._by_address.get(_canonical(urljoin(base, place))) if "://" in base else None
        except ValueError:  # what no address can be, such as half of an IPv6 one
            return None


def _names(key: str) -> Iterator[str]:
    """A key as links may write it: with its ending, without it, and by its folder where it is the folder's page."""
    whole = key.strip("/")
    yield whole
    for ending in ENDINGS:
        if whole.endswith(ending):
            yield whole.removesuffix(ending)


def _canonical(address: str) -> str:
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("www.")
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
