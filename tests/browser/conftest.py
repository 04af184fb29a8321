"""A real Chromium, Debian's own; tests that need it skip where it is not installed."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.fake_chat_server import FakeServer
from tests.conftest import Stack

QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
    "--disable-quic",
]

DESK = {"width": 1280, "height": 800}

# A small machine that also runs the servers of the tests may take longer than the usual five seconds.
expect.set_options(timeout=15_000)


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


@pytest.fixture(scope="module")
def beside_the_browser(django_db_setup) -> Iterator[None]:
    """Playwright runs its loop in this thread; the tests talk to the database from it all the same."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Page]:
    """A page of the tests' chat server, one for a module; `at_the_desk` is the same before each test."""
    with FakeServer() as server:
        context = browser.new_context(base_url=server.url, viewport=DESK)
        context.set_default_timeout(30_000)
        yield context.new_page()
        context.close()


@pytest.fixture
def at_the_desk(desk: Page) -> Page:
    """As wide, as plain and as forgetful as at first."""
    if desk.url != "about:blank":
        desk.evaluate("() => [localStorage, sessionStorage].forEach((kept) => kept.clear())")
    desk.set_viewport_size(DESK)
    desk.emulate_media(forced_colors="none", reduced_motion="no-preference", color_scheme="light")
    return desk


@contextmanager
def adas_page(browser, live_server, client, path: str, *, wide: int = 1280) -> Iterator[Page]:
    """Ada's browser at a page of the admin; any error of the page or of its security policy fails the test."""
    ada = get_user_model().objects.create_superuser("ada", "ada@larkfield.example", "pass-word-of-ada")
    client.force_login(ada)
    context = browser.new_context(base_url=live_server.url, viewport={"width": wide, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(path)
    yield page
    context.close()
    assert wrong == []


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
