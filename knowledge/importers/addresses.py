"""Addresses of the web: which ones may be read, decided by the number that is connected to."""

import re
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

from knowledge.importers.documents import BadDocument, SourceError

MAX_URL_CHARS = 2_000
MAX_HOST_CHARS = 253
SCHEMES = {"http": 80, "https": 443}
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

# Everything that is not the public internet, by the registries of IANA, written out: what Python calls private
# changes with its version.
REFUSED_4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",  # the last is a cloud's inner service at a public number
    )
]  # fmt: skip
PUBLIC_6 = IPv6Network("2000::/3")
REFUSED_6 = [
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]  # fmt: skip
MAPPED, NAT64 = IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")
UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address taken apart. `host` is in ASCII and small letters, without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def text(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """The host as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"


def parse(address: str) -> WebAddress:
    """An http(s) address in its plain form. BadDocument for anything that two programs could read in two ways."""
    address = address.strip()
    if len(address) > MAX_URL_CHARS:
        raise BadDocument(f"The address is longer than {MAX_URL_CHARS:,} characters.")
    if UNFIT.search(address):
        raise BadDocument("The address holds a space or another sign that no address has.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise BadDocument("This is not a web address.") from None
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise BadDocument("Only addresses that begin with http:// or https:// are read.")
    if "@" in parts.netloc:
        raise BadDocument("Addresses with a name or password in them are not read.")
    if port == 0:
        raise BadDocument("This is not a web address.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]|") if parts.query else ""
    host = _host(parts.hostname or "", parts.netloc)
    return WebAddress(parts.scheme, host, port or SCHEMES[parts.scheme], path + query)


def _host(host: str, netloc: str) -> str:
    """A name, or a number in its one proper form: `127.1` and `0x7f.1` are how numbers hide."""
    if netloc.startswith("["):
        try:
            return str(IPv6Address(host)) if "%" not in host else _no_host()
        except ValueError:
            return _no_host()
    host = host.removesuffix(".")
    if not host or len(host) > MAX_HOST_CHARS:
        return _no_host()
    try:
        host = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return _no_host()
    labels = host.split(".")
    if NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            return _no_host()
    return host if all(LABEL.fullmatch(label) for label in labels) else _no_host()


def _no_host() -> str:
    raise BadDocument("The address has no proper host name.")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Private networks that may be read on purpose, each with its port (0: the usual ones)."""

    networks: tuple[tuple[IPv4Network | IPv6Network, int], ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Allowed":
        """From "10.2.0.0/16" or "10.2.0.7/32:8080". SourceError if one is not understood."""
        networks = []
        for text in texts:
            found = re.fullmatch(r"(.+/\d{1,3}|[\d.]+):(\d{1,5})", text.strip())
            network, port = found.groups() if found else (text.strip(), "0")
            try:
                networks.append((ip_network(network), int(port)))
            except ValueError:
                raise SourceError(f"“{text}” in the setting of allowed networks is not a network.") from None
        return cls(tuple(networks))

    def has(self, address: Address, port: int, usual: tuple[int, ...]) -> bool:
        return any(
            address.version == network.version and address in network and (port == own or (not own and port in usual))
            for network, own in self.networks
        )


def check(text: str, port: int, *, allowed: Allowed, ports: tuple[int, ...]) -> Address:
    """The address to connect to. BadDocument if it is of a private network that is not allowed, or the port is odd."""
    try:
        address = ip_address(text)
    except ValueError:  # with a zone: of this machine's own links
        raise BadDocument(REFUSAL) from None
    if isinstance(address, IPv6Address) and address in MAPPED:
        address = IPv4Address(address.packed[12:])
    if allowed.has(address, port, ports):
        return address
    if not is_public(address):
        raise BadDocument(REFUSAL)
    if port not in ports:
        raise BadDocument(f"Port {port} is not read; websites are at {' and '.join(map(str, ports))}.")
    return address


REFUSAL = "The address leads into a private network, which is not read."


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_4)
    if address in NAT64:  # how a network without IPv4 reaches IPv4
        return is_public(IPv4Address(address.packed[12:]))
    return address in PUBLIC_6 and not any(address in network for network in REFUSED_6)


def resolve(host: str, port: int) -> list[str]:
    """The numbers of a name, in the order in which the system would try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def resolve_within(host: str, port: int, seconds: float, resolver: Resolve) -> list[str]:
    """As `resolve`, but the system's own patience does not count. BadDocument."""
    found: list[list[str]] = []

    def look_up() -> None:
        try:
            found.append(resolver(host, port))
        except (OSError, UnicodeError):
            found.append([])

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise BadDocument(f"The name {host[:100]} could not be looked up in time.")
    if not found[0]:
        raise BadDocument(f"There is no host {host[:100]}.")
    return found[0]
