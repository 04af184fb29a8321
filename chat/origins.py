"""May a page of this origin open this widget's socket? Denied unless it is named, compared part by part."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

DEFAULT_PORTS = {"http": 80, "https": 443}
# An origin as browsers write it (RFC 6454, section 6.2): no path, no userinfo, nothing after the port.
ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


def parse_origin(text: str | None) -> Origin | None:
    """None for whatever is not exactly one http(s) origin."""
    match = ORIGIN.fullmatch(text) if text and len(text) <= 300 else None
    if match is None or ".." in match["host"]:
        return None
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else DEFAULT_PORTS[scheme]
    return Origin(scheme, match["host"].lower(), port) if 0 < port < 65536 else None


def own_origins() -> list[str]:
    """The server's own pages carry the widget too."""
    hosts = ["127.0.0.1", "localhost"]
    if settings.HOST not in ("0.0.0.0", "::"):  # nosec B104 # asked, not bound
        hosts.append(f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST)
    local = [f"http://{host}:{settings.PORT}" for host in hosts]
    return [*local, settings.PUBLIC_URL] if settings.PUBLIC_URL else local


def is_allowed(origin: str | None, allowed: Iterable[str]) -> bool:
    """True if `origin` is one of `allowed`; a row that is itself malformed allows nobody."""
    asked = parse_origin(origin)
    return asked is not None and any(asked == parse_origin(row.rstrip("/")) for row in allowed)
