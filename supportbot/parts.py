"""The parts that this ground stands on, as `status` shows them: servers, the beat, queues, sweeps, room on the disk."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from redis.exceptions import RedisError

from supportbot import event_loop, heartbeats, meter_relay
from supportbot.health import model_state
from supportbot.heartbeats import Sign
from supportbot.status import Check, Figure, Part, State, briefly, register

SERVERS, WORK = "Servers", "Work behind the scenes"
LITTLE_ROOM, NO_ROOM = 2 * 1024**3, 512 * 1024**2  # bytes
LOOP_LATE, LOOP_STUCK = 3.0, 20.0  # seconds in which a web process comes to nothing
WEB_STUCK = 60.0  # seconds in which nothing was heard of it
STATES = {"ok": State.WORKS, "starting": State.STARTING, "late": State.LATE, "stuck": State.STUCK}
RESTARTS = "`manage.py up` starts it again by itself"
RUN_YOURSELF = f"{RESTARTS}; see `logs/%s.log` in the data folder. If you run it yourself:"
MODEL_WORDS = {
    "ok": (State.WORKS, "It answers."),
    "loading": (State.STARTING, "It is loading its models; a first start converts them, which takes a minute."),
    "stuck": (State.STUCK, "Work waits there, but no step is made."),
    "failed": (State.STUCK, "Its models could not be loaded."),
}


def register_all() -> None:
    for key, title, group, look in (
        ("web", "Web", SERVERS, web),
        ("database", "PostgreSQL", SERVERS, database),
        ("redis", "Redis or Valkey", SERVERS, redis),
        ("model", "Model server", SERVERS, models),
        ("disk", "Disk of the data folder", SERVERS, disk),
        ("beat", "Beat", WORK, beat),
        ("queues", "Queues of the workers", WORK, queues),
        ("sweeps", "Sweeps", WORK, sweeps),
    ):
        register(Check(key, title, group, look))


def web() -> Iterator[Part]:
    """That this page is shown is the proof for one process; all tell how long their event loop is silent."""
    try:
        webs = [told for told in meter_relay.told() if told.process.startswith("web@")]
    except (RedisError, OSError):
        webs = []
    fresh, missing = [told for told in webs if told.fresh], [told for told in webs if told.missing]
    text = f"{len(fresh)} processes have told of themselves lately." if len(fresh) > 1 else "This one answers."
    silent = {told.process: told.value(event_loop.SILENT) for told in fresh}
    longest = max(silent, key=lambda process: silent[process], default="")
    if longest and silent[longest] > LOOP_LATE:
        state = State.STUCK if silent[longest] > LOOP_STUCK else State.LATE
        text = f"{longest} was held up for {silent[longest]:.0f} s: its customers hear nothing."
        yield Part("web", "Web", state, text, f"{RESTARTS} after a minute. Its log may say what it was at; see there.")
    elif missing:
        lost = missing[0]
        state = State.STUCK if lost.age > WEB_STUCK else State.LATE
        text = f"{lost.process} was last heard of {_ago(lost.age)} ago: it is frozen, killed or cut off from Redis."
        text += " Others finish its answers."
        yield Part("web", "Web", state, text, f"{RESTARTS} after a minute; else end it and start it anew.")
    else:
        yield Part("web", "Web", State.WORKS, text)


def database() -> Iterator[Part]:
    began = time.perf_counter()
    with briefly(), connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        done = set(cursor.fetchall())
    took = 1000 * (time.perf_counter() - began)
    missing = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations) - done
    if missing:
        text = f"It answers, but {len(missing)} migrations of this version were not made."
        yield Part("database", "PostgreSQL", State.STUCK, text, "Run `manage.py migrate`.")
    else:
        yield Part(
            "database", "PostgreSQL", State.WORKS, f"It answers, in {took:.0f} ms; its tables are of this version."
        )


def redis() -> Iterator[Part]:
    began = time.perf_counter()
    try:
        heartbeats.redis_client().ping()
    except (RedisError, OSError) as error:
        text = f"It does not answer ({type(error).__name__}). Answers come, without replay; saved articles wait longer."
        remedy = f"{RESTARTS}; see `logs/valkey.log`. Your own: look at REDIS_URL and at that server."
        yield Part("redis", "Redis or Valkey", State.STUCK, text, remedy)
    else:
        took = 1000 * (time.perf_counter() - began)
        yield Part("redis", "Redis or Valkey", State.WORKS, f"It answers, in {took:.0f} ms.")


def models() -> Iterator[Part]:
    yield _model("model", "Model server", settings.MODEL_URL, "Customers get the passages of articles, word for word.")
    if settings.EMBEDDING_URL != settings.MODEL_URL:
        lack = "Articles are searched by their words alone."
        yield _model("embedding", "Embeddings server", settings.EMBEDDING_URL, lack)


def _model(key: str, title: str, url: str, lack: str) -> Part:
    word = asyncio.run(model_state(url))
    state, text = MODEL_WORDS.get(word, (State.STUCK, "It does not answer."))
    if state in (State.WORKS, State.STARTING):
        return Part(key, title, state, text)
    remedy = (
        f"{RESTARTS}; see `logs/model.log` in the data folder, and try `manage.py check_models`."
        if url.startswith("unix:")
        else "Look at that server and its log, and at the address and the key in the settings."
    )
    return Part(key, title, state, f"{text} {lack}", remedy)


def beat() -> Iterator[Part]:
    heard = heartbeats.listen()
    if heard.beats > 1:
        text = f"{heard.beats} run side by side; exactly one should. Everything is done, more often than needed."
        yield _of_sign("beat", "Beat", heard.beat, text, "Run it once: end the others.", State.LATE)
        return
    remedy = f"{RUN_YOURSELF % 'beat'} `celery -A supportbot.celery beat`."
    text = "It sends the workers what is to be done regularly."
    yield _of_sign("beat", "Beat", heard.beat, text, remedy)


def queues() -> Iterator[Part]:
    waiting = {name: int(heartbeats.redis_client().llen(name)) for name in heartbeats.queues()}
    for sign in heartbeats.listen().queues:
        name = sign.name.removeprefix("queue:")
        tasks = {0: "no task waits", 1: "1 task waits"}.get(waiting[name], f"{waiting[name]} tasks wait")
        text = f"A worker of this queue ends its tasks; {tasks}."
        remedy = (
            f"{RUN_YOURSELF % 'worker'} `celery -A supportbot.celery worker --queues {','.join(heartbeats.queues())}`."
        )
        length = Figure("supportbot_queue_tasks", "Tasks that wait in a queue.", waiting[name], {"queue": name})
        yield _of_sign(sign.name, f"Worker of the queue “{name}”", sign, text, remedy, figures=(length,))


def sweeps() -> Iterator[Part]:
    titles = heartbeats.sweeps()
    for sign in heartbeats.listen().sweeps:
        name, seconds = titles[sign.name.removeprefix("sweep:")]
        text = f"It runs every {seconds:.0f} s."
        remedy = "If beat and workers are well, its task fails: see `logs/worker.log`."
        yield _of_sign(sign.name, f"Sweep “{name}”", sign, text, remedy)


def _of_sign(
    key: str,
    title: str,
    sign: Sign,
    text: str,
    remedy: str,
    least: State = State.WORKS,
    figures: tuple[Figure, ...] = (),
) -> Part:
    """A part that is known by its sign of life. When it is late or stuck, that is so since the last one."""
    state = STATES[sign.state]
    if sign.age is None:
        text, since = "It was not due yet." if state == State.WORKS else "Nothing was heard of it yet.", None
    else:
        figures += (
            Figure("supportbot_heartbeat_age_seconds", "Since its last sign of life.", sign.age, {"part": key}),
        )
        since = datetime.now(UTC) - timedelta(seconds=sign.age)
        if state != State.WORKS:
            text = f"The last sign of life was {_ago(sign.age)} ago."
    bad = state in (State.LATE, State.STUCK)
    state = least if state == State.WORKS else state
    return Part(
        key,
        title,
        state,
        text,
        remedy if state not in (State.WORKS, State.STARTING) else "",
        since if bad else None,
        figures,
    )


def disk() -> Iterator[Part]:
    room = shutil.disk_usage(settings.DATA_DIR)
    free = Figure("supportbot_disk_free_bytes", "Free room on the disk of the data folder.", room.free)
    text = f"{room.free / 1024**3:.1f} GB of {room.total / 1024**3:.0f} GB are free."
    remedy = "Make room: `logs/` and `static/` may be emptied; old exports and backups are often beside the data."
    state = State.STUCK if room.free < NO_ROOM else State.LATE if room.free < LITTLE_ROOM else State.WORKS
    if state == State.STUCK:
        text += " Soon nothing can be saved."
    yield Part("disk", "Disk of the data folder", state, text, "" if state == State.WORKS else remedy, figures=(free,))


def _ago(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
