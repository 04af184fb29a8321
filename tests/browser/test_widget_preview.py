"""The widget's form in the admin: what visitors will see is shown while it is typed, and nothing leaves the page."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from chat.models import Widget
from tests.browser.conftest import adas_page

pytestmark = pytest.mark.usefixtures("beside_the_browser")


def test_what_is_typed_is_seen_at_once_and_saved_with_the_form_alone(browser, live_server, client, transactional_db):
    shop = Widget.objects.create(key="shop", name="Shop", greeting="Hello from the shop", suggestions=["Where is it?"])
    address = reverse("admin:chat_widget_change", args=[shop.pk])
    with adas_page(browser, live_server, client, address) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
        page.on("websocket", lambda line: sent.append(f"WS {line.url}"))
        preview = page.frame_locator("#preview iframe")
        expect(preview.locator(".greeting")).to_have_text("Hello from the shop")
        expect(preview.locator(".suggestion")).to_have_text(["Where is it?"])
        page.get_by_label("Heading:").fill("Ask Ada")
        expect(preview.locator("#title")).to_have_text("Ask Ada")
        expect(page.get_by_label("Heading:")).to_be_focused()
        page.get_by_label("Greeting:").fill("<b>Hi</b>")
        expect(preview.locator(".greeting")).to_have_text("<b>Hi</b>")
        page.get_by_label("Suggestions:").fill("One, two?\nThree?\n\n")
        expect(preview.locator(".suggestion")).to_have_text(["One, two?", "Three?"])
        page.get_by_label("Accent:").fill("#7a1f")  # half a colour changes nothing
        page.get_by_label("Accent:").fill("#7a1fa2")
        expect(preview.locator(".send")).to_have_attribute("aria-label", "Send")
        expect(preview.locator(".launcher")).to_have_css("background-color", "rgb(122, 31, 162)")
        page.get_by_label("Theme:").select_option("dark")
        expect(preview.locator("support-chat")).to_have_css("color-scheme", "dark")
        page.get_by_label("Placement:").select_option("start")
        expect(preview.locator("support-chat")).to_have_css("left", "20px")
        preview.locator(".suggestion").first.click()
        expect(preview.locator("article.answer .chip").first).to_be_visible()
        page.get_by_role("checkbox", name="العربية").check()
        page.get_by_role("checkbox", name="Deutsch").check()
        expect(page.get_by_label("Language", exact=True).locator("option")).to_have_text(["Deutsch", "العربية"])
        expect(preview.locator("dialog.panel")).to_have_attribute("lang", "de")
        expect(page.get_by_role("checkbox", name="Deutsch")).to_be_focused()
        page.get_by_label("Language", exact=True).select_option("ar")
        expect(preview.locator("dialog.panel")).to_have_attribute("dir", "rtl")
        assert not [one for one in sent if not re.fullmatch(r"GET http://[^/]+/widget/(panel|strings/\w+)\.js", one)]
        shop.refresh_from_db()
        assert shop.heading == ""
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".success")).to_be_visible()
    shop.refresh_from_db()
    assert (shop.heading, shop.suggestions, shop.languages) == ("Ask Ada", ["One, two?", "Three?"], ["de", "ar"])
