"""An owner that dies, freezes or wakes: whoever comes next finishes the answer, and the one before writes nothing."""

import asyncio
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import httpx
import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from chat import conversations, desk, following, frames, leases, replays, replies
from chat.answering import Options, beginning
from chat.beginnings import beginning_of
from chat.consumers import ChatConsumer
from chat.conversations import Turn
from chat.frames import Log, Place
from chat.models import Message, RetrievedPassage
from chat.storage import THREADS, off_loop
from chat.writers import LostLease, Writer
from knowledge.retrieval import Retrieval
from tests.chat.conftest import eventually, row
from tests.chat.test_replies import SENTENCE, left_behind, returning

pytestmark = pytest.mark.django_db
THEIRS = {"lease_owner": "another:1:live", "epoch": 7, "text": "", "seq": 0}
PASSAGE = SimpleNamespace(
    chunk_id=None, revision_id=None, title="Ours", heading="", url="", score=1.0, similarity=None, lexical=None
)


def passages(reply, title):
    """What another owner has found."""
    fields = {"n": 1, "title": title, "url": "/help/theirs/", "score": 1.0, "cited": True}
    RetrievedPassage.objects.create(message_id=reply, **fields)


@off_loop
def titles(reply):
    return list(RetrievedPassage.objects.filter(message_id=reply).values_list("title", flat=True))


@off_loop
def given_away(reply):
    """Another process has taken the reply over."""
    until = Now() + timedelta(seconds=30)
    Message.objects.filter(pk=reply).update(lease_until=until, status="streaming", **THEIRS)


async def owner(reply, epoch=2):
    """A writer of ours in the middle of an answer."""
    assert await off_loop(leases.take)(reply.pk) == epoch
    return Writer(reply.pk, epoch, Turn(uuid.uuid4(), reply.conversation_id), patient=True)


# --- An owner that was frozen ---------------------------------------------------------------------------------------


async def test_an_owner_that_wakes_leaves_the_passages_of_the_next_one_alone(shop):
    reply = await left_behind(shop)
    writer = await owner(reply)
    await given_away(reply.pk)
    await off_loop(passages)(reply.pk, "Theirs")
    writer.passages = [PASSAGE]
    with pytest.raises(LostLease):
        await writer.save(writer.store_passages, status="streaming")
    with pytest.raises(LostLease):
        await writer.close("done", lambda: writer.store_citations([1]), outcome="answered")
    assert await titles(reply.pk) == ["Theirs"]
    writer.log.lose()


async def test_an_owner_that_wakes_tells_nobody_another_word(connect, model_script, settings):
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    reply = uuid.UUID(accepted["reply"])
    writer = replies.WRITERS[reply]
    await given_away(reply)
    writer.log._held_until = 0.0  # as after a freeze, before anything else in this process has run
    said = writer.log.text
    await eventually(lambda: asyncio.sleep(0, reply not in replies.WRITERS), 10, "the writer falling silent")
    assert writer.log.text == said
    now = await row(reply)
    assert (now.epoch, now.text, now.status) == (7, "", "streaming")
    assert all(frame["epoch"] == 1 for frame in await replays.read(reply, 1, 0))


async def test_an_owner_that_wakes_calls_no_person(shop, monkeypatch):
    called = []
    monkeypatch.setattr(desk, "ask_for_person", lambda *told: called.append(told))
    reply = await left_behind(shop)
    await Message.objects.filter(conversation=reply.conversation_id, role="customer").aupdate(
        text="I want to talk to a person"
    )
    writer = await owner(reply)
    await given_away(reply.pk)
    with pytest.raises(LostLease):
        await replies.answer(writer, "")
    assert called == []
    writer.log.lose()


async def test_a_client_that_is_ahead_of_a_frozen_owner_does_not_stop_the_process(shop):
    """The log here is of epoch 1, the client has come back from another process with frames of epoch 2."""
    reply = await left_behind(shop, epoch=2, seq=0, text="", lease_until=Now() + timedelta(seconds=30))
    stale = Log(reply.pk, 1)
    heard = []

    async def hear():
        async for frame in following.follow(reply.pk, Place(2, 0), replies.take_over):
            heard.append(frame)

    follower = asyncio.create_task(hear())
    async with asyncio.timeout(5):
        await asyncio.sleep(0.3)  # this process still lives
    delta = {"type": "delta", "reply": str(reply.pk), "epoch": 2, "seq": 1, "text": "Within "}
    assert await replays.write(reply.pk, [delta])
    await eventually(lambda: asyncio.sleep(0, heard == [delta]), 5, "the other process's frame")
    follower.cancel()
    stale.lose()


# --- Who takes over -------------------------------------------------------------------------------------------------


async def test_whoever_is_connected_has_an_abandoned_answer_finished(connect, shop):
    """No sweep runs here, and nobody comes back: the socket was open when the other process died."""
    reply = await left_behind(shop, lease_until=Now() + timedelta(seconds=2), text="", seq=0)
    dora = await returning(connect, shop, reply, 0)
    done = await dora.until("done", seconds=20)
    assert (done["text"], done["epoch"]) == (SENTENCE, 2)
    assert (await row(reply.pk)).text == SENTENCE


async def test_what_an_earlier_owner_found_is_not_shown_beside_another_answer(shop):
    reply = await left_behind(shop)
    await off_loop(passages)(reply.pk, "Found in epoch 1")
    assert await off_loop(leases.take)(reply.pk) == 2
    assert await titles(reply.pk) == []


async def test_an_answer_whose_process_was_told_to_end_is_free_at_once(connect, model_script):
    model_script(chat=["stall"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    await replies.drain(0.2)
    left = await row(accepted["reply"])
    assert left.lease_until is None and left.status == "streaming"
    done = await dora.until("done", seconds=15)  # this process goes on in the test, and may take it again
    assert (done["text"], done["epoch"]) == (SENTENCE, 2)


async def handed_over_midway(connect, **fields):
    """A customer who has heard some words, and the row whose process has died since."""
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    await replies.drain(0.2)
    await Message.objects.filter(pk=accepted["reply"]).aupdate(**fields)
    return dora, "".join(f["text"] for f in dora.stored(accepted["reply"]) if f["type"] == "delta")


async def seen_by(fake_model, what):
    transport = httpx.AsyncHTTPTransport(uds=fake_model.removeprefix("unix:"))
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        return (await client.get("http://model/seen")).json().get(what, 0)


async def test_what_was_told_is_not_told_word_by_word_again(monkeypatch):
    monkeypatch.setattr(replies, "WORD_SECONDS", 60)
    for told in ("one two three four five six seven eight", "one two three four five six seven eight nine ten"):
        heard = []
        await asyncio.wait_for(replies.speak("one two three four five six seven eight", heard.append, told), 5)
        assert [words.text for words in heard] == ["one two three four five six seven eight"]


async def test_who_takes_over_goes_on_after_the_words_that_were_told(connect, model_script, fake_model, settings):
    settings.MODEL_CONTINUES = True
    model_script(chat=["stall"])
    dora, told = await handed_over_midway(connect)
    done = await dora.until("done")
    assert (done["text"], done["epoch"], done["citations"]) == (SENTENCE, 2, [1])
    assert await seen_by(fake_model, "continued") == 1
    first, *_ = [f["text"] for f in dora.stored(done["reply"]) if f["type"] == "delta"]
    assert first.startswith(told.rsplit(maxsplit=1)[0])  # all but a word that the gate has to see whole
    assert "".join(f["text"] for f in dora.stored(done["reply"]) if f["type"] == "delta") == SENTENCE


async def test_an_engine_that_cannot_go_on_begins_anew(connect, model_script, fake_model, settings):
    settings.MODEL_CONTINUES = False
    model_script(chat=["stall"])
    dora, _ = await handed_over_midway(connect)
    assert (await dora.until("done"))["text"] == SENTENCE
    assert await seen_by(fake_model, "continued") == 0


async def test_what_was_told_of_other_passages_is_not_gone_on_with(connect, model_script, fake_model, settings):
    settings.MODEL_CONTINUES = True
    model_script(chat=["stall"])
    dora, _ = await handed_over_midway(connect)
    assert (await dora.until("done"))["text"] == SENTENCE
    reply = uuid.UUID(dora.frames[-1]["reply"])
    begun = await beginning_of(reply)
    assert begun is not None and begun.text == SENTENCE
    other = Options(begun=replace(begun, passages=((1, 1),)))
    assert beginning(Retrieval(passages=[PASSAGE]), other) is None


async def test_an_extract_is_taken_up_as_an_extract(connect, model_script, fake_model, settings, monkeypatch):
    """Its reason stands in the row: the model is not asked again for what was stopped before."""
    settings.MODEL_CONTINUES = True
    monkeypatch.setattr(replies, "WORD_SECONDS", 60)
    model_script(chat=["say:You can return items within 99 days. [1]", "429"])
    dora = await connect()
    accepted = await dora.ask()
    restart = await dora.until("restart")
    await dora.until("delta", epoch=restart["epoch"])
    await replies.drain(0)
    monkeypatch.setattr(replies, "WORD_SECONDS", 0)
    done = await dora.until("done")
    assert (done["reply"], done["outcome"], done["reason"]) == (accepted["reply"], "extracted", "unsupported_fact")
    assert done["epoch"] == restart["epoch"] + 1
    assert await seen_by(fake_model, "chat") == 1


async def test_an_answer_that_is_being_told_comes_to_its_end_before_the_process_does(connect, model_script, settings):
    settings.MODEL_MAX_BATCH = 1
    replies._seats.clear()
    model_script(chat=["slow"])
    dora, emil = await connect(), await connect()
    told, waiting = await dora.ask(), await emil.ask()
    await emil.until("stage", stage="queued")
    await dora.until("delta")
    await emil.gone()
    await replies.drain(10)
    replies._seats.clear()
    assert (await row(told["reply"])).text == (await dora.until("done"))["text"] == SENTENCE
    handed = await row(waiting["reply"])
    assert (handed.status, handed.lease_until, handed.epoch) == ("queued", None, 1)


async def test_who_comes_back_while_an_answer_is_being_given_up_gets_it_after_all(connect, model_script, monkeypatch):
    """The database was away between the decision that nobody listens and its writing."""
    model_script(chat=["stall"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    replies.WRITERS[uuid.UUID(accepted["reply"])].stop(replies.UNHEARD)
    done = await dora.until("done")
    assert (done["text"], done["outcome"]) == (SENTENCE, "answered")


async def test_a_database_that_is_away_does_not_keep_a_process_that_is_to_end(connect, model_script, monkeypatch):
    monkeypatch.setattr(replies, "HAND_OVER_SECONDS", 0.2)
    model_script(chat=["stall"])
    dora = await connect()
    await dora.ask()
    await dora.until("delta")
    back = threading.Event()
    monkeypatch.setattr(leases, "release", lambda epochs: back.wait(20))
    await asyncio.wait_for(replies.drain(0), 10)
    assert not back.is_set()
    back.set()


async def test_many_customers_do_not_keep_a_lease_from_being_renewed(connect, model_script, settings):
    """All threads of the door to the database are busy for longer than a lease."""
    settings.CHAT_LEASE_SECONDS = 2
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()
    busy = [
        THREADS.submit(lambda: asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(20))
        for _ in range(THREADS._max_workers)
    ]
    await asyncio.sleep(3)
    free = await Message.objects.filter(leases.LAPSED, pk=accepted["reply"]).aexists()
    go_on.set()
    assert not free
    assert (await dora.until("done"))["epoch"] == 1
    assert all(one.result() for one in busy)


async def test_nobody_is_called_unheard_while_redis_is_away(connect, model_script, settings, monkeypatch):
    """Who follows from another process is known to Redis alone."""
    settings.CHAT_GRACE_SECONDS = 0.2
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    replays._clients.clear()
    await dora.gone()

    async def ended():
        now = await row(accepted["reply"])
        return now if now.status == "done" else None

    done = await eventually(ended, 15)
    replays._clients.clear()
    assert (done.outcome, done.text) == ("answered", SENTENCE)


async def test_who_follows_from_elsewhere_is_waited_for_when_redis_comes_back_empty(
    connect, model_script, settings, monkeypatch
):
    """The marks of those who follow are gone with it; they come again within seconds."""
    settings.CHAT_GRACE_SECONDS = 3
    model_script(chat=["stall"])
    dora = await connect()
    reply = uuid.UUID((await dora.ask())["reply"])
    await dora.until("delta")
    writer = replies.WRITERS[reply]
    await dora.gone()
    writer.log.unheard_since = 0.0  # long ago, so that it is asked at once who follows from elsewhere
    asked = []

    async def unheard(alone):
        asked.append(alone)
        return alone if len(asked) in (1, 3, 4) else []  # for a moment, and once more

    monkeypatch.setattr(replays, "unheard", unheard)
    await eventually(lambda: reached(asked, 6), 30)
    assert not writer.stopped and writer.silent_since is None


async def reached(asked, count):
    return len(asked) >= count


# --- Coming back at a bad moment ------------------------------------------------------------------------------------


async def test_a_line_that_ends_while_redis_thaws_doubles_nothing(connect, monkeypatch):
    """Frozen when the end was told: told from the row, its numbers would mean other frames than those in Redis."""
    dora = await connect()
    done = await dora.answer()
    frames.LIVE.clear()

    async def away(*_):
        return []

    monkeypatch.setattr(replays, "read", away)
    reply = await row(done["reply"])
    with pytest.raises(following.LostPlace):
        async for _ in following.follow(reply.pk, Place(reply.epoch, 0), replies.take_over):
            pytest.fail("a frame under a number that another frame has")


async def test_frames_come_once_to_who_comes_back_before_the_end(connect, model_script):
    """The running reply is the one that is resumed: it is followed once."""
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    first = await dora.until("delta")
    seen = {"reply": accepted["reply"], "epoch": 1, "seq": first["seq"]}
    again = await connect(token=dora.token, conversation=dora.conversation, last_seen=seen)
    assert again.welcome["resumed"] is True
    done = await again.until("done")
    assert await again.socket.receive_nothing(1.5)
    numbers = [frame["seq"] for frame in again.stored(accepted["reply"])]
    assert numbers == list(range(first["seq"] + 1, done["seq"] + 1))


@pytest.mark.parametrize("frame", ["hello", "ask"])
async def test_a_database_that_goes_away_makes_clients_come_back(connect, monkeypatch, frame):
    """An error in words would leave them waiting; with a code that asks them to return they say the same again."""
    dora = await connect(hello=frame == "ask")

    def broken(*_):
        raise OperationalError("the database system is starting up")

    monkeypatch.setattr(conversations, "visit" if frame == "hello" else "ask", broken)
    with pytest.raises(ConnectionError):
        await (dora.hello() if frame == "hello" else dora.ask())
    assert dora.closed == 1013


async def test_an_answer_is_followed_although_the_database_fails_after_its_question_was_taken(connect, monkeypatch):
    dora = await connect()
    key = str(uuid.uuid4())
    accepted = await dora.ask(key=key)
    await dora.until("done")
    real, calls = leases.take, []

    def breaks_once(reply):
        calls.append(reply)
        if len(calls) == 1:
            raise OperationalError("terminating connection due to administrator command")
        return real(reply)

    monkeypatch.setattr(leases, "take", breaks_once)
    lapsed = {"status": "streaming", "lease_until": Now() - timedelta(seconds=1), "outcome": "", "text": "", "seq": 0}
    await Message.objects.filter(pk=accepted["reply"]).aupdate(**lapsed)
    frames.LIVE.clear()
    await replays.client().flushdb()
    with pytest.raises(ConnectionError):  # never silence
        await dora.ask(key=key)
        await dora.until("done", seconds=10)
    assert dora.closed == 4009
    again = await connect(token=dora.token, conversation=dora.conversation)
    assert (await again.until("done", seconds=10))["text"] == SENTENCE


async def test_later_messages_have_later_ids_although_a_clock_was_set_back(connect, monkeypatch):
    dora = await connect()
    first = await dora.answer()
    old = uuid.UUID(int=uuid.UUID(first["reply"]).int - 2**100)
    monkeypatch.setattr(conversations, "uuid7", lambda: old)
    second = await dora.answer("What does the repair of a zip cost?")
    assert second["reply"] > first["reply"]
    again = await connect(token=dora.token, conversation=dora.conversation)
    assert [m["role"] for m in again.welcome["messages"]] == ["customer", "bot"] * 2
    assert again.welcome["messages"][2]["text"] == "What does the repair of a zip cost?"


async def test_an_idle_socket_keeps_nothing_of_what_it_was_shown(connect, monkeypatch):
    dora, kept = await connect(), []
    await dora.answer()
    real = ChatConsumer.greet

    async def greet(self, hello):
        await real(self, hello)
        kept.append(self.visit)

    monkeypatch.setattr(ChatConsumer, "greet", greet)
    again = await connect(token=dora.token, conversation=dora.conversation)
    assert len(again.welcome["messages"]) == 2
    await eventually(lambda: asyncio.sleep(0, kept), 5)
    assert (kept[0].messages, kept[0].running, kept[0].seen) == ([], [], None)


# --- The engine is free ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "leave"])
async def test_the_model_is_hung_up_on_at_once(connect, model_script, fake_model, settings, how):
    """It writes no further word; that it stops within a step then is the model server's own test."""
    settings.CHAT_GRACE_SECONDS = 0.2
    model_script(chat=["stall"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    if how == "stop":
        await dora.send(type="stop", reply=accepted["reply"])
        await dora.until("done", seconds=5)
    else:
        await dora.gone()
    await eventually(partial(seen_by, fake_model, "hung_up"), 5, "the model hearing of it")
    left = await eventually(partial(settled, accepted["reply"]), 5)
    assert left.outcome == "stopped" and left.text and SENTENCE.startswith(left.text)


async def settled(reply):
    now = await row(reply)
    return now if now.status == "done" else None


async def test_over_the_bound_the_passage_comes_at_once_and_a_person_is_offered(connect, model_script, settings):
    settings.MODEL_MAX_BATCH, settings.CHAT_MOST_WAITING = 1, 1
    replies._seats.clear()
    model_script(chat=["stall"])
    first, second, third = await connect(), await connect(), await connect()
    running = await first.ask()
    await first.until("delta")
    await second.ask()
    assert (await second.until("stage"))["position"] == 1
    await third.ask()
    assert (await third.until("stage"))["stage"] == "searching"
    done = await third.until("done", seconds=10)
    assert (done["outcome"], done["reason"], done["citations"]) == ("extracted", "busy", [1])
    assert done["text"].startswith("You can return unused items within 60 days.")
    assert done["text"].endswith("A person on our team can help you.")
    assert "".join(f["text"] for f in third.stored(done["reply"]) if f["type"] == "delta") == done["text"]
    await first.send(type="stop", reply=running["reply"])
    assert (await second.until("done"))["outcome"] == "answered"
    replies._seats.clear()
