"""The whole story in a real browser against the whole product: ask, rate, edit, unpublish, ask a person."""

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visits import ANSWER_MS, ask, log_in, open_chat
from tests.conftest import Stack

pytestmark = pytest.mark.stack
TITLE = "Moon Lantern warranty"
QUESTION = "How long is the warranty of the Moon Lantern?"


def write_article(page: Page, stack: Stack, body: str) -> None:
    page.goto(stack.url + "/admin/knowledge/article/add/")
    page.locator("#id_title").fill(TITLE)
    page.locator("#id_category").select_option(label="Repairs and warranty")
    page.locator("#id_body").fill(body)
    page.locator("input[name=_publish]").click()
    expect(page.locator(".messagelist")).to_contain_text("Published as revision 1")


def test_a_customer_asks_an_agent_edits_and_a_person_answers(someone, live_stack) -> None:
    editor = someone("/admin/")
    log_in(editor, live_stack, "editor")
    write_article(
        editor, live_stack, "## Lanterns\n\nThe Moon Lantern has a warranty of 31 months from the day of purchase."
    )
    expect(editor.locator("#kb-state")).to_contain_text("nswerable", timeout=30_000)

    # A customer asks and watches a cited answer; the citation opens the article.
    dora = someone()
    open_chat(dora)
    first = ask(dora, QUESTION)
    expect(first).to_contain_text("31 months")
    source = first.locator("li[part=source] a").first
    expect(source).to_have_attribute("href", f"{live_stack.url}/help/moon-lantern-warranty/#lanterns")
    first.locator(".rating button").first.click()
    expect(first.locator(".rating")).to_contain_text("Thanks")

    # The editor publishes a change; seconds later the answer is another.
    editor.locator("#id_body").fill(
        "## Lanterns\n\nThe Moon Lantern has a warranty of 47 months from the day of purchase."
    )
    editor.locator("input[name=_publish]").click()
    expect(editor.locator(".messagelist")).to_contain_text("Published as revision 2")
    second = ask(dora, QUESTION)
    expect(second).to_contain_text("47 months")
    expect(second).not_to_contain_text("31 months")

    # Withdrawn: gone from the answers at once, and the old link says so.
    editor.get_by_role("button", name="Unpublish").click()
    expect(editor.locator(".messagelist")).to_contain_text("unpublished")
    third = ask(dora, QUESTION)
    expect(third).not_to_contain_text("47 months")
    assert dora.request.get(f"{live_stack.url}/help/moon-lantern-warranty/").status == 410

    # The conversation is still there after a reload.
    dora.reload()
    expect(dora.locator("article.answer")).to_have_count(3)
    expect(dora.locator("article.answer").nth(1)).to_contain_text("47 months")


def test_who_asks_for_a_person_is_answered_by_one(someone, live_stack) -> None:
    agent = someone("/admin/chat/conversation/")
    log_in(agent, live_stack, "agent")
    emil = someone()
    open_chat(emil)
    ask(emil, "How can I return an item?")
    # The agent is at the desk: looking at any conversation counts.
    agent.goto(live_stack.url + "/admin/chat/conversation/")
    agent.locator("#result_list tbody tr a").first.click()
    expect(agent.locator("#transcript")).to_contain_text("How can I return an item?")
    emil.locator("button[aria-controls=menu]").click()
    emil.get_by_role("button", name="Ask our team").first.click()
    expect(emil.locator(".notice")).to_contain_text("in line")
    agent.goto(live_stack.url + "/admin/chat/conversation/")
    row = agent.locator("#result_list tbody tr").first
    expect(row).to_contain_text("Waiting for a person")
    row.locator("a").first.click()
    agent.locator("#desk textarea").fill("Hello Emil, I can help with that.")
    start = time.monotonic()
    agent.get_by_role("button", name="Send").click()
    expect(emil.locator("#turns, .log").first).to_contain_text("Hello Emil, I can help with that.", timeout=10_000)
    assert time.monotonic() - start < 10
    # What the customer writes now reaches the person, on a page that is already open.
    emil.locator("#question").fill("Thank you, it is order 4711.")
    emil.locator("#question").press("Enter")
    expect(agent.locator("#transcript")).to_contain_text("it is order 4711", timeout=15_000)


def test_two_customers_are_answered_at_the_same_time(someone, live_stack) -> None:
    pages = [someone(), someone()]
    for page in pages:
        open_chat(page)
        page.locator("#question").fill("How long do I have to return an item?")
    for page in pages:
        page.locator("#question").press("Enter")
    for page in pages:
        answer = page.locator("article.answer").first
        expect(answer.locator(".foot")).not_to_be_empty(timeout=ANSWER_MS)
        expect(answer.locator("li[part=source] a").first).to_be_visible()


def test_a_manager_reads_what_was_said(someone, live_stack) -> None:
    dora = someone()
    open_chat(dora)
    said = ask(dora, "How long do I have to return an item?").locator(".prose, blockquote").first.inner_text()
    manager = someone("/admin/chat/conversation/")
    log_in(manager, live_stack, "manager")
    manager.goto(live_stack.url + "/admin/chat/conversation/")
    manager.locator("#result_list tbody tr", has_text="How long do I have to return an item?").first.locator(
        "a"
    ).first.click()
    expect(manager.locator("#transcript")).to_contain_text("How long do I have to return an item?")
    expect(manager.locator(".sc-bot .sc-text").last).to_contain_text(said.split("\n")[0][:20])
    expect(manager.locator(".sc-evidence table").last).to_be_visible()
    manager.get_by_label("Good", exact=True).last.check()
    manager.get_by_role("button", name="Save", exact=True).last.click()
    expect(manager.locator(".messagelist")).to_contain_text("Saved.")
