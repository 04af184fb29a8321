"""The editor of articles in a real browser: what is typed is previewed, published and seen to become answerable."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import expect

from knowledge import indexing
from knowledge.models import Article, Category, Chunk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def beside_the_browser(django_db_setup) -> Iterator[None]:
    """Playwright runs its loop in this thread; the tests talk to the database from it all the same."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(beside_the_browser, browser, live_server, client, fake_model):
    """Ada's browser at an empty form; any error of the page or of its security policy fails the test."""
    ada = get_user_model().objects.create_superuser("ada", "ada@larkfield.example", "pass-word-of-ada")
    Category.objects.create(name="Delivery", slug="delivery")
    client.force_login(ada)
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto("/admin/knowledge/article/add/")
    yield page
    context.close()
    assert wrong == []


def write(page, body):
    page.get_by_label("Title").fill("Delivery prices")
    page.get_by_label("Category").select_option(label="Delivery")
    page.get_by_label("Body").fill(body)


def test_what_is_typed_is_previewed_published_and_becomes_answerable(page):
    write(page, "## Saturday\n\nSaturday costs **£9.95**. <script>alert(1)</script>")
    expect(page.locator("#kb-preview strong")).to_have_text("£9.95")
    page.get_by_role("tab", name="Passages").click()
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


def test_the_tabs_follow_the_arrow_keys(page):
    page.get_by_role("tab", name="Preview").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Passages")).to_be_focused()
    expect(page.locator("#kb-passages")).to_be_visible()


def test_leaving_with_unsaved_words_asks_first(page):
    write(page, "Not saved yet.")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/admin/knowledge/article/")
    assert asked == ["beforeunload"]
    assert not Article.objects.exists()
