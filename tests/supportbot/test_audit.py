"""The audit log only grows, says who and from where, keeps no secrets, and is for managers alone.

That each deed of staff leaves a line is in test_audit_deeds.py; the lines of signing in are in test_sign_in.py too.
"""

from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from supportbot import audit
from supportbot.models import AuditEntry

HERE, LIST = "198.51.100.7", "/admin/supportbot/auditentry/"
PASSWORD = "larkfield-tents-and-stoves"


@pytest.fixture
def carl(db, settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    made = User.objects.create_user("carl", password=PASSWORD, is_staff=True)
    made.groups.add(Group.objects.get(name="manager"))
    return made


def refused(sql: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except DatabaseError as error:
        return "the audit log can only be added to" in str(error)
    return False


# --- It only grows --------------------------------------------------------------------------------------------------


@pytest.fixture
def whole(db) -> None:
    """As in the product: the tests' own emptying of tables is held off by it."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE supportbot_auditentry ENABLE TRIGGER supportbot_audit_whole")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE supportbot_auditentry SET who = 'nobody'",
        "UPDATE supportbot_auditentry SET at = now() - interval '1 year'",
        "DELETE FROM supportbot_auditentry",
        "WITH gone AS (DELETE FROM supportbot_auditentry RETURNING *) SELECT count(*) FROM gone",
        "MERGE INTO supportbot_auditentry USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE supportbot_auditentry",
        "TRUNCATE django_content_type, supportbot_auditentry CASCADE",
        "INSERT INTO supportbot_auditentry SELECT * FROM supportbot_auditentry"
        " ON CONFLICT (id) DO UPDATE SET who = 'nobody'",
    ],
)
def test_the_database_refuses_to_change_or_to_empty_it(whole, sql):
    audit.record("exported", who="ada")
    assert refused(sql)
    assert AuditEntry.objects.get().who == "ada"


def test_neither_does_our_own_code(db):
    audit.record("exported", who="ada")
    entry = AuditEntry.objects.get()
    entry.who = "nobody"
    for change in (entry.save, entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(DatabaseError, match="can only be added to"), transaction.atomic():
            change()
    assert AuditEntry.objects.get().who == "ada"


def test_what_is_older_than_we_keep_is_forgotten_and_nothing_younger(db, settings):
    settings.AUDIT_KEEP_DAYS = 100
    for days in (99, 101):
        AuditEntry.objects.create(at=timezone.now() - timedelta(days=days), who=f"{days}", act="exported")
    assert audit.forget_old() == 1
    assert AuditEntry.objects.get().who == "99"


# --- Who and from where ---------------------------------------------------------------------------------------------


def test_a_line_stays_when_its_person_and_their_own_log_are_gone(carl):
    content_type = ContentType.objects.get_for_model(User)
    entry = LogEntry.objects.create(user=carl, content_type=content_type, object_repr="x", action_flag=CHANGE)
    number = carl.pk
    carl.delete()
    assert not LogEntry.objects.filter(pk=entry.pk).exists()
    line = AuditEntry.objects.get(object="x")
    assert (line.who, line.user_id, line.kind, line.act) == ("carl", number, "auth.user", "changed")


def test_an_address_is_that_of_the_page_and_of_nothing_else(carl, settings):
    """A worker's lines, and those that a page writes for another person, have none."""
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    ada = User.objects.create_superuser("ada")
    client = Client(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": f"192.0.2.66, {HERE}"})
    client.force_login(ada)
    client.post(reverse("admin:auth_group_add"), {"name": "Nights"})
    assert AuditEntry.objects.get(object="Nights").address == HERE
    LogEntry.objects.create(user=ada, object_repr="later", action_flag=CHANGE)  # the connection forgot who was there
    assert AuditEntry.objects.get(object="later").address == ""

    @audit.says_from_where
    def page(request):
        LogEntry.objects.create(user=carl, object_repr="another's", action_flag=CHANGE)
        return None

    page(_request(client, ada))
    assert AuditEntry.objects.get(object="another's").address == ""


def _request(client: Client, user: User):
    request = client.get(LIST).wsgi_request
    request.method, request.user = "POST", user
    return request


def test_a_page_that_fails_leaves_no_address_behind(carl):
    @audit.says_from_where
    def page(request):
        raise ValueError

    with pytest.raises(ValueError):
        page(_request(Client(), carl))
    LogEntry.objects.create(user=carl, object_repr="later", action_flag=CHANGE)
    assert AuditEntry.objects.get(object="later").address == ""


def test_signing_in_and_out_and_failing_are_noted_with_their_address(carl):
    client = Client(REMOTE_ADDR=HERE)
    for password in ("wrong", PASSWORD):
        client.post("/admin/login/", {"username": "carl", "password": password})
    client.post("/admin/logout/")
    lines = AuditEntry.objects.order_by("pk").values_list("act", "who", "address")
    assert list(lines) == [(act, "carl", HERE) for act in ("sign_in_failed", "signed_in", "signed_out")]


# --- What it does not keep, and who reads it ------------------------------------------------------------------------


def test_a_name_that_nobody_has_is_not_kept(carl):
    Client().post("/admin/login/", {"username": PASSWORD, "password": "carl"})
    line = AuditEntry.objects.get()
    assert (line.act, line.who, line.user_id) == ("sign_in_failed", audit.UNKNOWN, None)
    assert PASSWORD not in f"{line.object}{line.detail}"


def test_a_line_is_never_longer_than_its_place(db):
    audit.record("exported", who="w" * 999, kind="k" * 999, object_id="i" * 999, object="o" * 999, detail="d" * 9999)
    line = AuditEntry.objects.get()
    lengths = [len(text) for text in (line.who, line.kind, line.object_id, line.object, line.detail)]
    assert lengths == [150, 80, 64, 200, 2000]


@pytest.mark.parametrize(
    ("group", "status"), [("agent", 403), ("editor", 403), ("manager", 200), ("administrator", 200)]
)
def test_managers_and_administrators_read_it_and_nobody_writes_it(db, group, status):
    audit.record("exported", who="ada", detail="<script>alert(1)</script>")
    person = User.objects.create_user("bea", is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(person)
    entry = AuditEntry.objects.get(who="ada")
    page = client.get(LIST)
    assert (page.status_code, client.get(f"{LIST}{entry.pk}/change/").status_code) == (status, status)
    assert "<script>alert" not in page.text
    form = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes", "who": "nobody"}
    for address in (LIST, f"{LIST}{entry.pk}/change/", f"{LIST}{entry.pk}/delete/", f"{LIST}add/"):
        assert client.post(address, form).status_code in (403, status), address
    assert AuditEntry.objects.get(pk=entry.pk).who == "ada"


def test_a_stranger_reads_nothing_of_it(db):
    assert Client().get(LIST).status_code == 302
