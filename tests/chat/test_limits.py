import uuid

import pytest

from chat import limits, replays


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
    ],
)
def test_forwarded_addresses_are_believed_of_trusted_proxies_only(settings, peer, forwarded, address):
    settings.TRUSTED_PROXIES = ["10.0.0.1", "172.16.0.0/12"]
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert limits.address_of({"client": (peer, 1), "headers": headers}) == address
    lines = [(b"x-forwarded-for", hop.encode()) for hop in forwarded.split(",") if hop]
    assert limits.address_of({"client": (peer, 1), "headers": lines}) == address


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


def test_sockets_are_counted_and_forgotten(settings):
    settings.CHAT_SOCKETS_PER_ADDRESS = 1
    assert limits.enter("192.0.2.1") and not limits.enter("192.0.2.1") and limits.enter("192.0.2.2")
    for address in ("192.0.2.1", "192.0.2.2"):
        limits.leave(address)
        assert address not in limits.SOCKETS
