"""Fetching over real connections: what a website does wrong ends in one line, in time, in bounded memory."""

import gzip
import shutil
import ssl
import subprocess
import time
import zlib

import pytest

from knowledge.importers import Document, Limits, Unreadable, read
from knowledge.importers.documents import BadDocument
from knowledge.importers.fetching import Fetcher

PAGE = "<html lang=en><title>Returns</title><body><main><h1>Returns</h1><p>You may return it.</p></main></body></html>"


def redirect(to: str) -> tuple[int, dict[str, str], bytes]:
    return 302, {"Location": to}, b""


def refusal(site, path: str, **limits: object) -> str:
    (found,) = site.read("web", site.address + path, **limits)
    assert isinstance(found, Unreadable) and "\n" not in found.reason, found
    assert found.key == site.address + path
    return found.reason


def test_a_page_becomes_a_document(site):
    site.pages["/returns"] = PAGE
    (document,) = site.read("web", f"{site.address}/returns#top")
    assert document == Document(
        key=f"{site.address}/returns",
        title="Returns",
        body="You may return it.",
        language="en",
        address=f"{site.address}/returns",
    )
    assert site.asked == [("/returns", f"127.0.0.1:{site.port}")]


def test_redirects_are_followed_and_the_first_address_stays_the_key(site):
    site.pages |= {"/a": redirect("/b"), "/b": redirect(f"{site.address}/c"), "/c": PAGE}
    (document,) = site.read("web", f"{site.address}/a")
    assert (document.key, document.address) == (f"{site.address}/a", f"{site.address}/c")


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "private network"),
        ("http://127.0.0.1:1/", "private network"),
        ("http://127.0.0.2/", "private network"),
        ("//[::1]/", "private network"),
        ("http://localhost:22/", "private network"),
        ("http://2130706433/", "no proper host name"),
        ("file:///etc/passwd", "http:// or https://"),
        ("http://u:p@example.com/", "name or password"),
        ("http://[bad/", "no address"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site, to, says):
    site.pages["/a"] = redirect(to)
    assert says in refusal(site, "/a")


def test_redirects_in_a_circle_end(site):
    site.pages |= {"/a": redirect("/b"), "/b": redirect("/a")}
    assert refusal(site, "/a") == "The page was redirected more than 5 times."
    assert len(site.asked) == 6


def test_a_name_is_looked_up_once_and_the_number_that_was_checked_is_connected_to(site):
    """DNS that says one thing to the check and another to the connection has nobody to say the other thing to."""
    site.pages["/"] = PAGE
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.9"]])
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    address = f"http://changes.example:{site.port}/"
    (document,) = read("web", address, limits=site.limits, resolver=resolver)
    assert isinstance(document, Document)
    assert asked == ["changes.example"]
    assert site.asked == [("/", f"changes.example:{site.port}")]
    (found,) = read("web", address, limits=site.limits, resolver=resolver)
    assert isinstance(found, Unreadable) and "private network" in found.reason
    assert len(site.asked) == 1


def test_one_private_number_among_those_of_a_name_is_enough_to_refuse(site):
    limits = Limits(seconds_a_fetch=5)
    with pytest.raises(BadDocument, match="private network"):
        Fetcher(limits, resolver=lambda _host, _port: ["93.184.216.34", "10.0.0.1"]).fetch("http://two.example/")


def test_a_name_that_changes_between_redirects_is_checked_each_time(site):
    site.pages["/"] = redirect("/secret")
    answers = iter([["127.0.0.1"], ["192.168.0.1"]])
    fetcher = Fetcher(site.limits, resolver=lambda _host, _port: next(answers))
    with pytest.raises(BadDocument, match="private network"):
        fetcher.fetch(f"http://changes.example:{site.port}/")


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503, 204, 304])
def test_a_page_that_is_not_given_is_told_with_its_status(site, status):
    site.pages["/a"] = (status, {}, b"" if status in (204, 304) else b"no")
    assert f"(HTTP {status})" in refusal(site, "/a")


def test_a_website_that_drips_is_given_up_in_time(site):
    def drip(answer) -> None:
        answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        for _ in range(200):
            answer.wfile.write(b"<p>")
            answer.wfile.flush()
            time.sleep(0.05)

    def drip_head(answer) -> None:
        for _ in range(200):
            answer.wfile.write(b"H")
            answer.wfile.flush()
            time.sleep(0.05)

    site.pages |= {"/body": drip, "/head": drip_head}
    for path in ("/body", "/head"):
        began = time.monotonic()
        assert refusal(site, path, seconds_a_fetch=0.6) == "The website took longer than 0.6 seconds."
        assert time.monotonic() - began < 8  # all of it would take 10


def test_a_name_that_nobody_answers_for_is_given_up_in_time():
    began = time.monotonic()
    with pytest.raises(BadDocument, match="could not be looked up in time"):
        Fetcher(Limits(seconds_a_fetch=0.3), resolver=lambda _host, _port: time.sleep(5) or []).fetch(
            "http://a.example/"
        )
    assert time.monotonic() - began < 4.5


def test_a_body_without_end_is_cut_off(site):
    def endless(answer) -> None:
        answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            answer.wfile.write(b"<p>more</p>" * 10_000)

    site.pages["/a"] = endless
    assert refusal(site, "/a", bytes_a_document=2**20) == "The page is larger than 1 MiB."


def test_a_gzip_bomb_is_not_unpacked(site):
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"\0" * 2**20) for _ in range(200)) + packer.flush()
    site.pages["/a"] = (200, {"Content-Encoding": "gzip"}, bomb)
    assert refusal(site, "/a") in (
        "The page unpacks to more than 100 times its size.",
        "The page is larger than 20 MiB.",
    )


def test_a_packed_page_is_unpacked(site):
    site.pages["/a"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(PAGE.encode()))
    (document,) = site.read("web", f"{site.address}/a")
    assert document.title == "Returns"


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({"Content-Encoding": "gzip"}, b"not gzip", "packed in a wrong way"),
        ({"Content-Encoding": "gzip"}, gzip.compress(PAGE.encode() * 50)[:60], "breaks off"),
        ({"Content-Encoding": "br"}, b"x", "packed as br"),
        ({"Content-Type": "image/png"}, b"x", "of the type image/png"),
        ({"Content-Type": "application/octet-stream"}, b"x", "of the type application/octet-stream"),
        ({}, b"", "no text"),
        ({}, b"<html><script>render()</script><div id=root></div>", "Is it made by a script"),
    ],
)
def test_a_body_that_is_no_page_is_told(site, headers, body, says):
    site.pages["/a"] = (200, headers, body)
    assert says in refusal(site, "/a")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not proper HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<p>half", "breaks off"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not proper HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", "not proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "not proper HTTP"),
    ],
)
def test_a_server_that_does_not_speak_http_is_told(site, raw, says):
    def answer(handler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    site.pages["/a"] = answer
    assert says in refusal(site, "/a")


def test_nobody_listens(site):
    fetcher = Fetcher(Limits(allowed_networks=("127.0.0.1/32:9",), seconds_a_fetch=3))
    with pytest.raises(BadDocument, match="cannot be reached"):
        fetcher.fetch("http://127.0.0.1:9/")


def test_a_website_without_encryption_where_some_was_asked_for(site):
    reason = Fetcher(site.limits)
    with pytest.raises(BadDocument, match="No secure connection"):
        reason.fetch(f"https://127.0.0.1:{site.port}/")


def test_no_proxy_is_taken_from_the_environment(site, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.pages["/a"] = PAGE
    assert isinstance(site.read("web", f"{site.address}/a")[0], Document)


def test_two_addresses_of_one_page_are_one_document(site):
    same = PAGE.replace("<title>", '<link rel="canonical" href="/a"><title>')
    site.pages |= {"/a": same, "/a?utm=1": same, "/other": PAGE}
    found = site.read("web", f"{site.address}/a {site.address}/a?utm=1\n{site.address}/other")
    assert [type(each) for each in found] == [Document, Unreadable, Document]
    assert found[1].reason == f"This is the same page as {site.address}/a."


def test_a_page_cannot_speak_for_another_host(site):
    site.pages["/a"] = PAGE.replace("<title>", '<link rel="canonical" href="https://bank.example/"><title>')
    (document,) = site.read("web", f"{site.address}/a")
    assert document.address == f"{site.address}/a"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_with_encryption_the_name_is_checked_and_the_number_is_connected_to(site, tmp_path, monkeypatch):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += [
        "-subj",
        "/CN=wiki.example",
        "-addext",
        "subjectAltName=DNS:wiki.example",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(["openssl", *made], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
    site.pages["/"] = PAGE
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fetcher = Fetcher(site.limits, resolver=lambda _host, _port: ["127.0.0.1"])
    assert b"Returns" in fetcher.fetch(f"https://wiki.example:{site.port}/").data
    assert names == ["wiki.example"]
    with pytest.raises(BadDocument, match="certificate of other.example is not valid"):
        fetcher.fetch(f"https://other.example:{site.port}/")
