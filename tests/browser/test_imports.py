"""An import in a real browser: a file is chosen, previewed and imported, and the pages follow by themselves."""

import pytest
from playwright.sync_api import expect

from knowledge import import_tasks, imports, tasks
from knowledge.models import Article, ImportRun
from tests.browser.conftest import adas_page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("beside_the_browser")]


@pytest.fixture
def page(browser, live_server, client, monkeypatch, settings, tmp_path):
    """Ada's browser at the form of an import."""
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    monkeypatch.setattr(import_tasks, "hint", lambda *_: None)
    settings.DATA_DIR = tmp_path
    with adas_page(browser, live_server, client, "/admin/knowledge/importsource/add/") as page:
        yield page


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
