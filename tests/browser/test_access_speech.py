"""What the widget tells by itself to those who listen: each thing once, and an answer when it is whole."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.fake_chat_server import ANSWER, SOURCES, FakeServer
from tests.conftest import wait_until

# Whatever is told unasked: each text that comes into a live region, in the order of its coming. Timers of one second
# are held until the test lets them end, so that what is slow is slow by the test's word alone.
LISTEN = """
  window.said = [];
  window.held = new Map();
  const [set, clear] = [setTimeout, clearTimeout];
  window.setTimeout = (act, wait, ...more) =>
    wait === 1000 ? (held.set(-held.size - 1, act), -held.size) : set(act, wait, ...more);
  window.clearTimeout = (timer) => held.delete(timer) || clear(timer);
  const live = "[aria-live], [role=log], [role=status], [role=alert]";
  window.listen = () => new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      const box = (target.closest ? target : target.parentElement).closest(live);
      for (const node of addedNodes) if (box && node.textContent.trim()) said.push(node.textContent.trim());
      for (const node of box ? [] : addedNodes)
        for (const one of node.querySelectorAll?.("[role=alert], [role=status]") ?? [])
          if (one.textContent.trim()) said.push(one.textContent.trim());
    }
  }).observe(document.querySelector("support-chat").shadowRoot,
    { subtree: true, childList: true, characterData: true });
"""
WHOLE = (
    "You can send an item back within 30 days of delivery. Print the label from your order page. Pack the item in any "
    "box. Hand it in at a parcel shop. The refund reaches your account 5 working days after we have the parcel."
)


class Played:
    """A chat whose every frame is sent by the test."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked = 0
        self.line: WebSocketRoute | None = None
        page.route_web_socket(re.compile("/ws/chat/"), self.take)

    def take(self, line: WebSocketRoute) -> None:
        self.line = line
        line.on_message(lambda text: self.hear(json.loads(text)))

    def hear(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "hello":
            self.say("welcome", protocol=1, token="t", conversation=None, messages=[], resumed=None, greeting="",
                     suggestions=["Where is my order?"])  # fmt: skip
        elif frame["type"] == "ask":
            self.asked += 1
            self.say("accepted", id=frame["id"], message=f"m{self.asked}", reply=self.reply, conversation="c1")

    @property
    def reply(self) -> str:
        return f"r{self.asked}"

    def say(self, kind: str, **fields: Any) -> None:
        assert self.line is not None, "the widget has not dialled"
        self.line.send(json.dumps({"type": kind, **fields}))

    def ask(self, text: str) -> None:
        before = self.asked
        expect(self.page.locator(".send.busy")).to_have_count(0)
        self.page.locator("#question").fill(text)
        self.page.locator("#question").press("Enter")
        # looking at the page lets the frames come in
        wait_until(lambda: self.page.locator("article").count() and self.asked > before, 20, "the question sent")
        self.say("stage", reply=self.reply, stage="searching")

    def answer(self, text: str, outcome: str = "answered", sources: list[dict[str, Any]] = SOURCES) -> None:
        self.say("sources", reply=self.reply, epoch=1, seq=1, sources=sources)
        self.say("delta", reply=self.reply, epoch=1, seq=2, text=text)
        self.say("done", reply=self.reply, epoch=1, seq=3, text=text, outcome=outcome, reason=None, citations=[],
                 nearest=[], follow_ups=[])  # fmt: skip


@pytest.fixture
def chat(browser: Browser) -> Iterator[Played]:
    with FakeServer() as server:
        context = browser.new_context(base_url=server.url)
        context.set_default_timeout(30_000)
        context.add_init_script(LISTEN)
        page = context.new_page()
        played = Played(page)
        page.goto("/")
        page.locator(".launcher").click()
        expect(page.locator(".suggestion")).to_be_visible()
        page.evaluate("listen()")
        yield played
        context.close()


def told(page: Page, *said: str) -> None:
    """These words and no others, in this order; spaces as they come."""
    wanted = [" ".join(words.split()) for words in said]
    heard: list[str] = []

    def same() -> bool:
        heard[:] = [" ".join(words.split()) for words in page.evaluate("said")]
        return len(heard) >= len(wanted)

    wait_until(same, 20, f"{wanted} told")
    assert heard == wanted


def test_each_thing_is_told_once_and_a_search_only_if_it_lasts(chat: Played) -> None:
    page = chat.page
    chat.ask("How do I return an item?")
    chat.answer(ANSWER)
    told(page, WHOLE)
    assert page.evaluate("held.size") == 0, "the search was not told, and will not be"

    chat.ask("And how long does it take?")
    page.wait_for_function("() => held.size === 1")
    page.evaluate("() => held.forEach((act) => act())")
    told(page, WHOLE, "Searching articles")
    chat.answer("Five days.")
    told(page, WHOLE, "Searching articles", "Five days.")

    chat.ask("And then?")
    chat.say("failed", reply=chat.reply, epoch=1, seq=1, code="unavailable", text="", retry=True)
    failed = "Something failed on our side. Your question is saved."
    told(page, WHOLE, "Searching articles", "Five days.", failed)
    page.evaluate("said.length = 0")

    chat.say("agent", name="", state="waiting")
    expect(page.locator(".notice")).to_be_visible()
    waiting = page.locator(".notice").inner_text()
    told(page, waiting)
    chat.say("agent", name="Ada", state="joined")
    said = {"id": "a1", "role": "agent", "text": "Hello, this is **Ada**.", "name": "Ada", "status": "done"}
    chat.say("message", **said)
    told(page, waiting, "Ada joined.", "Ada: Hello, this is Ada.")
    chat.say("agent", name="Ada", state="left")
    told(page, waiting, "Ada joined.", "Ada: Hello, this is Ada.", "Ada left. The assistant answers again.")


def test_a_long_answer_is_told_in_part_with_the_way_to_the_rest(chat: Played) -> None:
    page = chat.page
    chat.ask("How do I return an item?")
    chat.answer("\n\n".join([ANSWER] * 6))
    first = "You can send an item back within 30 days of delivery."
    told(page, f"{first} Answer continues. 2 sources. Press F6 to read it.")
    expect(page.locator("article.answer .actions")).to_be_visible()
    page.keyboard.press("F6")
    expect(page.locator("article.answer")).to_be_focused()
    expect(page.locator("article.answer")).to_have_accessible_name(re.compile(r"^Assistant: You can send"))


def test_no_word_is_told_as_it_comes_and_the_log_is_not_live(chat: Played) -> None:
    page = chat.page
    chat.ask("How do I return an item?")
    chat.say("sources", reply=chat.reply, epoch=1, seq=1, sources=SOURCES)
    for at, word in enumerate(["You ", "can ", "send ", "it."]):
        chat.say("delta", reply=chat.reply, epoch=1, seq=at + 2, text=word)
        expect(page.locator("article.answer .prose")).to_contain_text(word.strip())
    assert page.evaluate("said") == []
    chat.say("done", reply=chat.reply, epoch=1, seq=6, text="You can send it.", outcome="stopped", reason=None,
             citations=[], nearest=[], follow_ups=[])  # fmt: skip
    expect(page.locator("article.answer .foot")).not_to_be_empty()
    live = page.locator("[aria-live], [role=log], [role=status], [role=alert]")
    assert live.evaluate_all("all => all.filter((one) => one.querySelector('article')).length") == 0


def test_what_is_wrong_with_a_form_is_told_and_tied_to_its_box(chat: Played) -> None:
    page = chat.page
    chat.ask("A person, please")
    chat.answer("I'll pass you on.", "handed_over", [])
    told(page, "I'll pass you on.")
    chat.say("agent", name="", state="closed")
    page.locator(".contact .primary").click()
    wrong = page.locator(".contact .error").inner_text()
    expect(page.locator("#email")).to_have_accessible_description(wrong)
    expect(page.locator("#email")).to_have_attribute("aria-invalid", "true")
    assert page.evaluate("said.at(-1)") == wrong
