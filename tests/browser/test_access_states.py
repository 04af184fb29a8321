"""Every state of the widget by the rules of WCAG 2.2 A and AA: wide and narrow, light and dark, in both directions."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import states
from tests.browser.accessibility import AXE, DARK, LIGHT, cut_off, small_targets, violations
from tests.browser.conftest import DESK
from tests.browser.fake_chat_server import FakeServer
from tests.conftest import wait_until

WIDGET = "support-chat"
# Axe passes over what is scrolled out of view, so the whole of a conversation has to stand on the screen.
TALL_DESK, TALL_PHONE = {"width": 1280, "height": 2600}, {"width": 390, "height": 2600}
ZOOMED = {"width": 320, "height": 256}  # 1280 x 1024 at 400 %
STRETCH = "() => document.querySelector('support-chat').style.setProperty('--support-chat-height', '2400px')"
TURN = "way => document.querySelector('support-chat').shadowRoot.querySelector('.panel')?.setAttribute('dir', way)"
# The panel stands as this width wants it, and whoever measures it has had a frame to do so.
STANDS = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const panel = document.querySelector("support-chat").shadowRoot.querySelector(".panel[open]");
  done(!panel || panel.classList.contains("full") === matchMedia("(width < 640px) or (height < 480px)").matches);
})))"""
SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
    p { margin-block-end: 2em !important }`);
  document.querySelector("support-chat").shadowRoot.adoptedStyleSheets.push(sheet);
}"""
PATIENCE_S = 10


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with FakeServer() as server:
        context = browser.new_context(base_url=server.url, viewport=DESK)
        context.set_default_timeout(30_000)
        context.add_init_script(path=AXE)  # sent once, not with each page
        yield context.new_page()
        context.close()


def reach(page: Page, state: str, query: str = "") -> None:
    resize(page, DESK, LIGHT)
    states.reach(page, state, query)


def resize(page: Page, size: dict[str, int], scheme: str) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    if page.locator(WIDGET).count():
        page.wait_for_function(STANDS)


def nothing(wrong: Callable[[], list[str]]) -> None:
    """Nothing is wrong, or no longer: what the page is about to do with a new size is waited for."""
    last: list[str] = []

    def right() -> bool:
        last[:] = wrong()
        return not last

    try:
        wait_until(right, PATIENCE_S, "a page without faults", every=0.2)
    except pytest.fail.Exception:
        pytest.fail("\n".join(last))


@pytest.mark.parametrize("state", states.STATES)
def test_each_state_can_be_read_and_used_by_everybody(page: Page, state: str) -> None:
    """By the rules of axe, wide and light, narrow and dark; by a mouse; zoomed to 400 %, with more space between."""
    reach(page, state)
    nothing(lambda: small_targets(page, 36))
    page.evaluate(STRETCH)
    resize(page, TALL_DESK, LIGHT)
    nothing(lambda: violations(page, WIDGET))
    page.evaluate(TURN, "rtl")
    resize(page, TALL_PHONE, DARK)
    nothing(lambda: violations(page, WIDGET))
    resize(page, ZOOMED, DARK)
    nothing(lambda: cut_off(page))
    page.evaluate(SPACED)
    nothing(lambda: cut_off(page))


@pytest.mark.parametrize("state", ["unread", "long", "menu", "source", "contact-refused"])
def test_what_lies_over_the_conversation_and_other_words_are_looked_at_as_they_stand(page: Page, state: str) -> None:
    reach(page, state, "&lang=ar&dir=rtl")
    nothing(lambda: violations(page, WIDGET))


def test_what_is_wrong_inside_the_widget_is_found(page: Page) -> None:
    reach(page, "answer")
    page.evaluate(STRETCH)
    resize(page, TALL_DESK, LIGHT)
    page.evaluate("""() => {
        const root = document.querySelector("support-chat").shadowRoot;
        root.querySelector(".send").removeAttribute("aria-label");
        root.querySelector(".send").removeAttribute("title");
        root.querySelector(".author").style.color = "#ccc";
        root.querySelector(".chip").style.blockSize = "20px";
        root.querySelector(".bubble").style.cssText = "block-size: 10px; overflow: hidden";
    }""")
    assert {said.split(":")[0] for said in violations(page, WIDGET)} == {"button-name", "color-contrast"}
    assert small_targets(page, 24) == ["button.chip “Source 1: Returns and refunds”"]
    assert [said.split()[0] for said in cut_off(page)] == ["p.bubble"]
