"""An import in a real browser: a file is chosen, previewed and imported, and the pages follow by themselves."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import expect

from knowledge import import_tasks, imports, tasks
from knowledge.models import Article, ImportRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def beside_the_browser(django_db_setup) -> Iterator[None]:
    """Playwright runs its loop in this thread; the tests talk to the database from it all the same."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(beside_the_browser, browser, live_server, client, monkeypatch, settings, tmp_path):
    """Ada's browser at the form of an import; any error of the page or of its security policy fails the test."""
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    monkeypatch.setattr(import_tasks, "hint", lambda *_: None)
    settings.DATA_DIR = tmp_path
    ada = get_user_model().objects.create_superuser("ada", "ada@larkfield.example", "pass-word-of-ada")
    client.force_login(ada)
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto("/admin/knowledge/importsource/add/")
    yield page
    context.close()
    assert wrong == []


def carry_out():
    assert imports.carry_out(ImportRun.objects.first().pk)


def test_a_file_is_previewed_and_imported_and_the_pages_follow(page):
    body = b"# Delivery prices\n\nSaturday costs **\xc2\xa39.95**. <script>alert(1)</script>"
    page.get_by_label("File").set_input_files({"name": "prices.md", "mimeType": "text/markdown", "buffer": body})
    page.get_by_label("Publish").check()
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.locator("#kb-run")).to_contain_text("It waits for a worker.")
    carry_out()
    expect(page.locator("#kb-run")).to_contain_text("1 new", timeout=10_000)
    expect(page.locator(".kb-preview strong")).to_have_text("£9.95")
    assert not Article.objects.exists()

    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    carry_out()
    expect(page.get_by_role("link", name="Delivery prices")).to_be_visible(timeout=10_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the report").click()
    assert "Delivery prices" in download.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("link", name="Delivery prices").click()
    expect(page.get_by_label("Title")).to_have_value("Delivery prices")


def test_a_file_that_is_too_large_is_told_before_it_is_sent(page, settings):
    settings.IMPORT_UPLOAD_MB = 1
    page.reload()
    large = {"name": "large.zip", "mimeType": "application/zip", "buffer": b"x" * (2 * 1024 * 1024)}
    page.get_by_label("File").set_input_files(large)
    said = page.get_by_label("File").evaluate("input => input.validationMessage")
    assert said == "The file has 2 MB; 1 MB is the most. Divide it."
