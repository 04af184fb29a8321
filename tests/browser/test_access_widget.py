"""The widget for those who use no mouse or no screen: keys, the focus, what is found by roles and names."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK
from tests.browser.states import reach

PHONE = {"width": 390, "height": 844}
# Where the focus is: its place in the panel, its name, and whether it can be seen to be there.
FOCUS = """() => {
  const one = document.querySelector("support-chat").shadowRoot.activeElement;
  if (!one) return { place: document.activeElement === document.body ? "nowhere" : "page", name: "", seen: true };
  const place = [".launcher", ".preview", ".top", ".log:focus", ".log .answer", ".log", ".bottom"]
    .find((box) => one.closest(box)) ?? "nowhere";
  const ring = (node) => getComputedStyle(node).outlineStyle !== "none"
    && parseFloat(getComputedStyle(node).outlineWidth) >= 2;
  const name = one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent.trim();
  return { place, name, seen: ring(one) || ring(one.parentElement) };
}"""


@pytest.fixture
def page(at_the_desk: Page) -> Page:
    return at_the_desk


def focus(page: Page) -> dict[str, Any]:
    return page.evaluate(FOCUS)


def tour(page: Page, key: str = "Tab") -> list[dict[str, Any]]:
    """What the key stops at, from where the focus is until it leaves the panel."""
    stops = [focus(page)]
    while len(stops) < 60:
        page.keyboard.press(key)
        stops.append(focus(page))
        if stops[-1]["place"] in ("page", "nowhere", ".launcher"):
            return stops[:-1]
    pytest.fail(f"the focus is trapped: {stops}")


def test_the_tab_key_goes_from_the_header_to_the_answer_to_the_box_and_out_and_the_same_way_back(page: Page) -> None:
    reach(page, "answer")
    expect(page.locator(".log")).to_have_attribute("tabindex", "0")  # it scrolls
    page.locator(".top button").first.focus()
    stops = tour(page)
    order = [".top", ".log:focus", ".log .answer", ".bottom"]
    places = [order.index(stop["place"]) for stop in stops]
    assert places == sorted(places) and set(places) == {0, 1, 2, 3}, stops
    assert all(stop["name"] and stop["seen"] for stop in stops), stops
    names = [stop["name"] for stop in stops]
    assert names.index("Source 1: Returns and refunds") < names.index("Helpful") < names.index("Your question")
    assert names[-1] == "Send"
    page.locator(".send").focus()
    assert [stop["name"] for stop in tour(page, "Shift+Tab")] == names[::-1]


def test_a_screen_without_room_beside_the_panel_keeps_the_focus_in_it(page: Page) -> None:
    page.set_viewport_size(PHONE)
    reach(page, "answer")
    page.locator(".send").focus()
    page.keyboard.press("Tab")
    if focus(page)["place"] == "nowhere":  # the browser's own controls come between the last stop and the first
        page.keyboard.press("Tab")
    assert focus(page)["place"] == ".top"


# state, the control that is pressed, what has the focus then
GONE = [
    ("empty", ".suggestion >> nth=0", "#question"),
    ("answer", ".log .suggestion >> nth=0", "#question"),
    ("abstain", ".foot .buttons button >> nth=0", "#question"),
    ("abstain", ".foot .buttons button >> nth=1", "#question"),
    ("stopped", ".foot .buttons button", "#question"),
    ("failed", ".foot .buttons button >> nth=0", "#question"),
    ("streaming", ".send", ".send"),
    ("rated-down", ".why .buttons button >> nth=0", ".rating button >> nth=1"),
    ("rated-down", ".why .buttons button >> nth=1", "#question"),
    ("source", ".preview .icon-button", ".chip >> nth=0"),
    ("menu", ".menu .item >> nth=0", "#question"),
    ("menu", ".menu .item >> nth=1", ".icon-button[aria-controls=menu]"),
    ("past", ".past button >> nth=0", "#question"),
    ("past", ".past button >> nth=3", "#question"),
    ("contact", ".contact .primary", "#email"),
    ("contact", ".contact .buttons button >> nth=1", "#question"),
    ("ended", ".event .buttons button >> nth=0", "#question"),
    ("prechat", ".contact .primary", "#first-name"),
]


@pytest.mark.parametrize(("state", "pressed", "next_"), GONE)
def test_a_control_that_goes_away_hands_the_focus_on(page: Page, state: str, pressed: str, next_: str) -> None:
    reach(page, state)
    page.locator(pressed).focus()
    page.keyboard.press("Enter")
    expect(page.locator(next_)).to_be_focused()
    page.evaluate("() => new Promise((drawn) => setTimeout(() => requestAnimationFrame(drawn), 100))")
    expect(page.locator(next_)).to_be_focused()  # nor does the next drawing take it away


def test_who_comes_back_from_past_conversations_finds_the_greeting(page: Page) -> None:
    page.goto("/")
    page.locator(".launcher").click()
    expect(page.locator(".greeting")).to_be_visible()
    page.locator("[aria-controls=menu]").click()
    page.get_by_role("button", name="Past conversations").click()
    expect(page.locator(".past")).to_be_visible()
    page.locator(".past button").last.click()
    expect(page.locator(".past")).to_have_count(0)
    expect(page.locator(".greeting")).to_be_visible()
    expect(page.locator("#question")).to_be_focused()


def test_closing_gives_the_focus_back_to_the_launcher_wide_and_narrow(page: Page) -> None:
    page.goto("/")
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        for key in ("Escape", "Enter"):
            page.locator(".launcher").focus()
            page.keyboard.press("Enter")
            expect(page.locator("#question")).to_be_focused()
            if key == "Enter":
                page.locator("[part=close]").focus()
            page.keyboard.press(key)
            expect(page.locator("dialog.panel")).to_be_hidden()
            expect(page.locator(".launcher")).to_be_focused()
            expect(page.locator(".launcher")).to_have_attribute("aria-expanded", "false")


def test_the_menu_is_walked_and_escape_folds_one_thing_at_a_time(page: Page) -> None:
    reach(page, "menu")
    expect(page.locator(".menu .item").first).to_be_focused()
    walked = [stop["name"] for stop in tour(page)]
    assert "How answers are made" in walked and "Ask our team" in walked
    expect(page.locator(".menu")).to_be_hidden()  # left by the Tab key, it folds
    button = page.locator("[aria-controls=menu]")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".menu")).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(page.locator("dialog.panel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.panel")).to_be_hidden()


def test_what_the_widget_covers_is_seen_while_it_has_the_focus(page: Page) -> None:
    page.goto("/")
    launcher = page.locator(".launcher")
    expect(launcher).to_be_visible()
    page.evaluate("""() => {
        for (const [id, side, up] of [["under-launcher", 40, 40], ["under-panel", 80, 300]]) {
            const own = document.body.appendChild(document.createElement("button"));
            own.id = own.textContent = id;
            Object.assign(own.style, { position: "fixed", right: `${side}px`, bottom: `${up}px`, width: "12px",
                height: "12px", padding: "0", overflow: "hidden" });
        }
    }""")
    page.locator("#under-launcher").focus()
    expect(launcher).to_have_css("opacity", "0")
    expect(launcher).to_have_attribute("inert", "")
    page.locator("#under-panel").focus()
    expect(launcher).to_have_css("opacity", "1")
    expect(launcher).not_to_have_attribute("inert", "")
    launcher.click()
    expect(page.locator("#question")).to_be_focused()
    page.locator("#under-panel").focus()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.panel")).to_be_hidden()
    expect(page.locator("#under-panel")).to_be_focused()


def test_what_a_screen_reader_finds_has_roles_and_names(page: Page) -> None:
    reach(page, "answer")
    dialog = page.get_by_role("dialog", name="Support")
    expect(dialog.get_by_role("heading", name="Support", level=2)).to_be_visible()
    expect(dialog.get_by_role("region", name="Conversation")).to_be_visible()
    expect(dialog.get_by_role("article")).to_have_count(2)
    expect(dialog.get_by_role("article").last).to_have_accessible_name(re.compile("^Assistant: You can send"))


def test_forced_colours_keep_the_edges_the_focus_and_what_is_pressed(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    reach(page, "answer")
    edgeless = page.evaluate("""() => {
        const root = document.querySelector("support-chat").shadowRoot;
        return [...root.querySelectorAll(".button, .suggestion, .send, .bubble, .answer, .chip, .row")]
            .filter((one) => one.checkVisibility()).filter((one) => {
                const { borderTopStyle: style, borderTopWidth: width, borderTopColor: edge, backgroundColor: ground }
                    = getComputedStyle(one);
                return style === "none" || parseFloat(width) < 1 || edge === ground;
            }).map((one) => one.className);
    }""")
    assert edgeless == []
    page.locator(".top button").first.focus()
    assert all(stop["seen"] for stop in tour(page))
    reach(page, "rated-up")
    pressed = page.locator(".rating [aria-pressed=true]")
    edges = pressed.evaluate("one => [one, one.nextElementSibling].map((it) => getComputedStyle(it).borderTopColor)")
    assert edges[0] != edges[1], "what is pressed differs by more than a shade"
