"""What breaks the rules of WCAG 2.2 at levels A and AA: on a page, by axe; in the widget, what is cut or too small."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LIGHT, DARK = "light", "dark"

# What moves is put where it arrives: axe would read a colour on its way, and where no frame is drawn no fading ends.
STILL = """() => {
  const roots = [document, ...[...document.querySelectorAll("*")].flatMap((one) => one.shadowRoot ?? [])];
  for (const moving of roots.flatMap((root) => root.getAnimations()))
    if (Number.isFinite(moving.effect.getComputedTiming().endTime)) moving.finish();
}"""
RUN = """async ([place, tags]) => {
  // Without preload no copy of a style sheet is written into the page, which the page's own policy would refuse.
  const options = { runOnly: { type: "tag", values: tags }, rules: { "target-size": { enabled: true } },
    resultTypes: ["violations"], preload: false };
  const { violations, passes } = await axe.run(place ?? document, options);
  return { checked: passes.length, violations };
}"""


def violations(page: Page, place: str | None = None) -> list[str]:
    """Each broken rule with the element that breaks it, in words for a failed test; `place` narrows to a selector."""
    return examined(page, place)[1]


def examined(page: Page, place: str | None = None) -> tuple[int, list[str]]:
    """How many rules had something to look at and found it right, and what `violations` tells."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # not by a script tag: the page's own policy would refuse it
    page.evaluate(STILL)
    found = page.evaluate(RUN, [place, TAGS])
    assert found["checked"], "axe checked nothing"
    return found["checked"], [said for broken in found["violations"] for said in _told(broken)]


def _told(broken: dict[str, Any]) -> list[str]:
    return [
        f"{broken['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary'].splitlines()[-1].strip()}"
        for node in broken["nodes"]
    ]


# The rendered elements of the widget, and how a failed test names them.
SHOWN = """const root = document.querySelector("support-chat").shadowRoot;
  const words = (one) => (one.getAttribute("aria-label") ?? one.textContent).trim().slice(0, 30);
  const name = (one) => `${one.tagName.toLowerCase()}.${one.className} “${words(one)}”`;
  const shown = [...root.querySelectorAll("*")].filter((one) => one.checkVisibility({ visibilityProperty: true })
    && !one.closest(".spoken, svg"));"""
# A dialog's parts are asked one by one; code, tables and what is written scroll in boxes of their own; a launcher's
# badge stands outside it.
CUT = """() => { SHOWN
  return shown.filter((one) => {
    const { display, overflowY } = getComputedStyle(one);
    const [wide, high] = [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight];
    if (one.matches("dialog, textarea, input, select, .launcher") || one.closest("pre, .table")) return false;
    if (display === "inline") return false;
    if (wide > 1 && !one.matches(".chip")) return true;
    if (high > 1 && ["hidden", "clip"].includes(overflowY)) return true;
    return one.matches("button:not(.chip), a.button") && high > 2;
  }).map(name); }""".replace("SHOWN", SHOWN)
TARGETS = """(least) => { SHOWN
  return shown.filter((one) => one.matches("button, a[href], input, textarea, select, summary"))
    .filter((one) => !one.matches(least > 24 ? ".prose *, .subtitle" : ".prose a")) // within text they may be smaller
    .filter((one) => Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height) < least - 0.1)
    .map(name); }""".replace("SHOWN", SHOWN)


def cut_off(page: Page) -> list[str]:
    """The parts of the widget that hold more than is to be seen, sideways or because they cut it."""
    return page.evaluate(CUT)


def small_targets(page: Page, least: int) -> list[str]:
    """What is pressed in the widget and is smaller than `least` pixels."""
    return page.evaluate(TARGETS, least)
