"""The help centre in a browser whose scripts are off, wide and narrow, from the left and from the right."""

import re

import pytest
from playwright.sync_api import expect

from knowledge import publishing, tasks
from knowledge.models import Article, Category, HelpfulVote

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("beside_the_browser")]

BODY = "One.\n\n## First\n\nA.\n\n## Second\n\nB.\n\n## Third\n\n| Size | Price |\n|---|---|\n| Small | £4 |\n"


@pytest.fixture
def articles(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article: None)
    delivery = Category.objects.create(name="Delivery", slug="delivery")
    for slug, title, language in (
        ("prices", "Delivery prices", "en"),
        ("asaar", "أسعار التوصيل", "ar"),
        ("late", "Late parcels", "en"),
    ):
        made = Article(category=delivery, slug=slug, title=title, body=BODY, language=language)
        publishing.publish(article=made, by=None)


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def page(request, browser, live_server, articles):
    """Dora's, without JavaScript."""
    size = {"width": request.param, "height": 844}
    context = browser.new_context(base_url=live_server.url, viewport=size, java_script_enabled=False)
    yield context.new_page()
    context.close()


def ending(path):
    return re.compile(re.escape(path) + "$")


def test_dora_reads_votes_and_goes_on_without_javascript(page):
    page.goto("/help/")
    page.get_by_role("link", name="Delivery", exact=True).click()
    page.get_by_role("link", name="Delivery prices").click()
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Third").click()
    expect(page).to_have_url(ending("/help/prices/#third"))
    expect(page.get_by_role("heading", name="Third")).to_be_in_viewport()
    page.get_by_role("button", name="No").click()
    expect(page).to_have_url(ending("/help/prices/#helpful"))
    expect(page.get_by_role("status")).to_contain_text("You found it not helpful")
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("status")).to_contain_text("You found it helpful")
    assert [vote.helpful for vote in HelpfulVote.objects.all()] == [True]
    page.get_by_role("link", name="Late parcels").click()
    expect(page).to_have_url(ending("/help/late/"))


def test_nothing_is_wider_than_the_screen_and_arabic_begins_at_the_right(page):
    for address in ("/help/", "/help/category/delivery/", "/help/prices/", "/help/asaar/", "/help/no-such/"):
        page.goto(address)
        field = page.get_by_role("main").bounding_box()
        assert field["x"] >= 0 and field["x"] + field["width"] <= page.viewport_size["width"], address
    page.goto("/help/asaar/")
    article = page.get_by_role("article")
    right = article.bounding_box()
    cell = article.get_by_role("table").bounding_box()
    assert abs((cell["x"] + cell["width"]) - (right["x"] + right["width"])) <= 2


def test_what_is_printed_is_the_article_alone(page):
    page.goto("/help/prices/")
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Delivery prices")).to_be_visible()
    for part in (page.get_by_role("button", name="Yes"), page.get_by_role("contentinfo"), page.get_by_text("Related")):
        expect(part).to_be_hidden()
