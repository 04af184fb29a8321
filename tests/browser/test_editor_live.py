"""An editor tries a made-up fact on the whole product before a customer can meet it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visits import ANSWER_MS, ask, log_in, open_chat
from tests.conftest import Stack

pytestmark = pytest.mark.stack
QUESTION = "How long is the warranty of the Comet Kettle?"


def write(page: Page, stack: Stack) -> None:
    page.goto(stack.url + "/admin/knowledge/article/add/")
    page.locator("#id_title").fill("Comet Kettle warranty")
    page.locator("#id_category").select_option(label="Repairs and warranty")
    page.locator("#id_body").fill("## Kettles\n\nThe Comet Kettle has a warranty of 83 months from its purchase.")


def try_question(page: Page, version: str) -> None:
    page.get_by_label(version, exact=True).check()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#kb-stop-button")).to_be_visible()
    expect(page.locator("#kb-ask-button")).to_be_visible(timeout=ANSWER_MS)


def test_a_draft_answers_its_editor_and_no_customer_until_it_is_published(someone, live_stack) -> None:
    editor = someone("/admin/")
    editor.set_viewport_size({"width": 1440, "height": 900})
    log_in(editor, live_stack, "editor")
    write(editor, live_stack)
    editor.get_by_label("Ask as a customer would").fill(QUESTION)
    try_question(editor, "This draft")
    expect(editor.locator("#kb-verdict")).to_contain_text("This article ranks 1 of")
    expect(editor.locator("#kb-prose")).to_contain_text("83 months")
    expect(editor.locator("#kb-ranking tr.kb-own").first).to_contain_text("this article")

    dora = someone()
    open_chat(dora)
    expect(ask(dora, QUESTION)).not_to_contain_text("83 months")
    try_question(editor, "Published")
    expect(editor.locator("#kb-verdict")).to_have_text("Not found: this article is not published.")
    expect(editor.locator("#kb-prose")).not_to_contain_text("83 months")

    editor.locator("input[name=_publish]").click()
    expect(editor.locator("#kb-state")).to_contain_text("nswerable", timeout=30_000)
    expect(ask(dora, QUESTION)).to_contain_text("83 months")
    editor.get_by_label("Ask as a customer would").fill(QUESTION)
    try_question(editor, "Published")
    expect(editor.locator("#kb-verdict")).to_contain_text("This article ranks 1 of")
    editor.get_by_role("button", name="Save as test question").click()
    expect(editor.locator("#kb-keep-note")).to_contain_text("Saved.")
