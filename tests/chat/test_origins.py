"""Only the pages that a widget names may open its socket; an origin is compared part by part, not as text."""

import pytest

from chat.origins import is_allowed, own_origins, parse_origin

ALLOWED = ["https://shop.example", "http://127.0.0.1:8000", "https://help.shop.example:8443/", "http://[::1]:8000"]

TAKEN = [
    "https://shop.example",
    "https://SHOP.example",
    "https://shop.example:443",
    "HTTPS://shop.example",
    "http://127.0.0.1:8000",
    "https://help.shop.example:8443",
    "http://[::1]:8000",
]
REFUSED = [
    None, "", " ", "null", "undefined", "*", "file://", "about:blank", "data:text/html,x", "javascript:alert(1)",
    "http://shop.example", "https://shop.example:80", "https://shop.example:8443", "https://www.shop.example",
    "https://shop.example.evil.example", "https://evil-shop.example", "https://shop.example@evil.example",
    "https://evil.example/shop.example", "https://evil.example?https://shop.example", "https://shop.example/",
    "https://shop.example/page", "https://shop.example#x", "https://shop.example?x", "https://user@shop.example",
    "https://user:pass@shop.example", "https://shop.example:", "https://shop.example:notaport",
    "https://shop.example:-443", "https://shop.example:443443", "https://shop.example:0", "https://shop.example:65536",
    "https://shop.example:٤٤٣", "https://shop.example\n", " https://shop.example", "https://shop.example ",
    "https://shop.example\0", "https://shop..example", "https://.shop.example", "https://shop.example.",
    "https://shop_example", "//shop.example", "shop.example", "https:/shop.example", "https://", "https://*.example",
    "http://127.0.0.1", "http://127.0.0.1:8001", "http://localhost:8000", "http://2130706433:8000",
    "http://127.1:8000", "ws://127.0.0.1:8000", "ftp://shop.example", "http://[::1]", "http://::1:8000",
    "https://" + "a" * 400 + ".example", "https://shop.example, https://evil.example",
]  # fmt: skip


@pytest.mark.parametrize("origin", TAKEN)
def test_a_named_origin_is_taken_however_it_is_written(origin):
    assert is_allowed(origin, ALLOWED)


@pytest.mark.parametrize("origin", REFUSED)
def test_every_other_origin_is_refused(origin):
    assert not is_allowed(origin, ALLOWED)


def test_a_malformed_row_allows_nobody():
    assert not is_allowed(None, ["", "null", "*", "https://"])
    assert not is_allowed("null", ["null"])


def test_a_port_that_is_not_written_is_the_schemes_own():
    assert parse_origin("https://shop.example") == ("https", "shop.example", 443)
    assert parse_origin("http://shop.example") == ("http", "shop.example", 80)


def test_the_servers_own_pages_are_always_allowed(settings):
    settings.PORT, settings.PUBLIC_URL = 8123, "https://chat.shop.example"
    for origin in ("http://127.0.0.1:8123", "http://localhost:8123", "https://chat.shop.example"):
        assert is_allowed(origin, own_origins())
