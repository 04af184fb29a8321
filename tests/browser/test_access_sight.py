"""The widget for those who see little, see other colours, bear no motion or press with a finger."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import small_targets
from tests.browser.conftest import DESK
from tests.browser.states import reach

PHONE, ZOOMED = {"width": 390, "height": 844}, {"width": 320, "height": 256}
PAIRS = [  # ink, ground, the least contrast: 4.5 for text, 3 for the edge of a control and the focus
    ("text", "surface", 4.5), ("text", "raised", 4.5), ("muted", "surface", 4.5), ("muted", "raised", 4.5),
    ("accent", "surface", 4.5), ("accent", "raised", 4.5), ("on-accent", "accent", 4.5), ("user-text", "user", 4.5),
    ("chip-text", "chip", 4.5), ("danger", "danger-bg", 4.5), ("danger", "surface", 4.5), ("warn", "warn-bg", 4.5),
    ("ok", "surface", 4.5), ("ok", "raised", 4.5), ("control", "surface", 3), ("control", "raised", 3),
    ("ring", "surface", 3), ("ring", "raised", 3),
]  # fmt: skip
CONTRASTS = """(pairs) => {
  const probe = document.createElement("p");
  document.querySelector("support-chat").shadowRoot.querySelector(".panel").append(probe);
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (token) => {
    probe.style.color = `var(--_${token})`;
    ink.fillStyle = getComputedStyle(probe).color;
    ink.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...ink.getImageData(0, 0, 1, 1).data]
      .map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratios = pairs.map(([a, b]) => [light(a), light(b)].sort((x, y) => y - x))
    .map(([x, y]) => (x + 0.05) / (y + 0.05));
  probe.remove();
  return ratios;
}"""


@pytest.fixture
def page(at_the_desk: Page) -> Page:
    return at_the_desk


def test_a_low_screen_shows_the_box_and_a_part_of_the_conversation(page: Page) -> None:
    """320 x 256, as 1280 x 1024 is at 400 %: the small print has moved into the log."""
    page.set_viewport_size(ZOOMED)
    reach(page, "answer")
    box = page.locator("#question").bounding_box()
    log = page.locator(".log").bounding_box()
    assert box and box["y"] + box["height"] <= ZOOMED["height"]
    assert log and log["height"] >= ZOOMED["height"] / 3
    assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]
    expect(page.locator(".bottom .small")).to_be_hidden()
    expect(page.locator(".log .small")).to_contain_text("AI can be wrong")
    expect(page.locator(".log .small")).to_be_visible()
    page.set_viewport_size(DESK)
    expect(page.locator(".bottom .small")).to_be_visible()
    expect(page.locator(".log .small")).to_be_hidden()


def test_a_finger_finds_44_pixels(browser: Browser, desk: Page) -> None:
    context = browser.new_context(base_url=desk.url.split("?")[0], viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    for state in ("empty", "answer", "abstain", "rated-down", "menu", "source", "contact", "past"):
        reach(page, state)
        assert page.evaluate("matchMedia('(pointer: coarse)').matches")
        assert small_targets(page, 44) == [], state
        assert small_targets(page, 24) == [], state
    context.close()


def test_less_motion_means_none(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    for state in ("empty", "searching", "streaming", "source"):
        reach(page, state)
        moving = page.evaluate("""() => document.querySelector("support-chat").shadowRoot.getAnimations()
            .filter((one) => one.effect.getComputedTiming().endTime > 1)
            .map((one) => one.animationName ?? one.transitionProperty)""")
        assert moving == [], state


def test_each_pair_of_colours_can_be_told_apart(page: Page) -> None:
    reach(page, "empty")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ratios = page.evaluate(CONTRASTS, PAIRS)
        least = [(scheme, *pair, round(ratio, 2)) for pair, ratio in zip(PAIRS, ratios, strict=True) if ratio < pair[2]]
        assert least == []


def test_what_axe_passes_over_has_its_colours_too(page: Page) -> None:
    """What stands in an empty box is as dark as small print; a box that is filled in wrongly has the error's edge."""
    reach(page, "rated-down")
    faint = page.evaluate("""() => {
        const root = document.querySelector("support-chat").shadowRoot;
        const muted = getComputedStyle(root.querySelector(".bottom .small")).color;
        const look = (box) => getComputedStyle(box, "::placeholder");
        return [...root.querySelectorAll("[placeholder]")].map(look)
            .filter((it) => it.color !== muted || it.opacity !== "1").length;
    }""")
    assert faint == 0
    reach(page, "contact-refused")
    wrong = page.locator(".contact .error").evaluate("one => getComputedStyle(one).color")
    expect(page.locator("#email")).to_have_css("border-top-color", wrong)
    expect(page.locator("#note")).not_to_have_css("border-top-color", wrong)


def test_thanks_for_a_rating_move_nothing(page: Page) -> None:
    reach(page, "answer")
    copy = page.get_by_role("button", name="Copy the answer")
    copy.scroll_into_view_if_needed()
    before = copy.bounding_box()
    page.get_by_role("button", name="Helpful", exact=True).click()
    expect(page.locator(".rating .thanks")).not_to_be_empty()
    assert copy.bounding_box() == before
