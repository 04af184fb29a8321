"""Staff sign in with a password and a code; a door that was tried too often is shut for a while."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from supportbot import lockout, two_factor
from supportbot.models import AuditEntry

PASSWORD = "larkfield-tents-and-stoves"
LOGIN, INDEX = "/admin/login/", "/admin/"
CODE, ADD, MINE = "/admin/sign-in/code/", "/admin/sign-in/second-factor/", "/admin/second-factor/"


@pytest.fixture(autouse=True)
def quick(settings):
    """Slow on purpose: the hash of a password; and after a wrong code the next waits a second, then two."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.OTP_TOTP_THROTTLE_FACTOR = settings.OTP_STATIC_THROTTLE_FACTOR = 0


@pytest.fixture
def ada(db) -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def now_of(device: TOTPDevice, later: int = 0) -> str:
    """The code that the app shows now, or `later` steps from now."""
    return f"{totp(device.bin_key, step=device.step, t0=device.t0 - later * device.step):06d}"


def enrolled(user: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=user, name="Authenticator app", confirmed=True)


def give_password(client: Client, name: str = "ada", password: str = PASSWORD, **extra):
    return client.post(LOGIN, {"username": name, "password": password, "next": INDEX}, **extra)


def is_in(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


# --- The demo: two clicks -------------------------------------------------------------------------------------------


def test_in_the_demo_a_password_is_enough(ada, client):
    assert give_password(client).headers["Location"] == INDEX
    assert is_in(client)


def test_who_has_a_second_factor_is_asked_for_it_in_the_demo_too(ada, client):
    device = enrolled(ada)
    assert give_password(client).headers["Location"] == CODE
    assert not is_in(client)
    assert client.post(CODE, {"code": now_of(device)}).headers["Location"] == INDEX
    assert is_in(client)


# --- Where it is required -------------------------------------------------------------------------------------------


@pytest.fixture
def required(settings):
    settings.TWO_FACTOR_REQUIRED = True


def test_the_first_sign_in_sets_the_second_factor_up(ada, client, required):
    assert give_password(client).headers["Location"] == ADD
    page = client.get(ADD).text
    device = TOTPDevice.objects.get(user=ada, confirmed=False)
    assert two_factor.secret_of(device) in page and 'src="data:image/svg+xml' in page
    assert "not right" in client.post(ADD, {"code": "000000"}).text and not is_in(client)
    shown = client.post(ADD, {"code": now_of(device)}).context["codes"]
    assert len(set(shown)) == 10 and is_in(client)
    assert not StaticToken.objects.filter(token__in=[code.replace("-", "") for code in shown]).exists()  # hashes alone
    acts = list(AuditEntry.objects.filter(who="ada").order_by("pk").values_list("act", "detail"))
    assert ("signed_in", "with a second factor") in acts and ("second_factor_added", "") in acts


def test_nobody_confirms_a_secret_that_another_sign_in_has_seen(ada, required):
    thief, ada_herself = Client(), Client()
    for client in (thief, ada_herself):
        give_password(client)
        client.get(ADD)
    secret = TOTPDevice.objects.get(user=ada).key
    ada_herself.get(ADD)
    assert TOTPDevice.objects.get(user=ada).key == secret  # her page may be loaded again
    thief.get(ADD)
    assert TOTPDevice.objects.get(user=ada).key != secret


def test_the_password_alone_opens_nothing(ada, client, required):
    enrolled(ada)
    give_password(client)
    for page in (INDEX, "/admin/auth/user/", MINE, "/admin/password_change/"):
        assert client.get(page).status_code == 302, page
    assert client.get(ADD).headers["Location"] == MINE  # a second one is not added by who knows the password


def test_a_session_from_before_it_was_required_is_nobodys(ada, client, settings):
    client.force_login(ada)
    assert is_in(client)
    settings.TWO_FACTOR_REQUIRED = True
    assert not is_in(client)


def test_a_password_that_was_changed_meanwhile_ends_the_waiting(ada, client, required):
    device = enrolled(ada)
    give_password(client)
    ada.set_password("another-long-password")
    ada.save()
    assert client.post(CODE, {"code": now_of(device)}).headers["Location"] == LOGIN
    assert not is_in(client)


def test_waiting_for_the_code_ends_after_ten_minutes(ada, client, required, monkeypatch):
    device = enrolled(ada)
    give_password(client)
    session = client.session
    session["second_step"] = session["second_step"] | {"at": time.time() - 601}
    session.save()
    assert client.post(CODE, {"code": now_of(device)}).headers["Location"] == LOGIN


def test_a_code_is_taken_once(ada, required):
    device = enrolled(ada)
    first, second = Client(), Client()
    give_password(first), give_password(second)
    code = now_of(device)
    assert first.post(CODE, {"code": f"{code[:3]} {code[3:]}"}).status_code == 302 and is_in(first)
    assert second.post(CODE, {"code": code}).status_code == 200 and not is_in(second)


def test_a_recovery_code_signs_in_once(ada, required):
    enrolled(ada)
    code = two_factor.make_recovery_codes(ada)[0]
    first, second = Client(), Client()
    give_password(first), give_password(second)
    assert first.post(CODE, {"code": code.upper()}).status_code == 302
    assert "9 are left" in first.get(INDEX).text
    assert second.post(CODE, {"code": code}).status_code == 200 and not is_in(second)
    assert AuditEntry.objects.filter(act="recovery_code_used", who="ada", detail="9 left").exists()


def test_new_recovery_codes_end_those_before_and_need_a_code(ada, client, required):
    device = enrolled(ada)
    old = two_factor.make_recovery_codes(ada)
    give_password(client)
    client.post(CODE, {"code": old[0]})
    assert "not right" in client.post(MINE, {"code": "nonsense", "_codes": "1"}).text
    new = client.post(MINE, {"code": now_of(device), "_codes": "1"}).context["codes"]
    assert two_factor.verify(ada, old[1]) is None
    assert two_factor.verify(ada, new[0]) is not None


def test_a_second_factor_may_be_removed_only_where_it_is_not_required(ada, client, settings):
    device = enrolled(ada)
    give_password(client)
    client.post(CODE, {"code": now_of(device)})
    settings.TWO_FACTOR_REQUIRED = True
    client.post(MINE, {"code": now_of(device, later=1), "_remove": "1"})
    assert two_factor.device_of(ada)
    settings.TWO_FACTOR_REQUIRED = False
    TOTPDevice.objects.update(last_t=-1)
    client.post(MINE, {"code": now_of(device), "_remove": "1"})
    assert not two_factor.device_of(ada)
    assert AuditEntry.objects.filter(act="second_factor_removed", who="ada").exists()


def test_a_second_factor_may_be_added_where_it_is_not_required(ada, client):
    client.force_login(ada)
    key = client.session.session_key
    assert "Add a second factor" in client.get(MINE).text
    client.get(ADD)
    shown = client.post(ADD, {"code": now_of(TOTPDevice.objects.get(user=ada))}).context["codes"]
    assert len(shown) == 10 and two_factor.device_of(ada)
    assert client.session.session_key != key


def test_a_lost_phone_is_forgotten_by_a_command(ada, client, required, capsys):
    device = enrolled(ada)
    two_factor.make_recovery_codes(ada)
    give_password(client)
    client.post(CODE, {"code": now_of(device)})
    assert is_in(client)
    call_command("lost_phone", "ada")
    assert not is_in(client)  # whoever has the phone is out as well
    assert not TOTPDevice.objects.exists() and not StaticDevice.objects.exists()
    assert give_password(client).headers["Location"] == ADD
    assert AuditEntry.objects.filter(act="second_factor_removed", who="(command line)", object="ada").exists()
    with pytest.raises(CommandError, match="Nobody signs in as 'nobody'"):
        call_command("lost_phone", "nobody")


def test_an_administrator_takes_a_second_factor_away_but_never_a_superusers(ada, client):
    carl = User.objects.create_user("carl", is_staff=True)
    bea = User.objects.create_user("bea", is_staff=True)
    bea.user_permissions.set([])
    bea.groups.add(*_group("administrator"))
    for person in (ada, carl):
        enrolled(person)
    client.force_login(bea)
    act = {"action": "forget_second_factor", "_selected_action": [ada.pk, carl.pk]}
    said = client.post(reverse("admin:auth_user_changelist"), act, follow=True).text
    assert "Only a superuser" in said
    assert two_factor.device_of(ada) and not two_factor.device_of(carl)
    assert AuditEntry.objects.filter(act="second_factor_removed", who="bea", object="carl").exists()


def _group(name: str):
    from django.contrib.auth.models import Group

    return Group.objects.filter(name=name)


# --- The shut door --------------------------------------------------------------------------------------------------


def test_too_many_wrong_passwords_shut_the_door_for_a_while(ada, client, settings):
    for _ in range(4):
        assert give_password(client, password="wrong").status_code == 200
    shut = give_password(client, password="wrong")
    assert shut.status_code == 429 and shut.headers["Retry-After"] == "900"
    assert give_password(client).status_code == 429  # the right one too
    assert give_password(Client(REMOTE_ADDR="198.51.100.7")).status_code == 302  # not at another address
    AccessAttempt.objects.update(attempt_time=lockout._window())
    assert give_password(client).status_code == 302
    acts = list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))
    assert acts.count("sign_in_failed") == 5 and acts.count("locked_out") == 1  # a shut door writes nothing more


def test_nobody_learns_which_names_exist(ada):
    def answers(name: str) -> list[tuple[int, str]]:
        client = Client(REMOTE_ADDR=f"198.51.100.{len(name)}")
        told = [give_password(client, name, "wrong") for _ in range(6)]
        return [(one.status_code, one.text.replace(name, "NAME")) for one in told]

    def without_token(text: str) -> str:
        return "".join(line for line in text.splitlines(True) if "csrfmiddlewaretoken" not in line)

    mine = [(status, without_token(text)) for status, text in answers("ada")]
    nobodys = [(status, without_token(text)) for status, text in answers("nobody")]
    assert [status for status, _ in mine] == [200] * 4 + [429] * 2
    assert mine == nobodys
    assert not AuditEntry.objects.filter(who="nobody").exists()  # it may be a password in the wrong field


def test_wrong_codes_shut_the_door_too(ada, client, required):
    device = enrolled(ada)
    give_password(client)
    answers = [client.post(CODE, {"code": "000000"}).status_code for _ in range(5)]
    assert answers == [200] * 4 + [429]
    assert client.post(CODE, {"code": now_of(device)}).status_code == 429 and not is_in(client)


def test_an_address_has_a_number_of_failures_whatever_the_names(ada, client, settings):
    settings.STAFF_ADDRESS_FAILURES = 6
    for number in range(6):
        give_password(client, f"name-{number}", "wrong")
    assert give_password(client).status_code == 429
    assert give_password(Client(REMOTE_ADDR="198.51.100.8")).status_code == 302


def test_a_network_of_ipv6_is_one_address(ada):
    for number in range(5):
        give_password(Client(REMOTE_ADDR=f"2001:db8::{number}"), password="wrong")
    assert give_password(Client(REMOTE_ADDR="2001:db8::99")).status_code == 429


def test_a_right_sign_in_forgets_the_wrong_ones_before(ada, client):
    for _ in range(2):
        for _ in range(4):
            give_password(client, password="wrong")
        assert give_password(client).status_code == 302
        client.logout()


def test_who_is_locked_out_is_let_in_by_the_command_and_by_an_administrator(ada, client, capsys):
    for unlock in (_by_command, _by_administrator):
        for _ in range(5):
            give_password(client, password="wrong")
        assert give_password(client).status_code == 429
        unlock(ada)
        assert give_password(client).status_code == 302
        client.logout()
    assert list(AuditEntry.objects.filter(act="unlocked").values_list("who", flat=True)) == ["eve", "(command line)"]


def _by_command(person: User) -> None:
    call_command("unlock", person.username)


def _by_administrator(person: User) -> None:
    eve = Client()
    eve.force_login(User.objects.create_superuser("eve"))
    eve.post(reverse("admin:auth_user_changelist"), {"action": "unlock", "_selected_action": [person.pk]})


def test_nothing_of_a_password_or_a_code_is_kept(ada, client, required):
    enrolled(ada)
    give_password(client, password="my-secret-password")
    give_password(client)
    client.post(CODE, {"code": "987123"})
    kept = "".join(f"{one.get_data}{one.post_data}" for one in AccessAttempt.objects.all())
    assert kept and "my-secret-password" not in kept and "987123" not in kept and PASSWORD not in kept


def test_a_name_in_other_letters_is_the_same_name(ada, client):
    for name in ("ada", "ａda", "aｄa", "ａｄａ"):  # full-width, as Django reads names (NFKC)
        assert give_password(client, name, "wrong").status_code == 200
    assert give_password(client, "adａ", "wrong").status_code == 429


def test_the_waits_between_wrong_codes_have_an_end_and_unlocking_ends_them(ada, settings, capsys):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    device = enrolled(ada)
    for _ in range(two_factor.MOST_FAILURES + 3):
        TOTPDevice.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(hours=1))  # they have waited
        assert two_factor.verify(ada, "000000") is None
    device.refresh_from_db()
    assert device.throttling_failure_count == two_factor.MOST_FAILURES
    assert two_factor.verify(ada, now_of(device)) is None  # not yet: the right one has to wait too
    call_command("unlock", "ada")
    assert two_factor.verify(ada, now_of(device)) == device


# --- Sessions -------------------------------------------------------------------------------------------------------


def test_a_session_gets_a_new_key_with_each_step(ada, client, required):
    device = enrolled(ada)
    client.get(LOGIN)
    give_password(client)
    waiting = client.session.session_key
    client.post(CODE, {"code": now_of(device)})
    assert client.session.session_key != waiting and not Session.objects.filter(pk=waiting).exists()


def test_a_changed_password_ends_every_other_session(ada, client):
    other = Client()
    give_password(client), give_password(other)
    new = "quite-another-password-9"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert is_in(client) and not is_in(other)
    assert AuditEntry.objects.filter(act="password_changed", who="ada").exists()


def test_where_to_go_on_is_never_another_site(ada, client):
    there = client.post(LOGIN, {"username": "ada", "password": PASSWORD, "next": "https://evil.example/"})
    assert "evil" not in there.headers["Location"]
    enrolled(ada)
    other = Client()
    other.post(LOGIN, {"username": "ada", "password": PASSWORD, "next": "//evil.example/"})
    there = other.post(CODE, {"code": now_of(TOTPDevice.objects.get())})
    assert there.status_code == 302 and "evil" not in there.headers["Location"]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_send_a_code_at_the_same_moment_one_gets_in(settings):
    ada = User.objects.create_superuser("ada")
    device = enrolled(ada)
    recovery = two_factor.make_recovery_codes(ada)
    for code in (now_of(device), recovery[0]):
        together = Barrier(4)

        def send(code: str = code, together: Barrier = together) -> bool:
            together.wait(30)
            try:
                return two_factor.verify(ada, code) is not None
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as senders:
            taken = [each.result(60) for each in [senders.submit(send) for _ in range(4)]]
        assert taken.count(True) == 1
    assert two_factor.recovery_codes_left(ada) == 9
