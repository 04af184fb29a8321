"""The framed page: who may frame it, and what stays as strict as on every other page."""

import re

import pytest

from chat.models import Widget

FRAMERS = [
    ("", "'none'"),
    ("https://shop.example", "https://shop.example"),
    ("https://shop.example/\nhttp://localhost:3000", "https://shop.example http://localhost:3000"),
    ("HTTPS://Shop.Example:443", "https://shop.example"),
    ("*", "'none'"),
    ("https:", "'none'"),
    ("https://*.shop.example", "'none'"),
    ("shop.example", "'none'"),
    ("https://shop.example/page", "'none'"),
    ("https://shop.example; script-src *", "'none'"),
    ("https://shop.example, https://evil.example", "'none'"),
    ("https://ada@shop.example", "'none'"),
    ("null", "'none'"),
    ("data:", "'none'"),
    ("http://[::1]:8000", "'none'"),
    ("https://bücher.example", "'none'"),
    ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ("*\nhttps://shop.example", "https://shop.example"),
]


@pytest.mark.parametrize(("rows", "ancestors"), FRAMERS)
def test_only_the_sites_of_the_row_may_frame_it(client, db, rows, ancestors):
    Widget.objects.create(key="shop", name="Shop", allowed_origins=rows)
    answer = client.get("/widget/shop/frame/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert answer.status_code == 200 and policy["frame-ancestors"] == ancestors
    assert ("X-Frame-Options" in answer.headers) is (ancestors == "'none'")
    rest = client.get("/demo/states/").headers["Content-Security-Policy"].split(";")
    other = dict(part.strip().split(" ", 1) for part in rest)
    for name in ("default-src", "connect-src", "base-uri", "form-action", "frame-src", "img-src"):
        assert policy[name] == other[name]


def test_it_is_the_chat_alone_in_the_language_and_the_colours_asked_for(client, db):
    Widget.objects.create(key="shop", name="Ada & Bea", allowed_origins="https://shop.example")
    page = client.get("/widget/shop/frame/?lang=de-AT&theme=dark").content.decode()
    assert (
        '<html lang="de">' in page and 'mode="inline" theme="dark"' in page and "<title>Ada &amp; Bea</title>" in page
    )
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)
    polite = client.get("/widget/shop/frame/?theme=x&lang=%22%3E", headers={"Accept-Language": "tlh, ja;q=0.5"})
    assert '<html lang="ja">' in polite.content.decode() and "Accept-Language" in polite.headers["Vary"]
    assert 'theme="' not in polite.content.decode()


def test_a_widget_that_is_off_has_no_page_to_frame(client, db):
    Widget.objects.create(key="shop", name="Shop", allowed_origins="https://shop.example", active=False)
    for key in ("shop", "none"):
        answer = client.get(f"/widget/{key}/frame/")
        assert answer.status_code == 404 and "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
