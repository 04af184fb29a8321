"""The HTML of help pages: what an article may show, and what it may not."""

import pytest

from knowledge.rendering import to_html, to_text


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <img src=x onerror=alert(1)> b",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href='javascript:alert(1)'>x</a>",
        "![x](https://tracker.example/pixel.png)",
        "<style>body{display:none}</style>",
        "<iframe src='//evil.example'></iframe>",
        '[x](/a "onmouseover=alert(1)")\n\n<svg onload=alert(1)>',
        "<https://a.example/\"onclick='x'>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_nothing_active_gets_into_a_page(body):
    page = to_html(body).lower()
    for sign in ("<script", "<img", "<iframe", "<style", "<svg", '="javascript:', '="data:', " onclick=", " onerror="):
        assert sign not in page


def test_links_to_the_web_mail_and_this_site_stay():
    page = to_html("[a](https://a.example/) [b](/help/b/) [c](mailto:c@d.example) [e](#prices)")
    for address in ("https://a.example/", "/help/b/", "mailto:c@d.example", "#prices"):
        assert f'href="{address}"' in page
    assert page.count('rel="noopener"') == 4


def test_tables_lists_and_code_are_shown():
    page = to_html("| a | b |\n|---|---|\n| 1 | 2 |\n\n- x\n\n```\ncode <b>\n```\n\n~~old~~")
    for part in ("<table>", "<td>1</td>", "<li>x</li>", "code &lt;b&gt;", "old"):
        assert part in page


def test_a_page_inside_a_page_has_no_ids():
    assert "id=" not in to_html("## Content", ids=False)
    assert 'id="content"' in to_html("## Content")


def test_text_is_what_the_passages_say():
    assert to_text("## A\n\n*b* [c](/d)\n\n- e") == "A\n\nb c\n\n- e"


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**注意：**请保存", "<p><strong>注意：</strong>请保存</p>"),
        ("**返品：**できます", "<p><strong>返品：</strong>できます</p>"),
        ("中 * 文 * 字", "<p>中 * 文 * 字</p>"),
        ("![\\[The *plan*\\]](a.png)", "<p>The plan</p>"),
    ],
)
def test_texts_without_spaces_and_pictures_read_well(markdown, html):
    assert to_html(markdown).strip() == html
