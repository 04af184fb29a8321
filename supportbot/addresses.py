"""Whose address a request came from. What is said of forwarding is believed of TRUSTED_PROXIES alone."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest

LOCAL = "local"  # a unix socket has no address
IPV6_HOME = 64  # bits: one customer's line has all addresses of such a network

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def address_of(scope: Mapping[str, Any]) -> str:
    """The address of a socket's client."""
    forwarded = b",".join(value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for")
    return believed(_peer(scope), forwarded.decode("latin-1"))


def address_of_request(request: HttpRequest) -> str:
    return believed(request.META.get("REMOTE_ADDR") or LOCAL, request.META.get("HTTP_X_FORWARDED_FOR", ""))


def believed(peer: str, forwarded: str) -> str:
    """The last hop that is none of TRUSTED_PROXIES, in one form however it is written."""
    if forwarded and is_trusted(peer):
        for hop in reversed([part.strip() for part in forwarded.split(",")]):
            if _parsed(hop) is None:
                break
            if not is_trusted(hop):
                return _in_one_form(hop)
    return _in_one_form(peer)


def counted(address: str) -> str:
    """What limits count by: who has one IPv6 address has 2**64 of them, so their network stands for all."""
    place = _parsed(address)
    if not isinstance(place, ipaddress.IPv6Address):
        return address
    return str(ipaddress.ip_network((place, IPV6_HOME), strict=False).network_address)


def counted_of_request(request: HttpRequest) -> str | None:
    """For the lock-out's rows, which take an address or none."""
    address = counted(address_of_request(request))
    return address if _parsed(address) is not None else None


def is_trusted(address: str) -> bool:
    """`local` in TRUSTED_PROXIES is a proxy on a unix socket."""
    place = _parsed(address)
    trusted: Sequence[str] = settings.TRUSTED_PROXIES
    if place is None:
        return address in trusted
    return any(place in network for network in map(network_of, trusted) if network is not None)


def network_of(row: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(row, strict=False)
    except ValueError:
        return None


def _peer(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client and client[0] else LOCAL


def _in_one_form(address: str) -> str:
    place = _parsed(address)
    return address if place is None else str(place)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for what is no address; an IPv4 address in IPv6's clothes is the IPv4 address."""
    try:
        place = ipaddress.ip_address(text.partition("%")[0])  # behind it stands an interface of this machine
    except ValueError:
        return None
    return getattr(place, "ipv4_mapped", None) or place


class BelievedProtocol:
    """Takes X-Forwarded-Proto away from whoever is no trusted proxy: Django would believe it of anybody."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not is_trusted(_peer(scope)):
            headers = [(name, value) for name, value in scope["headers"] if name != b"x-forwarded-proto"]
            scope = {**scope, "headers": headers}
        await self.application(scope, receive, send)
