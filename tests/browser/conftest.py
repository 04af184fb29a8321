"""A real Chromium, Debian's own; tests that need it skip where it is not installed."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import Stack

QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
    "--disable-quic",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each module: while it is open this thread has a running loop, which async tests would refuse."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, headless=True, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def someone(browser: Browser, live_stack: Stack) -> Iterator[Callable[..., Page]]:
    """A person with a browser of their own; any error on their pages fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def arrive(path: str = "/") -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text) if message.type == "error" and "favicon" not in message.text else None
            ),
        )
        page.goto(live_stack.url + path)
        return page

    yield arrive
    for context in contexts:
        context.close()
    assert faults == []
