"""HTML pages: the article without its frame, as markdown that our own parser reads."""

import pytest

from knowledge.chunking import split
from knowledge.importers import Document, Unreadable, read
from knowledge.importers.documents import BadDocument
from knowledge.rendering import to_html
from tests.knowledge.importers.makers import write

PAGE = """<!doctype html><html lang="de-DE"><head><title>Rückgabe | Shop</title><meta charset="iso-8859-1">
<link rel="canonical" href="https://shop.example/hilfe/rueckgabe/"><style>p{}</style></head><body>
<nav>Start &gt; Hilfe</nav><header><h1>Shop</h1><input></header><div class="cookie-banner">We use cookies</div>
<main><ol class="breadcrumbs"><li>Hilfe</li></ol><article><h1>Rückgabe <a class="headerlink" href="#x">¶</a></h1>
<p>Within <b>30</b> days, a_b_c and *star* 1 &lt; 2 &lt;div&gt;.<br>Second line<br></p><p>2. not a list</p>
<h4>Kosten<br>und Zeit</h4><ul><li>One<ul><li>Two</li></ul></li><li><p>Para</p><pre><code class="language-py">def x():
    return "```"
</code></pre></li></ul><ol start=3><li>drei<li>vier</ol>
<table><thead><tr><th>Art|Typ<th>Preis</tr></thead><tbody><tr><td>Paket<br>klein<td><ul><li>3 €<li>4 €</ul></tr></table>
<table role="presentation"><tr><td><p>Layout</p></td></tr></table>
<p>Click <img src="a.png" alt="Settings"> now. <a href="../x (1).html">Link</a> <a href="javascript:x">js</a></p>
<p><img src="b.png" alt="A nice view"></p><details><summary>Wie lange?</summary><p>Fünf Tage.</p></details>
<dl><dt>Frist</dt><dd>30 Tage</dd></dl><div hidden>secret</div><p style="display: none">secret</p>
<button aria-controls="p1">open</button><div id="p1" hidden>Panel</div>
<iframe src="https://video.example/1" title="How to pack"></iframe><blockquote><p>Quote</p></blockquote>
<script>alert("secret")</script><form>secret</form><div class="article-votes">Was this helpful?</div></article>
<aside>Related</aside></main><footer>secret</footer></body></html>"""
MARKDOWN = """Within **30** days, a_b_c and \\*star\\* 1 < 2 \\<div>.  
Second line

2\\. not a list

## Kosten und Zeit

- One
  - Two
- Para

  ````py
  def x():
      return "```"
  ````

3. drei
4. vier

| Art\\|Typ | Preis |
| --- | --- |
| Paket klein | 3 €; 4 € |

Layout

Click Settings now. [Link](<../x%20(1).html>) js

### Wie lange?

Fünf Tage.

**Frist**

30 Tage

Panel

[How to pack](https://video.example/1)

> Quote"""  # noqa: W291


def test_the_article_of_a_page_is_found_and_becomes_markdown(tmp_path):
    write(tmp_path, {"a.html": PAGE.encode("iso-8859-1", "xmlcharrefreplace")})
    (document,) = read("files", str(tmp_path / "a.html"))
    assert document == Document(
        key="a.html",
        title="Rückgabe",
        body=MARKDOWN,
        language="de",
        address="https://shop.example/hilfe/rueckgabe/",
        notes=("2 images were left out.", "1 video or other frame became a link."),
    )


def test_what_was_read_looks_right_as_a_help_page(tmp_path):
    html = to_html(MARKDOWN)
    for part in (
        "<strong>30</strong>", "a_b_c and *star* 1 &lt; 2 &lt;div&gt;.<br>",
        '<h2 id="kosten-und-zeit">Kosten und Zeit</h2>',
 "<li>Two</li>", 'return "```"', '<ol start="3">', "<th>Art|Typ</th>", "<p>2. not a list</p>",
        '<a href="../x%20(1).html"', '<h3 id="wie-lange">',
    ):  # fmt: skip
        assert part in html, part
    pieces = split("Rückgabe", MARKDOWN)
    assert [piece.heading for piece in pieces] == ["", "Kosten und Zeit", "Kosten und Zeit > Wie lange?"]
    assert "- Art|Typ: Paket klein; Preis: 3 €; 4 €" in pieces[1].text


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p><a href='/x'>[See [more]</a></p>", "[\\[See \\[more\\]](/x)"),
        (
            "<table><tr><th>A<th>B</tr><tr><td><code>a|b</code><td><pre>c|d</pre></tr></table>",
            "| A | B |\n| --- | --- |\n| `a\\|b` | `c\\|d` |",
        ),
        ("<p># no heading</p>", "\\# no heading"),
        ("<p>- no item</p><p>+ none</p><p>&gt; none</p>", "\\- no item\n\n\\+ none\n\n\\> none"),
        ("<p>[x](y) `code` \\ &amp;amp; &lt;b&gt;</p>", "\\[x](y) \\`code\\` \\\\ \\&amp; \\<b>"),
        ("<p>1986. A year</p>", "1986\\. A year"),
        ("<p>snake_case _it_ 2*3</p>", "snake_case \\_it\\_ 2\\*3"),
        ("<h1>A</h1><h5>B</h5><h3>C</h3><h1>D</h1>", "## A\n\n### B\n\n### C\n\n## D"),
        ("<p><code>a|b</code> <kbd>Ctrl</kbd></p>", "`a|b` `Ctrl`"),
        ("<pre>a\n  b\n</pre>", "```\na\n  b\n```"),
        ("<ul><li><h3>Point</h3>text</li></ul>", "- **Point**\n\n  text"),
        ("<a href='https://a.example/b'>https://a.example/b</a>", "<https://a.example/b>"),
        ("<a href='data:text/html,x'>x</a><a href='#p'>y</a><a href='mailto:a@b.c'>z</a>", "xy[z](mailto:a@b.c)"),
        ("<table><tr><td>only</td></tr></table>", "only"),
        ("<table><tr><td>k</td><td>v</td></tr></table>", "|  |  |\n| --- | --- |\n| k | v |"),
        ("<p>a</p><p></p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
        ("plain &lt; text", "plain < text"),
        ("", ""),
    ],
)
def test_html_becomes_the_markdown_that_means_the_same(room, html, markdown):
    assert room.read("fragment", html.encode()).body == markdown


def test_pages_that_mean_harm_are_one_line_each_and_the_rest_is_read(tmp_path):
    write(
        tmp_path,
        {
            "a-deep.html": "<div>" * 100_000 + "text",
            "b-empty.html": "<html></html>",
            "c-script.html": "<body><div id=app></div><script>1</script></body>",
            "d-entities.html": "<p>&#x110000; &#55296; &#0; text &amp;</p>",
            "e-comments.html": "<!--" * 50_000 + "<p>text</p>",
            "f-attributes.html": "<p " + "a=b " * 200_000 + ">text</p>",
            "g-good.html": "<p>Good</p>",
        },
    )
    found = {each.key[0]: each for each in read("markdown", str(tmp_path))}
    assert found["a"] == Unreadable("a-deep.html", "It is nested too deeply to be read.")
    for name in "bc":
        assert found[name].reason.startswith("The page has no text.")
    assert "text" in found["d"].body and "\ud800" not in found["d"].body
    assert isinstance(found["g"], Document)


def test_what_takes_too_long_or_too_much_is_given_up_and_the_next_is_read(tmp_path):
    from knowledge.importers.documents import Limits
    from knowledge.importers.reading_room import ReadingRoom

    with ReadingRoom(Limits(memory=64 * 2**20)) as room:
        with pytest.raises(BadDocument, match="needs more than 64 MiB of memory"):
            room.read("fragment", b"<b>x</b>" * 60_000)
        assert room.read("fragment", b"<p>x</p>").body == "x"
    with ReadingRoom(Limits(seconds_a_document=3)) as room:
        with pytest.raises(BadDocument, match="takes longer than 3 seconds"):
            room.read("fragment", b"<p>" + b"<img alt='some words'>x " * 60_000)
        assert room.read("fragment", b"<p>y</p>").body == "y"


ZENDESK_PAGE = """<html lang="en-US"><head><title>Returns &ndash; Shop Help</title></head><body>
<a class="skip-navigation" href="#main-content">Skip to main content</a><header class="header"><h1>Shop</h1></header>
<main role="main"><div class="container"><nav class="sub-nav"><ol class="breadcrumbs"><li>Shop Help</li></ol></nav>
<div class="article-container" id="article-container"><aside class="article-sidebar">Articles in this section</aside>
<article id="main-content" class="article"><header class="article-header"><h1 title="Returns" class="article-title">
Returns</h1><div class="article-author">Ada, 2 months ago</div></header><section class="article-info"><div
class="article-content"><div class="article-body"><p>You may return any item within thirty days of delivery.</p>
<h2 id="share-a-return">Share a return</h2><p class="helpful-tips">Friends may return it for you, too.</p>
<section id="feedback-and-more" class="how-to-share"><p>Tell us why it did not fit.</p></section></div></div></section>
<footer><div class="article-footer"><div class="article-share">Facebook</div></div><div class="article-votes">Was this
article helpful? 3 out of 4</div></footer><div class="article-relatives">Recently viewed</div><div
class="article-comments" id="article-comments"><section class="comments">0 comments</section></div></article></div>
</div></main></body></html>"""


def test_the_page_of_a_help_centre_is_read_without_its_frame(room):
    reading = room.read("page", ZENDESK_PAGE.encode(), base="https://shop.example/hc/en-us/articles/1-Returns")
    assert (reading.title, reading.language) == ("Returns", "en")
    assert reading.body == (
        "You may return any item within thirty days of delivery.\n\n## Share a return\n\n"
        "Friends may return it for you, too.\n\nTell us why it did not fit."
    )


def test_a_note_beside_the_text_stays_and_a_form_around_the_page_is_no_form(room):
    page = "<body><form id=aspnet><main><h1>Bikes</h1><p>They are at the back of the shop, beside the tents.</p>"
    page += "<aside class='note'>Ask first.</aside><aside>Related</aside><form>Search</form></main></form></body>"
    reading = room.read("page", page.encode())
    assert reading.body == "They are at the back of the shop, beside the tents.\n\nAsk first."


def test_a_page_without_any_main_part_is_read_from_its_body(room):
    page = (
        "<title>Help - Shop</title><div id=nav class=sidebar>Menu</div><div><h1>Help</h1><p>Call us at noon.</p></div>"
    )
    reading = room.read("page", page.encode())
    assert (reading.title, reading.body) == ("Help", "Call us at noon.")
