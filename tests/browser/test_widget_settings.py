"""What a widget's row changes for its visitors, and what they may keep, choose and go back to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.fake_chat_server import FakeServer
from tests.conftest import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    server.chat.settings = {}
    server.chat.conversations.clear()
    server.chat.told.clear()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(30_000)
    faults: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert faults == []


def arrive(page: Page, server: FakeServer, query: str = "") -> None:
    page.goto(f"{server.url}/{query}")
    page.locator(".launcher").click()
    expect(page.locator("#question")).to_be_visible()


def ask(page: Page, text: str) -> None:
    answers = page.locator("article.answer")
    place = answers.nth(answers.count())
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")
    expect(place.locator(".foot")).not_to_be_empty(timeout=30_000)


def choose(page: Page, item: str) -> None:
    page.get_by_role("button", name="Menu").click()
    page.locator(".menu").get_by_role("button", name=item).click()


def test_the_row_dresses_the_widget_and_the_page_has_the_last_word(page: Page, server: FakeServer) -> None:
    server.chat.settings = {
        "heading": "Ask Larkfield", "theme": "dark", "placement": "start", "accent": [["#7a1fa2", "#fff"]] * 2,
        "languages": ["de", "fr"],
    }  # fmt: skip
    arrive(page, server)
    expect(page.locator("#title")).to_have_text("Ask Larkfield")
    expect(page.locator(".send")).to_have_attribute("aria-label", "Senden")  # the page's English is not offered
    launcher = page.locator(".launcher")
    expect(launcher).to_have_css("background-color", "rgb(122, 31, 162)")
    wait_until(lambda: launcher.bounding_box()["x"] < 100, 10, "the button on the left")
    expect(page.locator("support-chat")).to_have_css("color-scheme", "dark")
    page.goto(f"{server.url}/?theme=light&placement=end&heading=Shop")  # open, as it was left
    expect(page.locator("#title")).to_have_text("Shop")
    wait_until(lambda: launcher.bounding_box()["x"] > 1000, 10, "the button on the right")
    expect(page.locator("support-chat")).to_have_css("color-scheme", "light")


def test_the_language_that_a_visitor_chooses_is_kept(page: Page, server: FakeServer) -> None:
    arrive(page, server)
    ask(page, "extract")
    page.get_by_role("button", name="Menu").click()
    page.locator(".menu select").select_option("ja")
    expect(page.locator("#title")).to_have_text("サポート")
    expect(page.locator("article")).to_have_count(2)
    page.reload()
    expect(page.locator("#title")).to_have_text("サポート")
    assert page.locator("dialog.panel").evaluate("panel => [panel.lang, panel.dir]") == ["ja", "ltr"]


def test_past_conversations_can_be_gone_on_with(page: Page, server: FakeServer) -> None:
    arrive(page, server)
    ask(page, "extract of the first day")
    choose(page, "New conversation")
    expect(page.locator("article")).to_have_count(0)
    ask(page, "abstain")
    choose(page, "Past conversations")
    rows = page.locator(".past .words")
    expect(rows).to_have_count(2)
    expect(rows.first).to_be_focused()
    rows.filter(has_text="extract of the first day").click()
    expect(page.locator("article.question .bubble")).to_have_text("extract of the first day")
    expect(page.locator("article")).to_have_count(2)


def test_a_transcript_is_text_with_its_sources(page: Page, server: FakeServer) -> None:
    arrive(page, server)
    ask(page, "How do I return an item?")
    with page.expect_download() as started:
        choose(page, "Download transcript")
    saved = Path(started.value.path()).read_text()
    assert started.value.suggested_filename == "Support.txt"
    assert saved.startswith("You, ") and "\nHow do I return an item?\n" in saved
    assert "within 30 days of delivery." in saved and "**" not in saved
    assert f"[1] Returns and refunds {server.url}/help/returns/#time" in saved


@pytest.mark.parametrize("required", [True, False])
def test_what_the_company_wants_to_know_is_asked_first(page: Page, server: FakeServer, required: bool) -> None:
    server.chat.settings = {"ask_first": ["name", "email"], "ask_first_required": required}
    arrive(page, server)
    expect(page.locator(".suggestion").first).to_be_hidden()
    if required:
        page.locator("#question").fill("extract")
        page.locator("#question").press("Enter")
        expect(page.locator(".empty .error")).to_have_text("Please fill this in first.")
        expect(page.get_by_label("Your name")).to_be_focused()
        page.get_by_label("Your name").fill("Dora")
        page.get_by_label("Your email address").fill("dora@example.com")
        page.get_by_role("button", name="Continue").click()
    else:
        page.get_by_role("button", name="Skip").click()
    expect(page.locator(".suggestion").first).to_be_visible()
    ask(page, "extract")
    assert server.chat.told == [{"name": "Dora", "email": "dora@example.com"} if required else None]


def test_it_says_when_the_team_is_back(page: Page, server: FakeServer) -> None:
    server.chat.settings = {"back": "2099-11-23T09:00:00+00:00"}
    arrive(page, server)
    expect(page.locator(".notice")).to_contain_text("Our team is back Monday")


def test_it_may_be_made_wider(page: Page, server: FakeServer) -> None:
    arrive(page, server)
    panel = page.locator("dialog.panel")
    expect(panel).to_have_js_property("offsetWidth", 400)
    choose(page, "Wider or narrower")
    expect(panel).to_have_js_property("offsetWidth", 560)
    page.reload()
    expect(panel).to_be_visible()
    expect(panel).to_have_js_property("offsetWidth", 560)


def test_an_element_that_is_moved_keeps_its_conversation(page: Page, server: FakeServer) -> None:
    arrive(page, server)
    ask(page, "extract")
    page.evaluate("document.body.append(document.createElement('main'), document.querySelector('support-chat'))")
    expect(page.locator("dialog.panel")).to_be_visible()
    expect(page.locator("article")).to_have_count(2)
    ask(page, "abstain")
    page.evaluate("document.querySelector('support-chat').remove()")
    expect(page.locator("dialog.panel")).to_have_count(0)
