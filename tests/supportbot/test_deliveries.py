"""A task whose process dies is done again, but not for ever."""

import uuid

import pytest
from redis.exceptions import ConnectionError as RedisAway

from supportbot import deliveries, heartbeats
from supportbot.celery import app
from supportbot.deliveries import MOST_DELIVERIES

pytestmark = pytest.mark.usefixtures("services")
RUNS: list[str] = []


@pytest.fixture
def poison():
    """A task of this test alone; in a worker it would kill the process that it runs in."""
    RUNS.clear()

    @app.task(name="tests.poison", bind=True)
    def take(self):
        RUNS.append(self.request.id)

    yield take
    app.tasks.pop("tests.poison")


def delivered(task, key, *, again):
    task.push_request(id=key, delivery_info={"redelivered": again, "routing_key": "chat"}, called_directly=False)
    try:
        task()
    finally:
        task.pop_request()


def test_a_task_that_kills_its_process_is_given_up(poison):
    key = str(uuid.uuid4())
    for turn in range(6):
        delivered(poison, key, again=turn > 0)
    assert len(RUNS) == MOST_DELIVERIES == 3
    delivered(poison, str(uuid.uuid4()), again=True)  # another one has a count of its own
    assert len(RUNS) == 4


def test_a_task_that_comes_for_the_first_time_asks_redis_nothing(poison, monkeypatch):
    monkeypatch.setattr(deliveries, "deliveries", lambda _task: pytest.fail("it was counted"))
    delivered(poison, str(uuid.uuid4()), again=False)
    assert len(RUNS) == 1


def test_no_task_is_given_up_because_redis_is_away(poison, monkeypatch):
    def away():
        raise RedisAway("refused")

    monkeypatch.setattr(heartbeats, "redis_client", away)
    key = str(uuid.uuid4())
    for _ in range(5):
        delivered(poison, key, again=True)
    assert len(RUNS) == 5


def test_every_task_of_the_product_is_bounded():
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if name.startswith(("supportbot.", "knowledge.", "chat."))]
    assert len(ours) > 10
    assert all(isinstance(task, deliveries.BoundedTask) for task in ours)
