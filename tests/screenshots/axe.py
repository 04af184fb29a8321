"""`python -m tests.screenshots.axe`: what axe says of each state of the widget, as the table of docs/accessibility.md.

Looked at as tests/browser/test_access_states.py does, the conversation in its whole length. Exit status 1: something
breaks a rule; it is told on the other stream.
"""

import os
import shutil
import sys

import django
from playwright.sync_api import sync_playwright


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")
    django.setup()
    from tests.browser import test_access_states as looks
    from tests.browser.accessibility import DARK, LIGHT, examined
    from tests.browser.conftest import QUIET
    from tests.browser.fake_chat_server import FakeServer
    from tests.browser.states import STATES

    broken = 0
    print("| state | rules kept, 1280 px, light | broken | rules kept, 390 px, dark, right to left | broken |")
    print("|---|---|---|---|---|")
    with FakeServer() as server, sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(base_url=server.url)
        for state in STATES:
            looks.reach(page, state)
            page.evaluate(looks.STRETCH)
            looks.resize(page, looks.TALL_DESK, LIGHT)
            wide, wrong = examined(page, looks.WIDGET)
            page.evaluate(looks.TURN, "rtl")
            looks.resize(page, looks.TALL_PHONE, DARK)
            narrow, more = examined(page, looks.WIDGET)
            print(f"| {state} | {wide} | {len(wrong)} | {narrow} | {len(more)} |", flush=True)
            for said in [*wrong, *more]:
                print(f"{state}: {said}", file=sys.stderr)
            broken += len(wrong) + len(more)
        browser.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
