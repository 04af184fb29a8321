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
