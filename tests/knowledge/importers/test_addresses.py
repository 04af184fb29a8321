"""Which addresses may be read: everything that could lead inwards is refused, however it is written."""

import pytest

from knowledge.importers.addresses import Allowed, check, is_public, parse
from knowledge.importers.documents import BadDocument, Limits, SourceError
from knowledge.importers.fetching import Fetcher

NONE = Allowed(())
PORTS = (80, 443)

INWARD = [
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0x7f.1/", "http://0x7f000001/",
    "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://127.1./",
    "http://0/", "http://0.0.0.0/", "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/",
    "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://100.127.255.254/",
    "http://168.63.129.16/", "http://192.0.0.192/", "http://198.18.0.1/", "http://203.0.113.7/", "http://192.88.99.1/",
    "http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://localhost/", "http://localhost./", "http://LOCALHOST/",
    "http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[fe80::1]/",
    "http://[fe80::1%25lo]/", "http://[fe80::1%lo]/", "http://[fc00::1]/", "http://[fd12:3456::1]/",
    "http://[ff02::1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::10.0.0.1]/", "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/", "http://[2002:a00:1::1]/", "http://[2001:0:7f00:1::]/", "http://[2001:db8::1]/",
    "http://[fec0::1]/", "http://[100::1]/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
]  # fmt: skip
MALFORMED = [
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/",
    "example.com", "http://", "http:///path", "http://user@example.com/", "http://user:pass@127.0.0.1/",
    "http://example.com@127.0.0.1/", "http://example.com:99999/", "http://example.com:0/", "http://example.com:x/",
    "http://exa mple.com/", "http://example.com/a b", "http://example.com\\@127.0.0.1/", "http://a\tb.com/",
    "http://a\nb.com/", "http://[::1/", "http://[v1.x]/", "http://-a.com/", "http://a..b/", "http://.a/",
    "http://" + "a" * 64 + ".com/", "http://" + "a." * 200 + "com/", "http://example.com/" + "a" * 3000,
    "http://1.2.3.4.5/", "http://example.0x1/", "http://256.1.1.1/", "http://exa%6dple.com/", "http://[1.2.3.4]/",
]  # fmt: skip


@pytest.mark.parametrize("address", INWARD)
def test_an_address_that_leads_inwards_is_refused_in_one_line(address):
    with pytest.raises(BadDocument) as refusal:
        Fetcher(Limits(seconds_a_fetch=5)).fetch(address)
    assert "private network" in str(refusal.value) or "no proper host name" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("address", MALFORMED)
def test_what_two_programs_could_read_differently_is_refused(address):
    with pytest.raises(BadDocument) as refusal:
        parse(address)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a?b=c d".replace(" ", "%20"), "https://example.com/a?b=c%20d"),
        ("https://example.com./x", "https://example.com/x"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("http://8.8.8.8:80/", "http://8.8.8.8/"),
        ("http://[2606:4700:0:0::1111]/", "http://[2606:4700::1111]/"),
        ("https://my_help.example.com/", "https://my_help.example.com/"),
    ],
)
def test_an_address_has_one_plain_form(given, plain):
    assert parse(given).text == plain


@pytest.mark.parametrize("number", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_numbers_pass(number):
    assert is_public(check(number, 443, allowed=NONE, ports=PORTS))


@pytest.mark.parametrize("port", [22, 25, 6379, 8000, 5432])
def test_only_the_ports_of_websites_are_read(port):
    with pytest.raises(BadDocument, match=f"Port {port} is not read"):
        check("8.8.8.8", port, allowed=NONE, ports=PORTS)


def test_a_network_may_be_allowed_on_purpose_and_nothing_beside_it():
    allowed = Allowed.parse(["10.2.0.0/16", "192.168.7.7:8080", "fd00:12::/32"])
    for number, port in [("10.2.3.4", 80), ("192.168.7.7", 8080), ("fd00:12::1", 443), ("::ffff:10.2.0.1", 80)]:
        assert check(number, port, allowed=allowed, ports=PORTS)
    for number, port in [("10.3.0.1", 80), ("10.2.3.4", 6379), ("192.168.7.7", 80), ("192.168.7.8", 8080), ("::1", 80)]:
        with pytest.raises(BadDocument):
            check(number, port, allowed=allowed, ports=PORTS)


@pytest.mark.parametrize("text", ["intranet", "10.2.0.0/99", "10.2.0.5/16", "*", "0.0.0.0/0/0"])
def test_a_network_that_is_not_understood_is_told(text):
    with pytest.raises(SourceError, match="is not a network"):
        Allowed.parse([text])
