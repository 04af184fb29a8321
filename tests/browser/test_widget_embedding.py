"""The widget on pages that we do not control: strict ones, hostile ones, busy ones, and ones that never end."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from chat.models import Widget
from tests.browser.fake_chat_server import FakeServer
from tests.conftest import wait_until

Host = Callable[..., Page]
# What happens on the page besides the widget; written before any of its scripts run.
WATCH = """
window.refused = [];
const refuse = (event) => refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
document.addEventListener("securitypolicyviolation", refuse);
"""
HOSTILE_STYLE = """
body * {
  display: none !important; all: unset !important; position: static !important; margin: 40px !important;
  transform: rotate(9deg) !important; opacity: 0.1 !important; filter: invert(1) !important; zoom: 3 !important;
  visibility: hidden !important; font: 40px/3 cursive !important; color: red !important; float: left !important;
  text-transform: uppercase !important; letter-spacing: 9px !important; pointer-events: none !important;
  max-width: 10px !important; contain: strict !important; writing-mode: vertical-rl !important;
}
html { font-size: 62.5% !important; }
div, button, dialog, article, p, ol { display: none !important; background: red !important; }
"""
HOSTILE_SCRIPT = """
Object.prototype.extend = function () {};
Array.prototype.last = function () { return this[this.length - 1]; };
Array.prototype.toJSON = function () { return "[hostile]"; };
Array.from = (list) => Array.prototype.slice.call(list);
delete Crypto.prototype.randomUUID;
window.fetch = () => { throw new Error("hostile"); };
const define = customElements.define;
customElements.define = function (name, made, options) { return define.call(this, name, made, options); };
for (const name of "h t Panel Session button icon sheet next open name EMPTY".split(" ")) window[name] = "hostile";
"""
# Counts what a page has under way; `live()` gives the counts.
COUNTING = """
const sockets = new Set(), intervals = new Set(), heard = new Map();
const Real = WebSocket;
window.WebSocket = class extends Real {
  constructor(...all) {
    super(...all);
    sockets.add(this);
    super.addEventListener("close", () => sockets.delete(this));
  }
};
const every = setInterval, never = clearInterval;
window.setInterval = (...all) => { const id = every(...all); intervals.add(id); return id; };
window.clearInterval = (id) => { intervals.delete(id); never(id); };
for (const target of [window, document, visualViewport]) {
  const { addEventListener: add, removeEventListener: remove } = target;
  const acts = (type) => {
    const key = `${target.constructor.name} ${type}`;
    return heard.get(key) ?? heard.set(key, new Set()).get(key);
  };
  target.addEventListener = (type, act, how) => { acts(type).add(act); add.call(target, type, act, how); };
  target.removeEventListener = (type, act, how) => { acts(type).delete(act); remove.call(target, type, act, how); };
}
window.live = () => ({
  sockets: sockets.size, intervals: intervals.size,
  listeners: [...heard].filter(([, acts]) => acts.size).map(([key, acts]) => `${key} ${acts.size}`).sort(),
});
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def host(browser: Browser, server: FakeServer) -> Iterator[Host]:
    """Open a page of a company, which has another origin than the help server; errors and violations fail the test."""
    contexts, faults, pages = [], [], []

    def open_page(body: str, policy: str = "", *scripts: str, head: str = "") -> Page:
        server.chat.settings = {}
        script = f'<script type="module" src="{server.url}/widget/support-chat.js"></script>'
        page_text = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>{head}{script}{body}</html>'
        )
        server.chat.pages["page"] = (page_text, policy)
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True))
        contexts[-1].set_default_timeout(30_000)
        page = contexts[-1].new_page()
        pages.append(page)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.add_init_script(WATCH + "".join(scripts))
        page.goto(server.url.replace("127.0.0.1", "localhost") + "/host/page")
        return page

    yield open_page
    faults += [one for page in pages for one in page.evaluate("refused")]
    for context in contexts:
        context.close()
    assert faults == []


def ask(page: Page, text: str = "How do I return an item?", chat: str = "support-chat") -> Locator:
    widget = page.locator(chat)
    widget.locator("#question").fill(text)
    widget.locator("#question").press("Enter")
    answer = widget.locator("article.answer").last
    expect(answer.locator(".foot")).not_to_be_empty(timeout=30_000)
    return answer


def test_a_strict_policy_of_another_site_refuses_nothing(host: Host, server: FakeServer) -> None:
    ours, sockets = server.url, server.url.replace("http", "ws")
    policy = (
        f"default-src 'none'; script-src {ours}; connect-src {ours} {sockets}; style-src 'none'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page = host("<support-chat key=demo accent></support-chat>", policy)
    page.locator(".launcher").click()
    answer = ask(page)
    answer.locator(".chip").first.click()
    expect(page.locator(".preview")).to_be_visible()
    page.keyboard.press("Escape")
    answer.locator(".rating button").nth(1).click()
    expect(answer.locator(".why")).to_be_visible()
    page.get_by_role("button", name="Menu").click()
    with page.expect_download():
        page.get_by_role("button", name="Download transcript").click()
    page.get_by_role("button", name="Menu").click()
    page.locator(".menu select").select_option("ar")
    expect(page.locator("dialog.panel")).to_have_attribute("dir", "rtl")
    expect(page.locator("dialog.panel")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator(".bubble")).to_have_css("border-top-left-radius", "14px")


def test_hostile_styles_and_globals_of_a_page_do_not_get_in(host: Host, server: FakeServer) -> None:
    head = f"<style>{HOSTILE_STYLE}</style><script>{HOSTILE_SCRIPT}</script>"
    page = host("<support-chat key=demo></support-chat>", head=head)
    launcher = page.locator(".launcher")
    expect(launcher).to_have_css("width", "56px")
    box = launcher.bounding_box()
    assert box is not None and (box["x"], box["y"]) == (1204, 724)
    launcher.click()
    answer = ask(page)
    panel = page.locator("dialog.panel")
    expect(panel).to_have_js_property("offsetWidth", 400)
    expect(panel).to_have_css("opacity", "1")
    for place in (answer.locator(".prose p").first, page.locator(".bubble")):
        expect(place).to_have_css("font-size", "15px")
        expect(place).to_have_css("text-transform", "none")
        expect(place).to_be_visible()
    expect(answer.locator(".prose p").first).to_have_css("color", "rgb(17, 24, 39)")
    assert page.locator("support-chat").evaluate("one => getComputedStyle(one).transform + one.clientWidth") == "none56"
    ask(page, "abstain")
    page.reload()  # open, as it was left; what the page's toJSON spoiled of the memory is not trusted
    expect(page.locator("#question")).to_be_visible()
    page.evaluate("document.querySelector('support-chat').hidden = true")
    expect(launcher).to_be_hidden()


def test_several_on_one_page_share_a_line_or_keep_apart_by_their_key(host: Host, server: FakeServer) -> None:
    keys = {"a": "demo", "b": "demo", "c": "other"}
    page = host("".join(f"<support-chat id={name} key={key} mode=inline></support-chat>" for name, key in keys.items()))
    for name in "abc":
        expect(page.locator(f"#{name} #question")).to_be_visible()
    wait_until(lambda: sorted(server.chat.open) == ["demo", "other"], 15, "a line of each key")
    ask(page, chat="#a")
    expect(page.locator("#b article.answer .foot")).not_to_be_empty()
    expect(page.locator("#b .bubble")).to_have_text("How do I return an item?")
    expect(page.locator("#c article")).to_have_count(0)
    ask(page, "abstain", chat="#c")
    expect(page.locator("#a article")).to_have_count(2)
    page.evaluate("document.querySelector('#a').remove()")
    ask(page, "extract", chat="#b")
    page.evaluate("document.querySelectorAll('support-chat').forEach(one => one.remove())")
    wait_until(lambda: server.chat.open == [], 15, "the lines closed")


def test_a_page_of_many_routes_leaks_nothing(host: Host, server: FakeServer) -> None:
    page = host("<main></main>", "", COUNTING)
    page.evaluate("customElements.whenDefined('support-chat')")
    before = page.evaluate("live()")
    seen = []
    for route in ("/cart", "/account", "/help"):
        page.evaluate("""route => {
            history.pushState({}, '', route);
            document.querySelector('main').innerHTML = '<support-chat key=demo></support-chat>';
            document.querySelector('support-chat').show();
        }""", route)  # fmt: skip
        expect(page.locator("#question")).to_be_visible()
        if route == "/cart":
            ask(page)
        expect(page.locator("article.answer .foot")).not_to_be_empty()  # the conversation goes on, route after route
        wait_until(lambda: server.chat.open == ["demo"], 15, "one line")
        wait_until(lambda: page.evaluate("[live().sockets, live().intervals]") == [1, 1], 15, "one line, one pulse")
        seen.append(page.evaluate("live().listeners"))
        page.evaluate("document.querySelector('main').replaceChildren()")
        wait_until(lambda: server.chat.open == [], 15, "the line closed")
        wait_until(lambda: page.evaluate("live().sockets") == 0, 15, "the socket gone")
    assert seen[0] == seen[1] == seen[2]
    after = page.evaluate("live()")
    assert after["intervals"] == 0
    assert [one for one in after["listeners"] if one not in before["listeners"]] == [
        "Window storage 1"
    ]  # of the session


def test_an_allowed_page_may_frame_the_chat_and_no_other_may(
    browser: Browser, server: FakeServer, live_server, beside_the_browser
) -> None:
    Widget.objects.create(key="shop", name="Shop", allowed_origins=server.url)
    body = f'<iframe src="{live_server.url}/widget/shop/frame/?lang=de" title="Chat" width=400 height=640></iframe>'
    server.chat.pages["framing"] = (body, f"default-src 'none'; frame-src {live_server.url}; style-src 'none'")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(30_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.route_web_socket("**/ws/chat/shop/", answer_frames)
    page.goto(server.url + "/host/framing")
    frame = page.frame_locator("iframe")
    expect(frame.locator("#title")).to_have_text("Hilfe")
    frame.locator("#question").fill("Wie lange?")
    frame.locator("#question").press("Enter")
    expect(frame.locator("article.answer .prose")).to_have_text("30 Tage.")
    expect(frame.locator("dialog.panel")).to_have_js_property("offsetHeight", 640)
    expect(frame.locator(".launcher")).to_be_hidden()
    assert not [text for text in said if "Content Security Policy" in text]
    page.goto(server.url.replace("127.0.0.1", "localhost") + "/host/framing")  # the same page at another origin
    wait_until(lambda: any("frame-ancestors" in text for text in said), 15, "the browser refusing the frame")
    expect(frame.locator("support-chat")).to_have_count(0)
    page.close()


def answer_frames(line: WebSocketRoute) -> None:
    """A chat server that has one answer."""

    def say(**frame: Any) -> None:
        line.send(json.dumps(frame))

    def hear(text: str | bytes) -> None:
        frame = json.loads(text)
        if frame["type"] == "hello":
            say(type="welcome", protocol=1, token="t", conversation=None, messages=[], greeting="", suggestions=[])
        if frame["type"] == "ask":
            say(type="accepted", id=frame["id"], message="m1", reply="r1", conversation="c1")
            say(type="delta", reply="r1", epoch=1, seq=1, text="30 Tage.")
            say(type="done", reply="r1", epoch=1, seq=2, text="30 Tage.", outcome="answered", citations=[])

    line.on_message(hear)
