"""/metrics: who may read it, what it tells of every process, and that no word of anybody is in it."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.test import Client

from chat import limits
from chat import meters as chat_meters
from supportbot import event_loop, heartbeats, meter_relay, meters, status
from supportbot.heartbeats import redis_client
from supportbot.meters import OTHER, Values

PROJECT = Path(__file__).resolve().parent.parent.parent
TOKEN = "a-token-that-is-long-enough"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_told(services: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(status, "_recent", (float("-inf"), []))
    monkeypatch.setattr(heartbeats, "_rests_until", 0.0)
    _forget()
    yield
    _forget()


def _forget() -> None:
    redis = redis_client()
    for key in redis.scan_iter(f"{meter_relay.KEY}*"):
        redis.delete(key)
    redis.delete(heartbeats.KEY, heartbeats.BEATS, status.KEY)


def read(**headers: str) -> str:
    response = Client().get("/metrics", headers=headers)
    assert response.status_code == 200, response.content
    return response.content.decode()


def families(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


# --- Who may read -----------------------------------------------------------------------------------------------------


def test_this_machine_may_read_and_no_other(fake_model) -> None:
    assert "supportbot_part_state" in read()
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 403
    assert Client().get("/metrics", REMOTE_ADDR="::1").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="").status_code == 403


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_what_came_through_a_proxy_of_this_machine_is_not_of_this_machine(fake_model, name) -> None:
    assert Client().get("/metrics", headers={name: "203.0.113.9"}).status_code == 403


def test_a_site_with_an_address_of_its_own_needs_the_token(fake_model, settings) -> None:
    settings.PUBLIC_URL = "https://help.example.com"
    assert Client().get("/metrics").status_code == 403
    settings.METRICS_TOKEN = TOKEN
    assert Client().get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 403
    assert Client().get("/metrics", headers={"Authorization": "Bearer ä"}).status_code == 403
    assert "supportbot_part_state" in read(Authorization=f"Bearer {TOKEN}")


def test_a_short_token_stops_the_start(settings) -> None:
    settings.METRICS_TOKEN = "short"
    assert "supportbot.E004" in {found.id for found in run_checks()}
    settings.METRICS_TOKEN = TOKEN
    assert "supportbot.E004" not in {found.id for found in run_checks()}


# --- What is told -----------------------------------------------------------------------------------------------------


def test_the_state_of_every_part_is_told(fake_model) -> None:
    text = read()
    assert 'supportbot_part_state{part="database",state="works"} 1.0' in text
    assert 'supportbot_part_state{part="database",state="stuck"} 0.0' in text
    assert 'supportbot_queue_tasks{queue="embed"}' in text
    assert re.search(r"^supportbot_disk_free_bytes \d", text, re.MULTILINE)


def other_process(name: str, ago: float, *rows: list) -> None:
    redis = redis_client()
    redis.set(f"{meter_relay.KEY}:{name}", json.dumps(rows))
    redis.zadd(meter_relay.KEY, {name: float(redis.time()[0]) - ago})


def test_every_process_is_told_by_any_with_its_name(fake_model) -> None:
    counted = ["supportbot_answers", "Replies.", "counter", [["supportbot_answers_total", {"outcome": "answered"}, 7]]]
    other_process("web@there:1", 3, counted)
    other_process("worker@there:2", 3, counted)
    text = read()
    assert 'supportbot_answers_total{outcome="answered",process="web@there:1"} 7.0' in text
    assert 'supportbot_answers_total{outcome="answered",process="worker@there:2"} 7.0' in text
    assert text.count("# TYPE supportbot_answers_total counter") == 1


def test_a_process_that_ended_leaves_its_counts_for_a_while_and_no_gauges(fake_model) -> None:
    counted = ["supportbot_answers", "Replies.", "counter", [["supportbot_answers_total", {}, 7]]]
    gauged = ["supportbot_sockets_open", "Open.", "gauge", [["supportbot_sockets_open", {}, 40]]]
    other_process("web@gone:1", meter_relay.FRESH_SECONDS + 10, counted, gauged)
    text = read()
    assert 'supportbot_answers_total{process="web@gone:1"} 7.0' in text
    assert 'supportbot_sockets_open{process="web@gone:1"}' not in text
    redis_client().zadd(meter_relay.KEY, {"web@gone:1": 1.0})
    assert "web@gone:1" not in read()


def test_without_redis_this_process_tells_of_itself(fake_model, settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    text = read()
    assert 'supportbot_part_state{part="redis",state="stuck"} 1.0' in text
    assert "supportbot_sockets_open{process=" in text


def test_a_process_tells_into_redis_what_another_reads(fake_model, monkeypatch) -> None:
    monkeypatch.setattr(meter_relay, "_process", "web@here:1")
    monkeypatch.setattr(limits, "SOCKETS", limits.SOCKETS.__class__({"127.0.0.1": 3}))
    assert meter_relay.tell()
    monkeypatch.setattr(meter_relay, "_process", "web@here:2")
    monkeypatch.setattr(limits, "SOCKETS", limits.SOCKETS.__class__())
    assert 'supportbot_sockets_open{process="web@here:1"} 3.0' in read()
    page = next(part for group in status.look() for part in group.parts if part.key == "web")
    assert page.text == "This one answers."  # one process of the web has told of itself


@pytest.mark.parametrize(("silent", "state"), [(0.4, "works"), (8.0, "late"), (45.0, "stuck")])
def test_a_web_process_whose_loop_is_held_up_is_told(fake_model, silent, state) -> None:
    gauge = [event_loop.SILENT, "Since.", "gauge", [[event_loop.SILENT, {}, silent]]]
    other_process("web@there:1", 3, gauge)
    assert f'supportbot_part_state{{part="web",state="{state}"}} 1.0' in read()


@pytest.mark.parametrize(("age", "state"), [(3, "works"), (40, "late"), (120, "stuck")])
def test_a_web_process_that_is_frozen_is_named(fake_model, age, state) -> None:
    other_process("web@there:1", age)
    page = next(part for group in status.look() for part in group.parts if part.key == "web")
    assert page.state == state
    assert ("web@there:1 was last heard of" in page.text) is (state != "works")


def test_a_web_process_that_has_ended_is_not_missed(fake_model, monkeypatch) -> None:
    other_process(f"web@{heartbeats.HOST}:{2**22 + 1}", 40)  # no process has this number: it was killed
    monkeypatch.setattr(meter_relay, "_process", "web@there:2")
    assert meter_relay.tell(ended=True)
    redis_client().zincrby(meter_relay.KEY, -100, "web@there:2")
    page = next(part for group in status.look() for part in group.parts if part.key == "web")
    assert (page.state, page.text) == ("works", "This one answers.")


async def test_a_loop_that_is_held_up_is_measured() -> None:
    watched = asyncio.create_task(event_loop.watch())
    before = meters.REGISTRY.get_sample_value("supportbot_loop_lag_seconds_sum")
    await asyncio.sleep(2 * event_loop.TURN_SECONDS)
    time.sleep(1.5)  # noqa: ASYNC251 - what is measured
    assert event_loop.silent_seconds() > 0.9
    async with asyncio.timeout(30):
        while event_loop.silent_seconds() > 0.9:
            await asyncio.sleep(0.05)
    watched.cancel()
    assert meters.REGISTRY.get_sample_value("supportbot_loop_lag_seconds_sum") - before > 0.9


def test_an_answer_is_counted_by_its_stages(fake_model) -> None:
    def value(name: str, **labels: str) -> float:
        return meters.REGISTRY.get_sample_value(name, labels) or 0.0

    before = value("supportbot_model_tokens_total", kind="written")
    took = value("supportbot_answer_first_words_seconds_sum")
    times = {"searched": 40.0, "token": 200.0, "first": 250.0, "written": 1200.0, "total": 1300.0}
    chat_meters.ended("answered", "", times, 300, 50)
    assert value("supportbot_model_tokens_total", kind="written") == before + 50
    assert value("supportbot_answer_first_words_seconds_sum") == pytest.approx(took + 0.25)
    assert value("supportbot_answers_total", outcome="answered", reason="none") >= 1


def test_a_label_takes_few_values_and_none_of_them_is_a_sentence() -> None:
    values = Values(["known"], most=3)
    assert [values.bounded(text) for text in ("known", "a", "How long?", "b", "c", "a")] == [
        "known", "a", OTHER, "b", OTHER, "a",
    ]  # fmt: skip


# --- The dashboard ----------------------------------------------------------------------------------------------------

PANELS = PROJECT / "docs/dashboards/supportbot.json"
ALARMS = PROJECT / "docs/dashboards/alarms.yml"


def named_in(text: str) -> set[str]:
    """The metrics that an expression of Prometheus speaks of."""
    return set(re.findall(r"\b(?:supportbot|model)_[a-z_]+", text))


@pytest.mark.parametrize("file", [PANELS, ALARMS], ids=["dashboard", "alarms"])
def test_every_metric_that_is_named_exists(model_metrics, file) -> None:
    heartbeats.note("queue:embed")
    told = families(read()) | model_metrics
    known = told | {f"{name}_{part}" for name in told for part in ("bucket", "sum", "count")}
    if file == PANELS:
        panels = json.loads(file.read_text())["panels"]
        asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    else:
        asked = re.findall(r"expr: (.*)", file.read_text())
    assert len(asked) >= 5
    assert {name for text in asked for name in named_in(text)} - known == set()


@pytest.fixture
def model_metrics() -> set[str]:
    """The names in the model server's own collector, which tells them once the weights are loaded."""
    source = (PROJECT / "supportbot/inference/meters.py").read_text()
    counters = {f"{name}_total" for name in re.findall(r'CounterMetricFamily\(\s*"(\w+)"', source)}
    return counters | set(re.findall(r'(?:GaugeMetricFamily|Histogram)\(\s*"(\w+)"', source))
