"""The widget in a real browser, against a scripted server: what a customer sees, word for word."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.browser.fake_chat_server import ANSWER, FakeChat, FakeServer
from tests.conftest import wait_until

WHOLE = re.sub(r"\*|^\d\. ", "", ANSWER, flags=re.M)  # the answer's words without their marks
Visit = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def chat(server: FakeServer) -> FakeChat:
    server.chat.down = server.chat.team_away = False
    server.chat.conversations.clear()
    server.chat.typed = 0
    server.chat.gate.clear()
    for kept in (server.chat.ratings, server.chat.contacts, server.chat.hellos):
        kept.clear()
    return server.chat


@pytest.fixture
def visit(browser: Browser, server: FakeServer, chat: FakeChat) -> Iterator[Visit]:
    """Open a page that carries the widget; any error or refused style on it fails the test."""
    contexts, faults = [], []

    def heard(message: Any) -> None:
        # A missing favicon and a line that is down are the browser's own words, not the widget's.
        if message.type == "error" and not re.search("favicon|WebSocket|ERR_INTERNET|status of 404", message.text):
            faults.append(message.text)

    def open_page(query: str = "", launch: bool = True, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url + "/" + query)
        if launch:
            page.locator(".launcher").click()
            expect(page.locator("#question")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def ask(page: Page, text: str) -> Locator:
    """Ask, and give the place of the answer to come."""
    answers = page.locator("article.answer")
    place = answers.nth(answers.count())
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")
    return place


def ended(answer: Locator) -> Locator:
    expect(answer.locator(".foot")).not_to_be_empty(timeout=15_000)
    return answer


def words(answer: Locator) -> str:
    """The prose as a reader sees it; citation chips as [n], list numbers left out."""
    script = """box => {
        const copy = box.cloneNode(true);
        for (const chip of copy.querySelectorAll('.chip')) chip.replaceWith(`[${chip.textContent}]`);
        return [...copy.querySelectorAll('p, li')].map(p => p.textContent.replaceAll('\\u2060', '')).join('\\n');
    }"""
    return answer.locator(".prose").evaluate(script)


def box_of(place: Locator) -> FloatRect:
    box = place.bounding_box()
    assert box is not None, "it is not shown"
    return box


def same_words(answer: Locator) -> bool:
    return words(answer).split() == WHOLE.split()


def test_an_answer_streams_and_ends_with_its_sources(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    answer = ask(page, "slowly, please")
    expect(answer.locator(".prose")).to_contain_text("You can send")
    assert answer.locator(".actions").count() == 0, "actions come when the answer is done"
    assert same_words(ended(answer))
    expect(answer.locator("li[part=source] a")).to_have_count(2)
    link = answer.locator("li[part=source] a").first
    expect(link).to_have_attribute("href", re.compile("/help/returns/#time$"))
    expect(link).to_have_attribute("target", "_blank")
    expect(answer.locator(".chip").first).to_have_attribute("aria-label", "Source 1: Returns and refunds")


def test_what_is_half_written_never_shows_raw_signs(visit: Visit) -> None:
    page = visit()
    page.evaluate("""() => {
        window.seen = new Set();
        const root = document.querySelector('support-chat').shadowRoot;
        const look = () => root.querySelectorAll('.prose').forEach(p => window.seen.add(p.textContent));
        new MutationObserver(look).observe(root, {subtree: true, childList: true, characterData: true});
    }""")
    ended(ask(page, "slowly, please"))
    seen = page.evaluate("[...window.seen]")
    assert len(seen) > 3, "the answer came in pieces"
    assert not [text for text in seen if re.search(r"[*\[\]`]", text)]


def test_hostile_text_stays_text(visit: Visit) -> None:
    page = visit()
    page.on("request", lambda request: evil.append(request.url) if "evil" in request.url else None)
    evil: list[str] = []
    answer = ended(ask(page, "evil <img src=x onerror='window.pwned=2'>"))
    assert page.evaluate("window.pwned") is None
    assert answer.locator(".prose").locator("img, script, a, b").count() == 0
    assert "<script>" in words(answer) and evil == []
    expect(page.locator("article.question .bubble")).to_have_text("evil <img src=x onerror='window.pwned=2'>")


@pytest.mark.parametrize("question", ["drop in the middle", "drop with a snapshot", "drop after a restart", "deaf"])
def test_a_dropped_line_loses_and_doubles_nothing(visit: Visit, chat: FakeChat, question: str) -> None:
    chat.gate.set()
    page = visit()
    answer = ended(ask(page, question))
    assert same_words(answer)
    assert len(chat.hellos) >= 2, "the line was dropped"
    expect(page.locator("article")).to_have_count(2)
    talk = next(iter(chat.conversations.values()))
    assert len(talk.rows) == 2, "the question was asked once"


def test_a_restart_takes_the_first_try_back(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    answer = ask(page, "restart")
    expect(answer.locator(".prose")).to_contain_text("first try")
    chat.gate.set()
    assert same_words(ended(answer))


def test_a_question_asked_without_a_line_goes_out_once(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    expect(page.locator(".suggestion").first).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator(".notice")).to_contain_text("You're offline")
    ask(page, "How do I return an item?")
    expect(page.locator("article.question.waiting")).to_have_count(1)
    page.context.set_offline(False)
    assert same_words(ended(page.locator("article.answer").last))
    expect(page.locator(".notice")).to_be_hidden()
    assert [talk.asked for talk in chat.conversations.values()] == [1]


def test_a_customer_is_vouched_for_once(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    page.evaluate("document.querySelector('support-chat').identify('from the shop')")
    ended(ask(page, "drop in the middle"))
    told = [hello["identity"] for hello in chat.hellos]
    assert told[-1] is None and told.count("from the shop") == 1


def test_a_lost_line_is_said_after_a_while_and_comes_back(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    expect(page.locator(".suggestion").first).to_be_visible()
    chat.down = True
    page.evaluate("dispatchEvent(new Event('offline')); dispatchEvent(new Event('online'))")
    expect(page.locator(".notice")).to_contain_text("Connection lost", timeout=10_000)
    chat.down = False
    expect(page.locator(".notice")).to_be_hidden(timeout=20_000)
    assert same_words(ended(ask(page, "How do I return an item?")))


def test_a_reload_keeps_the_conversation_and_the_draft(visit: Visit) -> None:
    page = visit()
    ended(ask(page, "How do I return an item?"))
    page.locator("#question").fill("And the fee for")
    page.goto(page.url + "?two")
    expect(page.locator("article")).to_have_count(2)
    assert same_words(page.locator("article.answer"))
    expect(page.locator("#question")).to_have_value("And the fee for")
    expect(page.locator("article.question .bubble")).to_have_text("How do I return an item?")


def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(visit: Visit) -> None:
    page = visit()
    answer = ask(page, "How do I return an item?")
    expect(answer.locator(".prose")).to_contain_text("30 days")
    page.reload()
    assert same_words(ended(page.locator("article.answer").last))
    expect(page.locator("article")).to_have_count(2)


def test_stop_takes_the_place_of_send_and_keeps_what_was_written(visit: Visit) -> None:
    page = visit()
    answer = ask(page, "endless")
    expect(answer.locator(".prose")).to_contain_text("30 days")
    expect(page.locator(".send")).to_have_attribute("aria-label", "Stop this answer")
    page.locator("#question").fill("a draft")
    page.locator("#question").press("Enter")
    expect(page.locator(".hint")).to_contain_text("stop it first")
    page.locator(".send").click()
    expect(answer).to_contain_text("You stopped this answer.")
    assert "30 days" in words(answer)
    expect(page.locator("#question")).to_have_value("a draft")
    page.locator("#question").fill("")
    answer.get_by_role("button", name="Ask again").click()
    expect(page.locator("article.question")).to_have_count(2)


def test_rating_is_saved_at_the_first_tap_and_reasons_follow(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    answer = ended(ask(page, "How do I return an item?"))
    answer.get_by_role("button", name="Helpful", exact=True).click()
    expect(answer.locator(".rating")).to_contain_text("Thanks")
    answer.get_by_role("button", name="Not helpful").click()
    answer.get_by_role("button", name="Out of date").click()
    answer.get_by_label("Tell us more (optional)").fill("It is 60 days now")
    answer.locator(".why").get_by_role("button", name="Send").click()
    expect(answer.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: len(chat.ratings) == 3, 10, "three ratings at the server")
    assert [(rate["score"], rate.get("comment")) for rate in chat.ratings] == [
        (1, None), (-1, None), (-1, "Out of date · It is 60 days now"),
    ]  # fmt: skip


def test_each_ending_has_its_words_and_its_way_on(visit: Visit) -> None:
    page = visit()
    answer = ended(ask(page, "abstain"))
    expect(answer.locator("li[part=source] a")).to_have_count(2)
    answer.get_by_role("button", name="Rephrase").click()
    expect(page.locator("#question")).to_have_value("abstain")
    answer = ended(ask(page, "extract"))
    expect(answer.locator(".lead")).to_contain_text("closest match")
    expect(answer.locator(".prose.quote")).to_contain_text("within 30 days")
    answer = ended(ask(page, "fail"))
    expect(answer).to_contain_text("Something failed on our side")
    answer.get_by_role("button", name="Try again").click()
    expect(page.locator("article.question")).to_have_count(4)
    expect(page.locator("article.answer")).to_have_count(4)
    expect(page.locator("article.answer").last).to_contain_text("Something failed")
    ask(page, "limit")
    expect(page.locator("article.question").last).to_contain_text("a lot of questions")


def test_the_place_in_line_and_the_stages_are_told(visit: Visit) -> None:
    page = visit()
    answer = ask(page, "queue wait")
    expect(answer.locator(".stage")).to_contain_text("You are number 3 in line")
    expect(answer.locator(".stage")).to_contain_text("Searching articles")
    assert same_words(ended(answer))


def test_a_person_joins_and_writes(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    ended(ask(page, "abstain")).get_by_role("button", name="Ask our team").click()
    expect(page.locator(".event")).to_have_text("Ada joined.")
    expect(page.locator("article.agent")).to_contain_text("Hello, this is Ada.")
    expect(page.locator("article.agent .author")).to_have_text("Ada")
    expect(page.locator(".subtitle")).to_have_text("Ada · support team")
    page.locator("#question").press_sequentially("Thank")
    expect(page.locator(".turn > .stage")).to_have_text("Ada is writing")
    assert chat.typed == 1, "told every few seconds at most"
    ask(page, "Thank you")
    expect(page.locator("article.question").last).to_contain_text("Thank you")
    expect(page.locator(".send")).to_have_attribute("aria-label", "Send")


def test_an_absent_team_leaves_a_form(visit: Visit, chat: FakeChat) -> None:
    chat.team_away = True
    page = visit()
    ended(ask(page, "abstain"))
    page.get_by_role("button", name="Menu").click()
    page.locator(".menu").get_by_role("button", name="Ask our team").click()
    page.get_by_label("Your email address").fill("dora")
    page.get_by_role("button", name="Send to our team").click()
    expect(page.locator(".contact")).to_contain_text("Please enter an email address")
    page.get_by_label("Your email address").fill("dora@example.com")
    page.get_by_label("Anything to add? (optional)").fill("Order 1234")
    page.get_by_role("button", name="Send to our team").click()
    expect(page.locator(".place")).to_contain_text("We'll reply to dora@example.com")
    (sent,) = chat.contacts
    assert (sent["widget"], sent["email"], sent["note"]) == ("demo", "dora@example.com", "Order 1234")
    assert sent["conversation"] in chat.conversations and sent["token"] == "token-1"


def test_a_question_that_is_too_long_is_counted_and_kept(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    page.locator("#question").fill("x" * 1600)
    expect(page.locator(".hint")).to_have_text("400 characters left")
    page.locator("#question").fill("x" * 70_000)
    expect(page.locator(".hint")).to_have_text("68000 characters too many")
    page.locator("#question").press("Enter")
    expect(page.locator(".hint")).to_contain_text("too long")
    assert page.locator("article").count() == 0 and not chat.conversations


def test_everything_works_from_the_keyboard(visit: Visit) -> None:
    page = visit(launch=False)
    expect(page.locator(".launcher")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".launcher")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("How do I return an item?")
    page.keyboard.press("Enter")
    answer = ended(page.locator("article.answer"))
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("F6")
    expect(answer).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("article.question")).to_be_focused()
    page.keyboard.press("F6")
    expect(page.locator("#question")).to_be_focused()
    answer.locator(".chip").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".preview")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".preview")).to_be_hidden()
    expect(answer.locator(".chip").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.panel")).to_be_hidden()
    expect(page.locator(".launcher")).to_be_focused()


def test_answers_are_spoken_once_and_only_when_whole(visit: Visit) -> None:
    page = visit()
    page.evaluate("""() => {
        window.spoken = [];
        const log = document.querySelector('support-chat').shadowRoot.querySelector('[aria-live]');
        const hear = all => all.forEach(m => m.addedNodes.forEach(n => window.spoken.push(n.textContent)));
        new MutationObserver(hear).observe(log, {childList: true});
    }""")
    ended(ask(page, "How do I return an item?"))
    page.wait_for_function("() => window.spoken.some(said => said.startsWith('You can send'))")
    spoken = page.evaluate("window.spoken")
    assert spoken[:-1] in ([], ["Searching articles"]), "a search is told only if it lasts, and no word as it comes"
    assert spoken[-1].startswith("You can send an item back within 30 days of delivery.") and "[1]" not in spoken[-1]
    assert page.locator("[aria-live]").count() == 1, "the visible log is not live"


def test_older_answers_are_no_stops_of_the_tab_key(visit: Visit) -> None:
    page = visit()
    for _ in range(2):
        ended(ask(page, "extract"))
    first, last = page.locator("article.answer").all()
    assert set(first.locator("a, button").evaluate_all("all => all.map(one => one.tabIndex)")) == {-1}
    assert set(last.locator("a, button").evaluate_all("all => all.map(one => one.tabIndex)")) == {0}


def test_text_in_place_does_not_move_while_an_answer_grows(visit: Visit) -> None:
    page = visit()
    ended(ask(page, "extract"))
    answer = ask(page, "long answer")
    expect(answer.locator(".prose")).to_contain_text("30 days")
    log, question = box_of(page.locator(".log")), page.locator("article.question").last
    wait_until(lambda: abs(box_of(question)["y"] - log["y"] - 12) < 3, 5, "the question at the top edge")
    expect(page.locator(".more")).to_be_visible()
    before = box_of(question)
    ended(answer)
    assert box_of(question) == before
    page.locator(".more").click()
    expect(page.locator(".more")).to_be_hidden()


def test_a_small_screen_gets_a_full_modal_panel(visit: Visit) -> None:
    page = visit(**PHONE)
    panel = page.locator("dialog.panel")
    assert panel.evaluate("panel => panel.matches(':modal')")
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 740}
    expect(page.locator("#title")).to_be_focused()
    size = page.locator("#question").evaluate("box => parseFloat(getComputedStyle(box).fontSize)")
    assert size >= 16, "smaller text makes phones zoom"
    page.locator("#question").fill("kept")
    page.set_viewport_size({"width": 1000, "height": 740})
    expect(panel).not_to_have_class(re.compile("full"))  # told of the width a frame after it changed
    expect(panel).to_be_visible()
    assert not panel.evaluate("panel => panel.matches(':modal')")
    expect(page.locator("#question")).to_have_value("kept")


def test_it_reflows_at_four_hundred_percent(visit: Visit) -> None:
    page = visit(viewport={"width": 320, "height": 256})
    ended(ask(page, "abstain"))
    wide = page.evaluate("""() => [...document.querySelector('support-chat').shadowRoot
        .querySelectorAll('.panel, .log, .bottom')]
        .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.className)""")
    assert wide == []


def test_right_to_left_pages_are_mirrored_and_translated(visit: Visit) -> None:
    page = visit("?lang=ar&dir=rtl")
    expect(page.locator("#title")).to_have_text("الدعم")
    box = box_of(page.locator("dialog.panel"))
    assert box["x"] < 100
    answer = ended(ask(page, "كيف أعيد منتجًا؟"))
    assert same_words(answer)
    assert box_of(page.locator(".send"))["x"] < box_of(page.locator("#question"))["x"]


def test_a_new_conversation_and_a_logout_forget(visit: Visit, chat: FakeChat) -> None:
    page = visit()
    ended(ask(page, "extract"))
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("article")).to_have_count(0)
    ended(ask(page, "abstain"))
    assert len(chat.conversations) == 2
    page.evaluate("document.querySelector('support-chat').reset()")
    expect(page.locator("article")).to_have_count(0)
    page.wait_for_function("() => document.querySelector('support-chat').state === 'ready'")
    stored = json.loads(page.evaluate("localStorage.getItem(Object.keys(localStorage)[0])"))
    assert stored["conversation"] is None


def test_the_public_face_of_the_element(visit: Visit) -> None:
    page = visit(launch=False)
    page.evaluate("""() => {
        window.events = [];
        window.chat = document.querySelector('support-chat');
        for (const type of ['sc-toggle', 'sc-ask', 'sc-answer', 'sc-rate', 'sc-unread'])
            chat.addEventListener(type, e => events.push([type, e.detail]));
        chat.show();
    }""")
    expect(page.locator("#question")).to_be_focused()
    page.evaluate("chat.ask('extract this')")
    ended(page.locator("article.answer"))
    page.evaluate("chat.close()")
    expect(page.locator("dialog.panel")).to_be_hidden()
    page.evaluate("chat.ask('abstain')")
    expect(page.locator(".badge")).to_have_text("1")
    expect(page.locator(".launcher")).to_have_attribute("aria-label", "Ask support, 1 new message")
    events = page.evaluate("events")
    telling = ("kind", "reason", "text", "count")
    kinds = [(name, next(detail[key] for key in telling if key in detail)) for name, detail in events]
    assert kinds == [
        ("sc-toggle", "api"), ("sc-ask", "extract this"), ("sc-answer", "extract"), ("sc-toggle", "api"),
        ("sc-ask", "abstain"), ("sc-unread", 1), ("sc-answer", "abstain"),
    ]  # fmt: skip
    page.evaluate("chat.addEventListener('sc-ask', event => event.preventDefault())")
    assert page.evaluate("chat.ask('never mind')") is None


def test_two_tabs_show_the_same_conversation(visit: Visit, server: FakeServer) -> None:
    page = visit()
    other = page.context.new_page()
    other.goto(server.url)
    other.locator(".launcher").click()
    expect(other.locator(".suggestion").first).to_be_visible()
    ended(ask(page, "How do I return an item?"))
    assert same_words(ended(other.locator("article.answer")))
    expect(other.locator("article")).to_have_count(2)


def test_nothing_is_loaded_or_stored_before_somebody_wants_it(visit: Visit, chat: FakeChat) -> None:
    page = visit(launch=False)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name.split('/').pop())")
    assert [name for name in loaded if name.endswith(".js")] == ["support-chat.js"]
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert chat.hellos == []


def test_forced_colours_and_reduced_motion_keep_it_usable(visit: Visit) -> None:
    page = visit(forced_colors="active", reduced_motion="reduce")
    answer = ended(ask(page, "How do I return an item?"))
    assert same_words(answer)
    assert page.locator("dialog.panel").evaluate("panel => getComputedStyle(panel).animationName") == "none"
    assert page.locator(".bubble").evaluate("one => getComputedStyle(one).borderTopStyle") == "solid"


def test_the_modules_run_as_they_are_written(visit: Visit) -> None:
    page = visit("?source=/static/widget/")
    assert same_words(ended(ask(page, "How do I return an item?")))
