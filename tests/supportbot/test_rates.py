"""How often an address may ask: counted in Redis for all, and by each process alone where Redis is away."""

import time
import uuid

import pytest
from django.test import RequestFactory

from supportbot import rates


def asked_by(address="192.0.2.1", **more):
    return RequestFactory(REMOTE_ADDR=address, **more).get("/")


def allowed(times, address="192.0.2.1", kind=None, most=3):
    kind = kind or uuid.uuid4().hex
    return [rates.allow(kind, asked_by(address), most, seconds=86_400) for _ in range(times)]


@pytest.fixture
def without_redis(monkeypatch, settings):
    settings.REDIS_URL = "unix:///nobody/listens/here.sock"
    rates._client.cache_clear()
    yield
    rates._client.cache_clear()
    rates.HERE.clear()


def test_so_many_are_allowed_and_no_more(services):
    assert allowed(5) == [True, True, True, False, False]


def test_addresses_and_kinds_are_counted_apart(services):
    kind = uuid.uuid4().hex
    assert not allowed(4, kind=kind)[-1]
    assert allowed(1, "192.0.2.2", kind=kind) == [True]
    assert allowed(1) == [True]


def test_one_line_of_ipv6_is_one_address(services):
    kind = uuid.uuid4().hex
    assert allowed(3, "2001:db8::1", kind=kind) == [True] * 3
    assert allowed(1, "2001:db8::ffff:2", kind=kind) == [False]


def test_without_redis_the_bound_is_the_same_and_the_page_stays_open(without_redis):
    assert allowed(5) == [True, True, True, False, False]


def test_without_redis_names_that_are_made_up_take_no_memory_and_reset_nothing(without_redis, monkeypatch):
    monkeypatch.setattr(rates, "MOST_NAMES", 4)
    kind = uuid.uuid4().hex
    assert allowed(4, kind=kind)[-1] is False
    for number in range(50):
        allowed(1, f"198.51.100.{number}")
    assert len(rates.HERE) <= 5 and allowed(1, kind=kind) == [False]


def test_a_span_slides_and_what_was_refused_is_not_counted(services):
    kind = uuid.uuid4().hex

    def allow():
        return rates.allow(kind, asked_by(), 2, seconds=2)

    start = time.monotonic()
    assert [allow() for _ in range(2)] == [True, True]
    while not allow():  # tries all the time: only what was allowed keeps one waiting
        assert time.monotonic() - start < 30
        time.sleep(0.05)
    assert time.monotonic() - start >= 1.9


def test_without_redis_rows_that_count_no_more_make_room(without_redis, monkeypatch):
    monkeypatch.setattr(rates, "MOST_NAMES", 3)
    now = [1000.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: now[0])
    here = rates.Here()
    assert [here.allow(name, 1, 60) for name in ("ada", "bea", "carl", "dora", "emil")] == [True] * 4 + [False]
    now[0] += 61
    assert here.allow("emil", 1, 60) and not here.allow("emil", 1, 60) and len(here) == 1
