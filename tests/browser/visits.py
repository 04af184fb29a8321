"""What people do on the pages, for the tests of the whole product."""

from playwright.sync_api import Locator, Page, expect

from tests.conftest import Stack

ANSWER_MS = 90_000


def log_in(page: Page, stack: Stack, user: str) -> None:
    page.locator("#id_username").fill(user)
    page.locator("#id_password").fill(stack.password(user))
    page.locator("input[type=submit]").click()
    expect(page.locator("#user-tools")).to_be_visible()


def ask(page: Page, text: str) -> Locator:
    """Ask in the widget; gives the answer once it has ended."""
    answers = page.locator("article.answer")
    place = answers.nth(answers.count())
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")
    expect(place.locator(".foot")).not_to_be_empty(timeout=ANSWER_MS)
    return place


def open_chat(page: Page) -> None:
    page.locator(".launcher").click()
    expect(page.locator("#question")).to_be_visible()
