"""Ada signs in with a browser of her own: enrolment, wrong and used codes, a recovery code, and the shut door."""

import re

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from supportbot import audit
from supportbot.models import AuditEntry
from tests.browser.accessibility import DARK, LIGHT, violations

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("beside_the_browser")]
PASSWORD = "larkfield-tents-and-stoves"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def ada(settings) -> User:
    settings.TWO_FACTOR_REQUIRED = True
    settings.OTP_TOTP_THROTTLE_FACTOR = settings.OTP_STATIC_THROTTLE_FACTOR = 0  # else a wrong code makes her wait
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("ada", password=PASSWORD)


def give_password(page: Page) -> None:
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def give_code(page: Page, code: str) -> None:
    page.get_by_label("Code").fill(code)
    with page.expect_navigation():
        page.get_by_label("Code").press("Enter")


def now_of(ada: User) -> str:
    device = TOTPDevice.objects.get(user=ada)
    return f"{totp(device.bin_key, step=device.step, t0=device.t0):06d}"


def test_ada_sets_her_second_factor_up_and_signs_in_with_it(browser, live_server, ada) -> None:
    context = browser.new_context(base_url=live_server.url, viewport=DESK)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto("/admin/knowledge/article/?q=tents")

    give_password(page)
    expect(page.get_by_role("heading", name="Protect your account")).to_be_visible()
    picture = page.get_by_role("img", name="QR code")
    expect(picture).to_be_visible()
    assert picture.evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") > 200
    page.get_by_text("It cannot be scanned").click()
    expect(page.get_by_role("link", name="Open the app on this phone")).to_have_attribute(
        "href", re.compile("^otpauth:")
    )
    wrong += faults(page, "enrolment")
    give_code(page, "000000")
    expect(page.get_by_text("That code is not right.")).to_be_visible()
    used = now_of(ada)
    give_code(page, used)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(set(codes)) == 10
    wrong += faults(page, "recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(re.compile(r"/admin/knowledge/article/\?q=tents$"))  # where she was going

    page.get_by_role("button", name="Log out").click()
    page.goto("/admin/")
    give_password(page)
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()
    expect(page.get_by_label("Code")).to_be_focused()
    wrong += faults(page, "code")
    give_code(page, used)
    expect(page.get_by_text("That code is not right.")).to_be_visible()
    expect(page.get_by_label("Code")).to_have_attribute("aria-invalid", "true")
    give_code(page, codes[0].upper())
    expect(page.get_by_text("You used a recovery code; 9 are left.")).to_be_visible()

    see_the_log(page, wrong)
    page.get_by_role("button", name="Log out").click()
    page.goto("/admin/")
    give_password(page)
    for _ in range(5):
        give_code(page, codes[0])
    expect(page.get_by_role("heading", name="Too many attempts")).to_be_visible()
    expect(page.get_by_text("Wait 15 minutes, then try again.")).to_be_visible()
    wrong += faults(page, "shut door")
    context.close()
    assert wrong == []
    acts = AuditEntry.objects.filter(who="ada").order_by("pk").values_list("act", flat=True)
    assert [act for act in acts if act in ("second_factor_added", "recovery_code_used", "locked_out")] == [
        "second_factor_added", "recovery_code_used", "locked_out",
    ]  # fmt: skip


def see_the_log(page: Page, wrong: list[str]) -> None:
    """What she did is there, with where she did it; a long title leaves room for the rest."""
    audit.record(
        "exported", who="carl", kind="knowledge.article", object="How long can I return it? " * 8, detail="x" * 300
    )
    page.goto("/admin/supportbot/auditentry/")
    line = page.get_by_role("row").filter(has_text="Recovery code used")
    expect(line).to_contain_text("9 left")
    expect(line).to_contain_text("127.0.0.1")
    wrong += faults(page, "audit log")
    line.get_by_role("link").click()
    expect(page.locator(".field-deed")).to_contain_text("Recovery code used")
    wrong += faults(page, "audit entry")


def faults(page: Page, name: str) -> list[str]:
    """What breaks a rule of WCAG 2.2 AA, or makes a phone scroll sideways, in either scheme."""
    found = []
    for size, scheme in ((PHONE, DARK), (DESK, LIGHT)):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        found += [f"{name} {scheme}: {said}" for said in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{name}: {size['width']} px are not enough")
    return found
