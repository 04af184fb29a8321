"""What axe finds wrong on a page, by the rules of WCAG 2.2 at levels A and AA."""

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
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # not by a script tag: the page's own policy would refuse it
    page.evaluate(STILL)
    found = page.evaluate(RUN, [place, TAGS])
    assert found["checked"], "axe checked nothing"
    return [said for broken in found["violations"] for said in _told(broken)]


def _told(broken: dict[str, Any]) -> list[str]:
    return [
        f"{broken['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary'].splitlines()[-1].strip()}"
        for node in broken["nodes"]
    ]
