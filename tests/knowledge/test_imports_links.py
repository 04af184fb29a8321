"""Links between documents lead to the articles that the documents became."""

import time

import pytest

from knowledge.import_links import LinkMap

HELP = "https://support.larkfield.example/hc/en-us/articles"
MAP = LinkMap(
    [
        ("guide/delivery/prices.md", "", "prices"),
        ("guide/returns.md", "", "returns"),
        ("guide/index.md", "", "guide"),
        ("guide/two words.md", "", "two-words"),
        ("77", f"{HELP}/250001-Opening-hours", "opening-hours"),
        ("https://www.larkfield.example/help/kayaks/", "", "kayaks"),
        ("login@en", "https://www.larkfield.example/help/login/?lang=en", "login"),
    ]
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[x](../returns.md)", "[x](/help/returns/)"),
        ("[x](prices.md#saturday)", "[x](/help/prices/#saturday)"),
        ("[x](./prices)", "[x](/help/prices/)"),
        ("[x](../index.md) and [y](..)", "[x](/help/guide/) and [y](/help/guide/)"),
        ("[x](/guide/returns.md)", "[x](/help/returns/)"),
        ("[x](../two%20words.md)", "[x](/help/two-words/)"),
        ("[x](<../two words.md>)", "[x](/help/two-words/)"),
        ('[x](../returns.md "Returns")', '[x](/help/returns/ "Returns")'),
        ("[a](../returns.md) [b](prices.md)", "[a](/help/returns/) [b](/help/prices/)"),
        ("[x]: ../returns.md\n", "[x]: /help/returns/\n"),
        (f"[x]({HELP}/250001)", "[x](/help/opening-hours/)"),
        (f"[x]({HELP}/250001-Another-title/#top)", "[x](/help/opening-hours/#top)"),
        (f"<{HELP}/250001>", f"[{HELP}/250001](/help/opening-hours/)"),
        ("[x](http://larkfield.example/help/kayaks)", "[x](/help/kayaks/)"),
        ("[x](//www.larkfield.example/help/kayaks/)", "[x](/help/kayaks/)"),
        ("[x](https://larkfield.example/help/login/?lang=en)", "[x](/help/login/)"),
        ('[x]: ../returns.md "Returns"\n', '[x]: /help/returns/ "Returns"\n'),
        # Not ours, not a link, or not text: left as it is.
        ("[x](../missing.md)", None),
        ("[x](#saturday)", None),
        ("[x](https://elsewhere.example/help/kayaks)", None),
        ("[x](mailto:help@larkfield.example)", None),
        ("[x](../../../../etc/passwd)", None),
        ("[x](https://[broken)", None),
        ("`[x](../returns.md)`", None),
        ("![x \\[y\\]](../returns.md)", None),
        ("[![x](y.png)](../returns.md)", "[![x](y.png)](/help/returns/)"),
        ("```\n[x](../returns.md)\n```\n", None),
        ("~~~\n[x](../returns.md)\n```\n[x](../returns.md)\n", None),
        ("plain ../returns.md", None),
    ],
)
def test_links_are_rewritten_where_the_target_was_imported(written, expected):
    assert MAP.rewrite(written, "guide/delivery/prices.md", "")[0] == (written if expected is None else expected)


def test_after_a_block_of_code_links_are_links_again():
    code = "```\n[x](../returns.md)\n```\n"
    assert MAP.rewrite(f"{code}[x](../returns.md)", "guide/delivery/a.md", "") == (f"{code}[x](/help/returns/)", 0)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[x](../kayaks/)", "[x](/help/kayaks/)"),
        ("[x](../stoves/#fuel)", "[x](https://larkfield.example/help/stoves/#fuel)"),
        ("[x](/contact)", "[x](https://larkfield.example/contact)"),
        ("[^1]: Note what this says.\n[2]: Note that, too.\n", None),
        ("[x](#fuel) [y](tel:123) [z](https://elsewhere.example)", None),
    ],
)
def test_a_page_may_link_from_its_address(written, expected):
    there = "https://larkfield.example/help/tents/"
    assert MAP.rewrite(written, "p1", there) == (written if expected is None else expected, 0)


@pytest.mark.parametrize("address", ["https://[broken", "javascript:alert(1)", "://", "https://", "x" * 1000])
def test_an_address_that_is_none_is_no_address(address):
    links = LinkMap([("a.md", address, "a"), ("b.md", "", "b")])
    body = "[x](b.md) [y](/c) [z](https://[broken) [w](//[) [v](?[)"
    assert links.rewrite(body, "a.md", address)[0].startswith("[x](/help/b/)")


def test_links_that_lead_nowhere_are_counted():
    body = "[a](gone.md) [b](../gone/#x) [c](../returns.md) [d](/contact) [e](mailto:a@b.example) [f](#g)"
    body += " `[h](i)` ![j](k.png)"
    assert MAP.rewrite(body, "guide/delivery/a.md", "")[1] == 2


@pytest.mark.parametrize("piece", ["](", "[](", "`", "![", "![](", "<https://", "[x]: ", "](<", "\n[x]:"])
def test_a_hostile_text_takes_no_time(piece):
    started = time.monotonic()
    MAP.rewrite(piece * (200_000 // len(piece)), "a.md", "")
    assert time.monotonic() - started < 5
