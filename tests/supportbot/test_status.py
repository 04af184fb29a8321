"""Every part says in words how it is, since when, and what to do; an alarm is logged once, and its end."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from chat.models import Conversation, Message, Visitor, Widget
from knowledge import publishing
from knowledge.indexing import active_space
from knowledge.models import Article, Category
from supportbot import heartbeats, status
from supportbot.admin import summary
from supportbot.heartbeats import redis_client
from supportbot.status import Part, State

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_known(services: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a new installation."""
    monkeypatch.setattr(status, "_known", {})
    monkeypatch.setattr(status, "_recent", (float("-inf"), []))
    monkeypatch.setattr(heartbeats, "_rests_until", 0.0)
    monkeypatch.setattr(heartbeats, "_written", {})
    redis_client().delete(heartbeats.KEY, heartbeats.BEATS, status.KEY)
    yield
    redis_client().delete(heartbeats.KEY, heartbeats.BEATS, status.KEY)


@pytest.fixture
def prices() -> Article:
    return Article(
        slug="prices", title="Prices", body="It costs £3.95.", category=Category.objects.create(name="All", slug="all")
    )


def parts() -> dict[str, Part]:
    return {part.key: part for group in status.look() for part in group.parts}


def heard(name: str, ago: float, key: str = heartbeats.KEY) -> None:
    redis_client().zadd(key, {name: float(redis_client().time()[0]) - ago})


def listened_for(seconds: float) -> None:
    heard(heartbeats.BEGAN, seconds)


def test_a_new_installation_is_starting_and_nothing_is_stuck(fake_model) -> None:
    found = parts()
    assert {found[key].state for key in ("web", "database", "redis", "model", "disk", "passages", "replies")} == {
        State.WORKS
    }
    assert {found[key].state for key in ("beat", "queue:embed", "queue:chat", "queue:sweep", "queue:import")} == {
        State.STARTING
    }
    assert found["sweep:chat.tasks.sweep"].state == State.STARTING


def test_every_queue_and_every_sweep_of_the_settings_has_a_row(fake_model) -> None:
    keys = set(parts())
    routed = {route["queue"] for route in django_settings.CELERY_TASK_ROUTES.values()}
    tasks = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert {f"queue:{queue}" for queue in routed} <= keys
    assert {f"sweep:{task}" for task in tasks if not task.startswith("supportbot.")} <= keys


def test_what_was_never_heard_of_is_stuck_after_a_while(fake_model) -> None:
    listened_for(heartbeats.STUCK_SECONDS + 60)
    found = parts()["queue:chat"]
    assert found.state == State.STUCK and "celery -A supportbot.celery worker" in found.remedy


@pytest.mark.parametrize(("ago", "state"), [(5, State.WORKS), (90, State.LATE), (400, State.STUCK)])
def test_a_sign_of_life_grows_old(fake_model, ago, state) -> None:
    heard("queue:embed", ago)
    found = parts()["queue:embed"]
    assert found.state == state
    if state != State.WORKS:
        assert abs((datetime.now(UTC) - found.since) - timedelta(seconds=ago)) < timedelta(seconds=5)
        assert found.remedy


def test_a_sweep_that_is_seldom_is_given_its_time(fake_model, settings) -> None:
    schedule = settings.CELERY_BEAT_SCHEDULE
    settings.CELERY_BEAT_SCHEDULE = schedule | {"seldom": {"task": "knowledge.seldom", "schedule": 600}}
    assert parts()["sweep:knowledge.seldom"].state == State.WORKS  # not due yet
    listened_for(3000)
    assert parts()["sweep:knowledge.seldom"].state == State.STARTING
    heard("sweep:knowledge.seldom", 1000)
    assert parts()["sweep:knowledge.seldom"].state == State.WORKS
    heard("sweep:knowledge.seldom", 3000)
    assert parts()["sweep:knowledge.seldom"].state == State.LATE


def test_two_beats_side_by_side_are_told_from_one_that_took_over(fake_model) -> None:
    now = float(redis_client().time()[0])
    heard(f"here:1 {now - 500:.1f}", 30, heartbeats.BEATS)
    heard(f"here:2 {now - 25:.1f}", 3, heartbeats.BEATS)  # it began after the last word of the other
    assert parts()["beat"].state == State.WORKS
    heard(f"here:1 {now - 500:.1f}", 2, heartbeats.BEATS)
    found = parts()["beat"]
    assert found.state == State.LATE and found.text.startswith("2 run side by side")


def test_a_model_server_that_is_away_is_stuck_and_says_what_customers_get(settings) -> None:
    settings.MODEL_URL = settings.EMBEDDING_URL = "unix:/nowhere/model.sock"
    found = parts()["model"]
    assert found.state == State.STUCK
    assert "word for word" in found.text and "logs/model.log" in found.remedy


def test_embeddings_of_another_server_have_a_row_of_their_own(fake_model, settings) -> None:
    settings.EMBEDDING_URL = "unix:/nowhere/embeddings.sock"
    found = parts()
    assert (found["model"].state, found["embedding"].state) == (State.WORKS, State.STUCK)


def test_without_redis_the_page_still_tells_the_rest(fake_model, settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    found = parts()
    assert found["redis"].state == State.STUCK
    assert {found["beat"].state, found["queues"].state, found["sweeps"].state} == {State.UNKNOWN}
    assert found["database"].state == State.WORKS


def test_a_disk_that_fills_up_is_told_before_it_is_full(fake_model, monkeypatch) -> None:
    for free, state in ((10**12, State.WORKS), (10**9, State.LATE), (10**7, State.STUCK)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Room", (), {"free": free, "total": 10**13}))
        assert parts()["disk"].state == state


def test_a_passage_that_waits_too_long_is_stuck(fake_model, prices, monkeypatch) -> None:
    monkeypatch.setattr("knowledge.tasks.hint", lambda _: None)
    publishing.publish(article=prices, by=User.objects.create_user("ada"))
    found = parts()["passages"]
    assert found.state == State.WORKS and found.text.startswith("1 passage waits, the oldest for")
    Article.objects.update(published_at=datetime.now(UTC) - timedelta(seconds=400))
    found = parts()["passages"]
    assert found.state == State.STUCK and "“embed”" in found.remedy
    active_space()
    Article.objects.update(index_attempts=99)
    assert "1 article was given up" in parts()["passages"].text


def test_a_reply_that_nobody_owns_is_stuck(fake_model) -> None:
    widget, _ = Widget.objects.get_or_create(key="demo", defaults={"name": "Demo"})
    conversation = Conversation.objects.create(widget=widget, visitor=Visitor.objects.create(widget=widget))
    past = datetime.now(UTC) - timedelta(seconds=300)
    reply = Message.objects.create(conversation=conversation, role="bot", status="streaming", lease_until=past)
    found = parts()["replies"]
    assert found.state == State.STUCK and "“chat”" in found.remedy
    Message.objects.filter(pk=reply.pk).update(lease_until=datetime.now(UTC) + timedelta(seconds=10))
    found = parts()["replies"]
    assert found.state == State.WORKS and found.text == "1 being written or waiting."


def test_since_when_is_kept_for_other_processes(fake_model, settings, monkeypatch) -> None:
    settings.MODEL_URL = settings.EMBEDDING_URL = "unix:/nowhere/model.sock"
    first = parts()["model"].since
    monkeypatch.setattr(status, "_known", {})  # another process, which knows nothing
    assert parts()["model"].since == first


def test_an_alarm_of_redis_itself_ends_too(fake_model, settings, caplog) -> None:
    there = settings.REDIS_URL
    parts()
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    began = parts()["redis"].since
    assert parts()["redis"].since == began
    settings.REDIS_URL = there
    assert parts()["redis"].since > began
    assert sum("'event': 'alarm_over', 'level'" in str(record.msg) for record in caplog.records) == 1


def test_while_a_look_hangs_what_was_seen_long_ago_is_not_told_as_if_it_were_now(fake_model, monkeypatch) -> None:
    seen = status.recent()
    with status._looking:
        monkeypatch.setattr(status, "RECENT_SECONDS", 0.01)
        assert status.recent() is seen
        monkeypatch.setattr(status, "OLD_SECONDS", 0.0)
        assert status.recent() == []
    assert "hangs" in str(summary([])["text"])


def test_an_alarm_is_logged_once_and_its_end_too(fake_model, settings, caplog) -> None:
    here = settings.MODEL_URL
    parts()
    settings.MODEL_URL = settings.EMBEDDING_URL = "unix:/nowhere/model.sock"
    parts()
    parts()  # the same, once more
    logged = [str(record.msg) for record in caplog.records]
    assert sum("'event': 'alarm'" in line and "'part': 'model'" in line for line in logged) == 1, logged
    settings.MODEL_URL = settings.EMBEDDING_URL = here
    parts()
    assert sum("'event': 'alarm_over'" in str(record.msg) for record in caplog.records) == 1


# --- The page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def carl() -> Client:
    """A manager, by the permission alone."""
    user = User.objects.create_user("carl", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_status", content_type__app_label="supportbot"))
    client = Client()
    client.force_login(user)
    return client


def test_the_page_says_of_each_part_what_it_is_since_when_and_what_to_do(fake_model, carl) -> None:
    heard("queue:embed", 400)
    page = carl.get(reverse("admin:supportbot_status_changelist")).content.decode()
    row = re.search(r'<li id="queue-embed".*?</li>', page, re.DOTALL)[0]
    assert "Stuck" in row and "✕" in row and "<time datetime=" in row and "What to do:" in row
    assert 'data-refresh="15"' in page and "<script" not in page.split('<div id="content-main"')[1]


def test_the_page_can_stand_still(fake_model, carl) -> None:
    page = carl.get(reverse("admin:supportbot_status_changelist"), {"still": "1"}).content.decode()
    assert "data-refresh" not in page and "Refresh it every" in page


def test_the_first_page_of_the_admin_leads_there_and_shows_an_alarm(fake_model, carl) -> None:
    address = reverse("admin:supportbot_status_changelist")
    page = carl.get(reverse("admin:index")).content.decode()
    assert f'href="{address}"' in page and "stuck" not in page
    listened_for(heartbeats.STUCK_SECONDS + 60)
    status._recent = (float("-inf"), [])
    assert "parts are stuck." in carl.get(reverse("admin:index")).content.decode()


def test_staff_without_the_permission_sees_neither_page_nor_alarm(fake_model) -> None:
    listened_for(heartbeats.STUCK_SECONDS + 60)
    client = Client()
    client.force_login(User.objects.create_user("emil", is_staff=True))
    assert client.get(reverse("admin:supportbot_status_changelist")).status_code == 403
    assert "stuck" not in client.get(reverse("admin:index")).content.decode()


def test_a_redis_that_hangs_costs_a_task_a_moment_and_then_nothing(settings, monkeypatch) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    heartbeats.note("queue:embed")
    asked: list[str] = []
    monkeypatch.setattr(heartbeats, "redis_client", lambda: asked.append("asked") or redis.Redis())
    heartbeats.note("queue:embed")
    assert asked == []
