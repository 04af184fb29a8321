"""The widget's states, as static/demo/states.js scripts them: their names, and the way into one."""

import re
from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "demo" / "states.js"
STATES: tuple[str, ...] = tuple(re.findall(r'^  "([a-z-]+)": \{', SCRIPT.read_text(), re.MULTILINE))


def reach(page: Page, state: str, query: str = "") -> None:
    """Show the state on a page of the tests' server, and wait until it is there."""
    page.goto(f"/?state={state}&scheme=light+dark{query}")
    page.wait_for_function("name => document.documentElement.dataset.state === name", arg=state)
