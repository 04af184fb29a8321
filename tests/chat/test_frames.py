"""The frames of a reply and their copy in Redis: what a process that was frozen may still say, and what Redis keeps."""

import asyncio
import json
import uuid

import pytest
from redis.asyncio import Redis

from chat import copying, frames, replays
from chat.frames import Log, Place
from tests.chat.conftest import eventually

pytestmark = pytest.mark.usefixtures("services")


@pytest.fixture
async def log(settings):
    made = Log(uuid.uuid4(), 1)
    yield made
    made.lose()
    await replays.client().delete(replays._key(made.reply))


async def kept(log):
    """The (epoch, seq) of what is in Redis."""
    entries = await replays.client().xrange(replays._key(log.reply))
    return [tuple(map(int, key.decode().split("-"))) for key, _ in entries]


async def stored(log, places):
    async def there():
        return await kept(log) == places

    await eventually(there, 5, f"{places} in Redis")


async def say(log, *texts):
    for text in texts:
        log.say(text)
        log.flush()
    await asyncio.sleep(0)


def freeze(log):
    """As after a SIGSTOP that was longer than the lease."""
    log._held_until = 0.0


async def test_words_within_a_moment_are_one_frame(log):
    for word in ("You ", "can ", "return "):
        log.say(word)
    await eventually(lambda: asyncio.sleep(0, log.frames), 2)
    assert [frame["text"] for frame in log.frames] == ["You can return "]
    assert 0.03 <= frames.COALESCE_SECONDS <= 0.05


async def test_the_words_before_stay_in_sight_until_there_are_new_ones(log):
    await say(log, "You ")
    heard = []

    async def hear():
        async for frame in log.follow(Place(1, 0)):
            heard.append((frame["type"], frame.get("epoch")))

    follower = asyncio.create_task(hear())
    await eventually(lambda: asyncio.sleep(0, len(heard) == 1), 2)
    log.restart(2)
    log.tell("writing")
    log.add("sources", sources=[])
    await eventually(lambda: asyncio.sleep(0, len(heard) == 2), 2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard == [("delta", 1), ("stage", None)]
    await say(log, "Returned ")
    await eventually(lambda: asyncio.sleep(0, len(heard) == 5), 2)
    assert heard[2:] == [("restart", 2), ("sources", 2), ("delta", 2)]
    follower.cancel()


async def test_frames_live_in_redis_for_a_time_under_epoch_and_number(log):
    await say(log, "You ", "can ")
    await stored(log, [(1, 1), (1, 2)])
    assert 0 < await replays.client().ttl(replays._key(log.reply)) <= replays.LIFETIME_SECONDS
    log.restart(2)
    await say(log, "Returned ")
    await stored(log, [(2, 1)])  # the void epoch takes no room


async def test_the_copy_has_a_bound_in_bytes(log, monkeypatch):
    monkeypatch.setattr(replays, "MAX_BYTES", 2000)
    for _ in range(40):
        await say(log, "x" * 100)
        await asyncio.sleep(0.01)
    entries = await replays.client().xrange(replays._key(log.reply))
    assert sum(len(fields[b"f"]) for _, fields in entries) <= 2000
    assert len(log.frames) == 40  # the answer goes on


async def test_a_process_that_was_frozen_says_nothing_before_it_has_asked(log):
    await say(log, "You ")
    await stored(log, [(1, 1)])
    freeze(log)
    await say(log, "can ", "return ")
    await asyncio.sleep(2 * frames.COALESCE_SECONDS)
    assert (log.seq, log.text, log.flush()) == (1, "You ", False)
    loop = asyncio.get_running_loop()
    log.renewed(loop.time())  # it is still ours
    assert log.text == "You can return " and log.seq == 2
    await stored(log, [(1, 1), (1, 2)])


async def test_a_process_that_has_lost_its_reply_says_nothing_ever(log):
    await say(log, "You ")
    freeze(log)
    await say(log, "can ")
    log.lose()
    log.flush()
    await asyncio.sleep(2 * frames.COALESCE_SECONDS)
    assert (log.text, await kept(log)) == ("You ", [(1, 1)])


async def test_what_was_on_its_way_at_the_freeze_is_refused_behind_the_next_owner(log):
    await say(log, "You ")
    await stored(log, [(1, 1)])
    other = {"type": "delta", "reply": str(log.reply), "epoch": 2, "seq": 1, "text": "Returns "}
    assert await replays.write(log.reply, [other])
    assert not await replays.write(log.reply, [other | {"epoch": 1, "seq": 2}])  # behind its back, past every check
    assert await kept(log) == [(2, 1)]
    assert await replays.written(log.reply, 1) is None


async def test_a_redis_that_came_back_empty_is_not_filled_with_the_rest(log):
    await say(log, "You ")
    await stored(log, [(1, 1)])
    await replays.client().delete(replays._key(log.reply))
    late = {"type": "delta", "reply": str(log.reply), "epoch": 1, "seq": 2, "text": "a ghost"}
    assert not await replays.write(log.reply, [late])
    assert await kept(log) == []


async def test_the_owner_fills_a_redis_that_came_back_empty_from_the_beginning(log):
    await say(log, "You ", "can ")
    await stored(log, [(1, 1), (1, 2)])
    await replays.client().delete(replays._key(log.reply))
    await say(log, "return ")
    await stored(log, [(1, 1), (1, 2), (1, 3)])
    read = await replays.read(log.reply, 1, 0)
    assert "".join(frame["text"] for frame in read) == log.text == "You can return "


@pytest.fixture
async def frozen_redis(monkeypatch, log):
    """Connections that are taken and never answered; `thaw()` gives the real ones back."""
    real = replays.client()

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    slow = Redis(host="127.0.0.1", port=port)
    monkeypatch.setattr(replays, "client", lambda: slow)
    yield lambda: monkeypatch.setattr(replays, "client", lambda: real)
    server.close()


async def test_a_slow_redis_is_given_up_and_made_good_later(log, frozen_redis, monkeypatch):
    monkeypatch.setattr(copying, "REST_SECONDS", 0.1)
    start = asyncio.get_running_loop().time()
    await say(log, "You ", "can ")
    assert [frame["text"] for frame in log.frames] == ["You ", "can "]
    await log._copy.end()
    assert asyncio.get_running_loop().time() - start < 10  # it is frozen for good; an answer never waits for it
    frozen_redis()
    assert await kept(log) == []
    await asyncio.sleep(0.15)
    await say(log, "return ")
    await stored(log, [(1, 1), (1, 2), (1, 3)])


async def test_the_frames_of_all_followers_are_the_same(log):
    async def hear():
        heard = []
        async for frame in log.follow(Place(1, 0)):
            heard.append(json.dumps(frame))
        return heard

    followers = [asyncio.create_task(hear()) for _ in range(3)]
    await asyncio.sleep(0)
    await say(log, "You ", "can ")
    fields = {"outcome": "answered", "reason": None, "citations": [], "nearest": [], "follow_ups": []}
    await log.end("done", text="You can ", **fields)
    first, *others = [await follower for follower in followers]
    assert all(other == first for other in others) and len(first) == 3
