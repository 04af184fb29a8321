"""The status page in a real browser: read on a desk and on a phone, in both schemes, and read anew in place."""

import os
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from supportbot import heartbeats, status
from supportbot.heartbeats import redis_client
from tests.browser.conftest import adas_page
from tests.browser.legibility import too_faint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("beside_the_browser")]


@pytest.fixture(params=[1280, 390], ids=["desk", "phone"])
def page(request, browser, live_server, client, fake_model, monkeypatch):
    """Ada's browser at the page, while the queue “chat” is late, the beat is silent, and the rest works or begins."""
    monkeypatch.setattr(status, "_known", {})
    monkeypatch.setattr(status, "_recent", (float("-inf"), []))
    redis = redis_client()
    redis.delete(heartbeats.KEY, heartbeats.BEATS, status.KEY)
    now = float(redis.time()[0])
    redis.zadd(heartbeats.KEY, {"queue:embed": now - 3, "queue:chat": now - 100, "sweep:chat.tasks.sweep": now - 1})
    redis.zadd(heartbeats.BEATS, {f"here:7 {now - 900}": now - 800})
    with adas_page(
        browser, live_server, client, reverse("admin:supportbot_status_changelist"), wide=request.param
    ) as it:
        yield it
    redis.delete(heartbeats.KEY, heartbeats.BEATS, status.KEY)


def shoot(page, name: str) -> None:
    """Pictures for people to look at, in the folder that SCREENSHOTS names."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_it_is_read_on_every_screen_and_in_both_schemes(page) -> None:
    expect(page.get_by_role("status")).to_contain_text("1 stuck, 1 late")
    row = page.locator("#beat")
    expect(row).to_contain_text("Stuck")
    expect(row).to_contain_text("What to do:")
    expect(page.locator("#queue-embed")).to_contain_text("Works")
    expect(row.locator("code")).to_have_text(["manage.py up", "logs/beat.log", "celery -A supportbot.celery beat"])
    expect(page.locator("#queue-sweep")).not_to_contain_text("What to do")  # it is only starting
    wide = page.viewport_size["width"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert too_faint(page, ".st-page, .st-page *") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
        shoot(page, f"status-{wide}-{scheme}")
    page.get_by_role("link", name="Beat").click()
    expect(row).to_be_in_viewport()


def test_it_is_read_anew_in_place_unless_it_is_told_to_stand_still(page) -> None:
    page.clock.install()
    page.reload()
    kept = page.get_by_role("link", name="Let it stand still")
    kept.focus()
    redis = redis_client()
    redis.delete(heartbeats.BEATS)
    redis.zadd(heartbeats.KEY, {"queue:chat": float(redis.time()[0])})
    status._recent = (float("-inf"), [])
    page.clock.run_for(15_500)
    expect(page.locator("#queue-chat")).to_contain_text("Works")
    expect(kept).to_be_focused()
    kept.click()
    expect(page.get_by_role("link", name="Refresh it every 15 seconds")).to_be_visible()
    expect(page.locator("[data-refresh]")).to_have_count(0)


def test_the_first_page_of_the_admin_shows_the_alarm(page) -> None:
    page.goto(reverse("admin:index"))
    alarm = page.get_by_role("status")
    expect(alarm).to_contain_text("Beat is stuck.")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"alarm-{page.viewport_size['width']}-{scheme}")
    alarm.get_by_role("link", name="What to do").click()
    expect(page.locator("#beat")).to_contain_text("Stuck")
