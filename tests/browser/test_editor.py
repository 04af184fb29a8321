"""The editor's desk in a real browser: what is typed is previewed, kept, asked of, published, becomes answerable."""

import re

import pytest
from playwright.sync_api import expect

from knowledge import indexing, publishing
from knowledge.models import Article, Category, Chunk, TestQuestion
from tests.browser.conftest import adas_page
from tests.browser.legibility import too_faint
from tests.conftest import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("beside_the_browser")]
WIDE, MIDDLE, NARROW = ({"width": width, "height": 900} for width in (1440, 1100, 360))
ABOUT_SEVEN_SECONDS = 20_000  # what is typed is kept every five


@pytest.fixture
def page(browser, live_server, client, fake_model):
    """Ada's browser at an empty form."""
    Category.objects.create(name="Delivery", slug="delivery")
    with adas_page(browser, live_server, client, "/admin/knowledge/article/add/", wide=1440) as page:
        yield page


def write(page, body):
    page.get_by_label("Title").fill("Delivery prices")
    page.get_by_label("Category").select_option(label="Delivery")
    page.get_by_label("Body").fill(body)


def tab(page, name):
    return page.get_by_role("tab", name=name, exact=True)


def test_what_is_typed_is_previewed_published_and_becomes_answerable(page):
    write(page, "## Saturday\n\nSaturday costs **£9.95**. <script>alert(1)</script>")
    expect(page.locator("#kb-preview strong")).to_have_text("£9.95")
    tab(page, "Passages").click()
    expect(page.locator("#kb-passages li")).to_have_text(["SaturdaySaturday costs £9.95. alert(1)"])

    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#kb-state")).to_contain_text("0 of 1 passages embedded")
    indexing.embed_stale()
    expect(page.locator("#kb-state")).to_contain_text("answerable")
    assert Chunk.objects.get(live=True).text == "Saturday costs £9.95. alert(1)"


def test_the_toolbar_writes_markdown_round_what_is_chosen(page):
    write(page, "Saturday")
    page.get_by_label("Body").select_text()
    page.get_by_role("button", name="Bold").click()
    assert page.get_by_label("Body").input_value() == "**Saturday**"
    page.get_by_label("Body").press("Control+z")
    assert page.get_by_label("Body").input_value() == "Saturday"


def test_the_toolbar_is_one_stop_and_follows_the_arrow_keys(page):
    buttons = page.get_by_role("toolbar", name="Formatting").get_by_role("button")
    assert buttons.count() == 8
    buttons.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(buttons.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Body")).to_be_focused()


def test_the_tabs_follow_the_arrow_keys(page):
    tab(page, "Preview").focus()
    page.keyboard.press("ArrowRight")
    expect(tab(page, "Passages")).to_be_focused()
    expect(page.locator("#kb-passages-panel")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(tab(page, "Preview")).to_be_focused()


def test_each_width_has_its_form(page):
    tabs = page.locator('[role="tab"]:visible')
    expect(tabs).to_have_text(["Preview", "Passages"])
    expect(page.locator("#kb-ask")).to_be_visible()
    page.set_viewport_size(MIDDLE)
    expect(tabs).to_have_text(["Preview", "Ask", "Passages"])
    expect(page.locator("#kb-ask")).to_be_hidden()
    page.set_viewport_size(NARROW)
    expect(tabs).to_have_text(["Write", "Preview", "Ask", "Passages"])
    tab(page, "Write").click()
    expect(page.get_by_label("Body")).to_be_visible()
    tab(page, "Ask").click()
    expect(page.get_by_label("Body")).to_be_hidden()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]
    page.set_viewport_size(WIDE)
    expect(page.get_by_label("Body")).to_be_visible()


def test_the_preview_is_dark_or_narrow_on_demand(page):
    write(page, "Saturday")
    expect(page.locator("#kb-preview p")).to_have_text("Saturday")
    for name, face in (("Dark", "kb-dark"), ("360 px", "kb-phone")):
        button = page.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#kb-paper")).to_contain_class(face)
    wait_until(lambda: page.locator("#kb-preview").bounding_box()["width"] == 360, 10, "a phone's width")


def test_leaving_with_unsaved_words_asks_first(page):
    write(page, "Not saved yet.")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/admin/knowledge/article/")
    assert asked == ["beforeunload"]
    assert not Article.objects.exists()


def test_what_is_written_is_kept_and_never_over_somebody_elses(page):
    write(page, "First words.")
    expect(page.locator("#kb-saved")).to_contain_text("Saved", timeout=ABOUT_SEVEN_SECONDS)
    article = Article.objects.get()
    assert (article.body, article.status) == ("First words.", "draft")
    expect(page).to_have_url(re.compile(f"/{article.pk}/change/$"))
    page.get_by_label("Body").fill("Second words.")
    publishing.save_draft(article=article, by=None)  # somebody else, meanwhile
    expect(page.locator("#kb-saved")).to_contain_text("saved this article at", timeout=ABOUT_SEVEN_SECONDS)
    assert Article.objects.get().body == "First words."
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".kb-theirs")).to_contain_text("words.")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".messagelist")).to_contain_text("Draft saved.")
    assert Article.objects.get().body == "Second words."


def test_a_save_that_is_broken_off_stops_no_keeping(page):
    page.route("**/article/add/", lambda route: route.fulfill(status=204))  # as if it was stopped: the page stays
    write(page, "First words.")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_label("Body").fill("Second words.")
    expect(page.locator("#kb-saved")).to_contain_text("Saved", timeout=ABOUT_SEVEN_SECONDS)
    until = page.locator("#id_seen").input_value()
    expect(page.locator("#id_seen")).not_to_have_value(until, timeout=ABOUT_SEVEN_SECONDS)
    assert Article.objects.get().body == "Second words."


def test_a_lost_reply_makes_no_second_article_and_no_conflict(page):
    def lose(route):
        route.fetch()
        route.abort()

    page.route("**/autosave/", lose)
    write(page, "First words.")
    expect(page.locator("#kb-saved")).to_contain_text("does not answer", timeout=ABOUT_SEVEN_SECONDS)
    page.get_by_label("Body").fill("Second words.")
    page.unroute("**/autosave/")
    expect(page.locator("#kb-saved")).to_contain_text("Saved", timeout=ABOUT_SEVEN_SECONDS)
    article = Article.objects.get()
    page.route("**/autosave/", lose)
    page.get_by_label("Body").fill("Third words.")
    expect(page.locator("#kb-saved")).to_contain_text("does not answer", timeout=ABOUT_SEVEN_SECONDS)
    page.get_by_label("Body").fill("Fourth words.")
    page.unroute("**/autosave/")
    expect(page.locator("#kb-saved")).to_contain_text("Saved", timeout=ABOUT_SEVEN_SECONDS)
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".messagelist")).to_contain_text("Draft saved.")
    assert (Article.objects.get().pk, Article.objects.get().body) == (article.pk, "Fourth words.")


def test_all_of_the_desk_is_legible_in_both_schemes(page):
    indexing.active_space()
    write(page, "## Saturday\n\nSaturday costs £9.95, see [prices](/help/prices/) and `code`.")
    page.get_by_role("button", name="Save draft").click()
    question = page.get_by_label("Ask as a customer would")
    for asked in ("What does Saturday cost?", "Hello"):
        question.fill(asked)
        question.press("Enter")
        expect(page.locator("#kb-outcome")).not_to_be_empty()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for tab_of in page.locator('[role="tab"]:visible').all():
                tab_of.click()
                assert too_faint(page, ".kb-editor *, .kb-bar *, .kb-state *") == []


HTML = """<meta charset="utf-8"><style>p { color: red }</style><script>alert(1)</script>
<h2>Returns <em>now</em></h2><p>You have <b>60 days</b>, see <a href="https://x.example/a(b)">the policy</a> or
<a href="javascript:alert(1)">this</a>.<img src="https://x.example/track.gif" onerror="alert(2)"></p>
<ul><li>unused<ul><li>with a label</li></ul></li><li>in its box</li></ul><ol start="3"><li>third</li></ol>
<table><tr><th>What</th><th>Price</th></tr><tr><td>Box | bag</td><td>&pound;2</td></tr></table>
<pre>a  b
c</pre><blockquote><p>Quoted</p></blockquote><p># 2 * 3 [x] &lt;y&gt; snake_case</p>"""
MARKDOWN = """## Returns *now*

You have **60 days**, see [the policy](https://x.example/a%28b%29) or this.

- unused
  - with a label
- in its box

3. third

| What | Price |
|---|---|
| Box \\| bag | £2 |

```
a  b
c
```

> Quoted

\\# 2 \\* 3 \\[x\\] \\<y> snake_case"""


def paste(page, html, text):
    page.get_by_label("Body").evaluate(
        """(body, [html, text]) => {
          const clip = new DataTransfer();
          clip.setData("text/html", html);
          clip.setData("text/plain", text);
          body.focus();
          body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: clip, bubbles: true, cancelable: true }));
        }""",
        [html, text],
    )


def test_what_is_pasted_from_a_page_becomes_markdown(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "x.example" in request.url else None)
    paste(page, HTML, "plain")
    assert page.get_by_label("Body").input_value() == MARKDOWN
    assert asked == []


def test_plain_text_and_documents_wrappers_are_pasted_as_they_are(page):
    paste(page, "<div style='color: red'><span>only colours</span></div>", "only colours")
    assert page.get_by_label("Body").input_value() == ""  # left to the browser, which pastes what is plain
    paste(page, '<b style="font-weight:normal"><p>One <i>word</i></p></b>' + "<div>" * 400 + "deep", "One word")
    assert page.get_by_label("Body").input_value() == "One *word*\n\ndeep"


def test_a_draft_is_asked_and_the_question_kept(page):
    write(page, "## Saturday\n\nSaturday costs £9.95.")
    indexing.active_space()
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".messagelist")).to_contain_text("Draft saved.")
    page.get_by_label("Body").fill("## Saturday\n\nSaturday delivery costs £777.")
    question = page.get_by_label("Ask as a customer would")
    question.fill("What does Saturday delivery cost?")
    question.press("Enter")
    expect(page.locator("#kb-verdict")).to_have_text("This article ranks 1 of 1.")
    expect(page.locator("#kb-prose")).to_contain_text("Saturday delivery costs £777.")
    expect(page.locator("#kb-outcome")).to_contain_text("Answered")
    expect(page.locator("#kb-ranking tr.kb-own")).to_have_count(1)
    expect(page.locator("#kb-ranking")).to_contain_text("this article")
    page.get_by_role("button", name="Save as test question").click()
    expect(page.locator("#kb-keep-note")).to_contain_text("Saved.")
    tab(page, "Questions").click()
    expect(page.locator("#kb-kept-list li")).to_contain_text("What does Saturday delivery cost?")
    assert TestQuestion.objects.get().question == "What does Saturday delivery cost?"
    page.get_by_role("button", name="Delete the question").click()
    expect(page.locator("#kb-kept-list li")).to_have_count(0)

    page.get_by_label("Published", exact=True).check()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#kb-verdict")).to_have_text("Not found: this article is not published.")
