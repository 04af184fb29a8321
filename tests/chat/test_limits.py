import uuid

import pytest
from django.test import RequestFactory

from chat import limits, replays
from supportbot import addresses, rates


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # nobody believes a stranger
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # what a client wrote itself does not count
        ("10.0.0.1", "198.51.100.1, 172.16.0.5", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "172.16.0.5", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "2001:0DB8:0::7", "2001:db8::7"),  # in one form, however it is written
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1:4711", "10.0.0.1"),
        ("local", "198.51.100.1", "local"),  # a unix socket is trusted by its name alone
    ],
)
def test_forwarded_addresses_are_believed_of_trusted_proxies_only(settings, peer, forwarded, address):
    settings.TRUSTED_PROXIES = ["10.0.0.1", "172.16.0.0/12"]
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert addresses.address_of({"client": (peer, 1), "headers": headers}) == address
    lines = [(b"x-forwarded-for", hop.encode()) for hop in forwarded.split(",") if hop]
    assert addresses.address_of({"client": (peer, 1), "headers": lines}) == address
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert addresses.address_of_request(request) == address


def test_a_proxy_on_a_unix_socket_is_believed_by_its_name(settings):
    settings.TRUSTED_PROXIES = ["local"]
    headers = [(b"x-forwarded-for", b"198.51.100.1")]
    for client in (None, ("", 0)):
        assert addresses.address_of({"client": client, "headers": headers}) == "198.51.100.1"


def test_a_network_of_ipv6_counts_as_one_address():
    def place(address):
        return limits.address_of({"client": (address, 1)})

    assert place("2001:db8:1:2::7") == place("2001:db8:1:2:ffff::1") == "2001:db8:1:2::"
    assert place("2001:db8:1:3::7") != place("2001:db8:1:2::7")
    assert place("::ffff:192.0.2.1") == place("192.0.2.1") == "192.0.2.1"
    assert place("fe80::1%eth0") == place("fe80::2%anything") == "fe80::"


@pytest.mark.parametrize(
    ("peer", "kept"), [("10.0.0.1", True), ("::ffff:10.0.0.1", True), ("203.0.113.9", False), (None, False)]
)
async def test_the_protocol_is_believed_of_trusted_proxies_only(settings, peer, kept):
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    seen = []

    async def application(scope, receive, send):
        seen.extend(name for name, _ in scope["headers"])

    scope = {"client": peer and (peer, 1), "headers": [(b"host", b"x"), (b"x-forwarded-proto", b"https")]}
    await addresses.BelievedProtocol(application)(scope, None, None)
    assert seen == ([b"host", b"x-forwarded-proto"] if kept else [b"host"])


async def test_a_minute_holds_so_many_and_everybody_has_their_own(services):
    dora, emil = uuid.uuid4().hex, uuid.uuid4().hex
    assert [await limits.allow("visitor", dora, 3) for _ in range(5)] == [True] * 3 + [False] * 2
    assert await limits.allow("visitor", emil, 3)
    assert await limits.allow("address", dora, 3)


async def test_without_redis_this_process_counts_alone(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    replays._clients.clear()
    who = uuid.uuid4().hex
    assert [await limits.allow("visitor", who, 2) for _ in range(3)] == [True, True, False]
    replays._clients.clear()


async def test_names_that_are_made_up_neither_empty_the_table_nor_grow_it(settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    replays._clients.clear()
    monkeypatch.setattr(rates, "MOST_NAMES", 3)
    rates.HERE.clear()
    assert [await limits.allow("visitor", "dora", 1) for _ in range(2)] == [True, False]
    crowd = [await limits.allow("visitor", uuid.uuid4().hex, 2) for _ in range(9)]
    assert crowd == [True, True] + [True, True] + [False] * 5  # two rows of their own, then the shared one
    assert not await limits.allow("visitor", "dora", 1)
    assert len(rates.HERE) == 4
    rates.HERE.clear()
    replays._clients.clear()


def test_a_socket_has_so_many_frames_a_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    pace = limits.Pace()
    now[0] = 100.0
    assert [pace.allow(2) for _ in range(3)] == [True, True, False]
    now[0] = 159.0
    assert not pace.allow(2)
    now[0] = 160.0
    assert pace.allow(2)


def test_sockets_are_counted_and_forgotten(settings):
    settings.CHAT_SOCKETS_PER_ADDRESS = 1
    assert limits.enter("192.0.2.1") and not limits.enter("192.0.2.1") and limits.enter("192.0.2.2")
    for address in ("192.0.2.1", "192.0.2.2"):
        limits.leave(address)
        assert address not in limits.SOCKETS
