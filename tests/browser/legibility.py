"""Whether what stands on a page can be read: the contrast of each text with what lies behind it."""

from playwright.sync_api import Page

LEGIBLE = """(selector) => {
  // The admin's links fade from one scheme's colour to the other's: what is read is where they arrive. They are put
  // there and not waited for: where no frame is drawn, no fading ends.
  for (const one of document.getAnimations())
    if (Number.isFinite(one.effect.getComputedTiming().endTime)) one.finish();
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    ink.clearRect(0, 0, 1, 1);
    ink.fillStyle = colour;
    ink.fillRect(0, 0, 1, 1);
    return [...ink.getImageData(0, 0, 1, 1).data];
  };
  const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll(selector)) {
    const said = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (!said || !node.checkVisibility()) continue;
    const pair = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < 4.5) faint.push(`${node.className} ${node.textContent.slice(0, 40)}`);
  }
  return faint;
}"""


def too_faint(page: Page, selector: str) -> list[str]:
    """The texts among these elements with less than 4.5 to 1, by their class and first words."""
    return page.evaluate(LEGIBLE, selector)
