"""Pictures of every state of the widget, for people to look at: `make screenshots`.

Each is played by the page of every state against the tests' own server; nothing else has to run. `index.html` in the
folder shows them side by side. Exit status 1: a state was not reached, or there is no browser.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import django
from playwright.sync_api import Error, Page, sync_playwright

from tests.browser.states import STATES, reach

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "screenshots"
CORNER, NARROW = {"width": 520, "height": 800}, {"width": 390, "height": 844}
# name of the look: what is pictured, the colours, what is asked of the page
LOOKS = {
    "light": (CORNER, "light", ""),
    "dark": (CORNER, "dark", ""),
    "rtl": (CORNER, "light", "&lang=ar&dir=rtl"),
    "narrow": (NARROW, "light", ""),
}
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Every state of the widget</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body { font-family: system-ui, sans-serif; margin: 24px } section { display: flex; gap: 12px; overflow-x: auto }
figure { margin: 0 } img { block-size: 480px; border: 1px solid #8888 }</style><h1>Every state of the widget</h1>"""


def take(page: Page, state: str, look: str, folder: Path) -> Path:
    """Raises playwright's TimeoutError if the state is not reached."""
    size, scheme, query = LOOKS[look]
    # A window of 520 pixels would get the panel of a small screen: it is opened wide, and its corner is pictured.
    wide = size["width"] if size is NARROW else 1280
    page.set_viewport_size({"width": wide, "height": size["height"]})
    page.emulate_media(color_scheme=scheme)
    reach(page, state, query)
    left = wide - size["width"] if "rtl" not in query else 0
    if state == "expanded" and size is not NARROW:
        size, left = {**size, "width": 640}, max(0, left - 120)
    path = folder / f"{state}-{look}.png"
    page.screenshot(path=path, clip={"x": left, "y": 0, **size}, animations="disabled", caret="hide")
    return path


def sheet(states: Sequence[str], folder: Path) -> Path:
    """One page with all pictures, a row for each state."""
    rows = []
    for state in states:
        shown = "".join(
            f'<figure><a href="{state}-{look}.png"><img src="{state}-{look}.png" alt="{state}, {look}"></a>'
            f"<figcaption>{look}</figcaption></figure>"
            for look in LOOKS
        )
        rows.append(f"<h2>{escape(state)}</h2><section>{shown}</section>")
    path = folder / "index.html"
    path.write_text(HEAD + "\n".join(rows) + "</html>\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="emptied of pictures first (default: %(default)s)")
    parser.add_argument("--only", nargs="*", help="names of states; all by default")
    wanted = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")
    django.setup()
    from tests.browser.conftest import QUIET
    from tests.browser.fake_chat_server import FakeServer

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        print("error: no Chromium was found\n  fix: apt-get install chromium fonts-noto-core", file=sys.stderr)
        return 1
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for old in wanted.folder.glob("*.png"):
        old.unlink()
    states = wanted.only or STATES
    missed = 0
    with FakeServer() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(base_url=server.url)
        for at, state in enumerate(states, start=1):
            for look in LOOKS:
                try:
                    take(page, state, look, wanted.folder)
                except Error as error:
                    missed += 1
                    print(f"warning: {state}, {look}: {error.message.splitlines()[0]}", file=sys.stderr)
            print(f"   Picturing  {at}/{len(states)} {state}", flush=True)
        browser.close()
    print(f"       Ready  {sheet(states, wanted.folder)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
