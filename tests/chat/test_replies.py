"""Every question ends in exactly one state, whatever breaks: model, Redis, process, line."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from chat import answering, following, frames, leases, replays, replies, tasks
from chat.models import Conversation, Message, Visitor
from chat.storage import off_loop
from chat.tokens import Bearer, make_token
from tests.chat.conftest import QUESTION, eventually, row

pytestmark = pytest.mark.django_db
SENTENCE = "You can return unused items within 60 days. [1]"


@off_loop
def left_behind(shop, status="streaming", text="You can", **fields):
    """The row of a reply whose process has died some time ago."""
    conversation = Conversation.objects.create(widget=shop, visitor=Visitor.objects.create(widget=shop))
    asked = Message.objects.create(conversation=conversation, role="customer", text=QUESTION, client_id=uuid.uuid4())
    gone = {"lease_owner": "another:1:dead", "lease_until": Now() - timedelta(seconds=5)}
    made = {"epoch": 1, "seq": 2, "status": status, "text": text} | gone | fields
    reply = Message.objects.create(conversation=conversation, role="bot", reply_to=asked, **made)
    return Message.objects.get(pk=reply.pk)


async def ended(reply, seconds=15):
    async def done():
        current = await row(reply)
        return current if current.status in ("done", "failed") else None

    return await eventually(done, seconds, "an ending")


# --- Leases ---------------------------------------------------------------------------------------------------------


async def test_a_lease_that_has_lapsed_is_taken_once(shop):
    reply = await left_behind(shop)
    epochs = await asyncio.gather(*(off_loop(leases.take)(reply.pk) for _ in range(5)))
    assert sorted(e for e in epochs if e) == [2]
    now = await row(reply.pk)
    assert (now.epoch, now.seq, now.text, now.lease_owner) == (2, 0, "", leases.OWNER)


async def test_a_lease_that_holds_is_not_taken(shop):
    reply = await left_behind(shop, lease_until=Now() + timedelta(seconds=30))
    assert await off_loop(leases.take)(reply.pk) is None


async def test_an_owner_of_an_older_epoch_writes_nothing(shop):
    reply = await left_behind(shop)
    await off_loop(leases.take)(reply.pk)
    assert not await off_loop(leases.save)(reply.pk, 1, text="a ghost")
    assert await off_loop(leases.save)(reply.pk, 2, text="alive")
    assert (await row(reply.pk)).text == "alive"


async def test_an_ended_reply_cannot_be_written_again(shop):
    reply = await left_behind(shop)
    await off_loop(leases.take)(reply.pk)
    assert await off_loop(leases.save)(reply.pk, 2, status="done", outcome="answered", text="the end")
    assert not await off_loop(leases.save)(reply.pk, 2, text="more")
    assert await off_loop(leases.take)(reply.pk) is None


async def test_renewing_tells_what_is_lost_and_what_is_to_stop(shop):
    mine, stopped, lost = [await left_behind(shop) for _ in range(3)]
    for reply in (mine, stopped, lost):
        await off_loop(leases.take)(reply.pk)
    await Message.objects.filter(pk=stopped.pk).aupdate(stop_requested=True)
    await Message.objects.filter(pk=lost.pk).aupdate(lease_owner="another:1:live", epoch=3)
    kept = await off_loop(leases.renew)({reply.pk: 2 for reply in (mine, stopped, lost)})
    assert kept == {mine.pk: False, stopped.pk: True}


# --- What is kept of an answer --------------------------------------------------------------------------------------


async def test_the_support_of_each_sentence_is_stored(connect):
    dora = await connect()
    done = await dora.answer()
    reply = await row(done["reply"])
    ((sentence),) = reply.support
    assert (sentence["text"], sentence["cited"]) == (SENTENCE, [1]) and sentence["score"] > 0.6
    assert reply.stopped == ""


async def test_a_passage_comes_word_by_word_and_is_the_same_in_the_end(connect, settings):
    settings.CHAT_CHOICE_FLOOR = 2.0
    dora = await connect()
    done = await dora.answer()
    assert done["outcome"] == "extracted"
    told = [frame["text"] for frame in dora.stored(done["reply"]) if frame["type"] == "delta"]
    assert len(told) > 1 and "".join(told) == done["text"]


@pytest.mark.parametrize("text", ["", " ", "one", " a  b\n\n- c d e f g h i [1] ", "a b c d e f g h\n"])
async def test_no_letter_is_lost_on_the_way(text):
    said = []
    await replies.speak(text, said.append)
    assert "".join(words.text for words in said) == text


async def test_what_was_held_back_is_stored_and_never_sent(connect, monkeypatch):
    async def untrue(*_, **__):
        yield "Every kayak is\x00 taken back for ever. [1] And more."

    monkeypatch.setattr(answering, "stream_chat", untrue)
    dora = await connect()
    done = await dora.answer()
    reply = await row(done["reply"])
    assert (done["outcome"], done["reason"]) == ("extracted", "unsupported")
    assert "kayak" not in done["text"] and reply.text == done["text"]
    assert "Every kayak is taken back for ever." in reply.stopped and reply.support == []


# --- Taking over ----------------------------------------------------------------------------------------------------


async def test_the_sweep_finds_what_was_left_and_finishes_it(shop, monkeypatch):
    reply = await left_behind(shop)
    held = await left_behind(shop, lease_until=Now() + timedelta(seconds=30))
    sent = []
    monkeypatch.setattr(tasks.finish_reply, "apply_async", lambda args, **options: sent.append(args[0]))
    await off_loop(tasks.sweep)()
    assert str(reply.pk) in sent and str(held.pk) not in sent
    await tasks._finish(reply.pk)
    done = await row(reply.pk)
    assert (done.status, done.outcome, done.text, done.epoch) == ("done", "answered", SENTENCE, 2)
    await tasks._finish(reply.pk)  # safe to run twice
    assert (await row(reply.pk)).epoch == 2


async def returning(connect, shop, reply, seq):
    """The customer whose reply was left behind comes back."""
    conversation = await Conversation.objects.aget(pk=reply.conversation_id)
    token = make_token(shop.key, Bearer(conversation.visitor_id, 1))
    seen = {"reply": str(reply.pk), "epoch": 1, "seq": seq}
    return await connect(token=token, conversation=str(conversation.pk), last_seen=seen)


async def test_a_returning_customer_has_the_answer_finished(connect, shop):
    reply = await left_behind(shop)
    dora = await returning(connect, shop, reply, 2)
    done = await dora.until("done")
    assert (done["text"], done["epoch"]) == (SENTENCE, 2)
    assert any(f["type"] == "restart" and f["epoch"] == 2 for f in dora.frames)
    assert [f["seq"] for f in dora.stored(done["reply"])] == list(range(1, done["seq"] + 1))


async def test_a_reply_that_kills_every_writer_gets_a_last_word(shop):
    reply = await left_behind(shop, epoch=replies.MOST_EPOCHS)
    await replies.take_over(reply.pk)
    assert (await row(reply.pk)).status == "failed"


async def test_a_writer_that_lost_its_lease_falls_silent(connect, model_script):
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    theirs = {"lease_owner": "another:1:live", "epoch": 5, "text": "", "seq": 0}
    await Message.objects.filter(pk=accepted["reply"]).aupdate(**theirs)

    async def silent():
        return uuid.UUID(accepted["reply"]) not in replies.WRITERS

    await eventually(silent)
    now = await row(accepted["reply"])
    assert (now.epoch, now.text, now.status) == (5, "", "streaming")


@pytest.mark.parametrize("turns", [0, 1, 2, 50, None])
async def test_a_writer_that_is_cancelled_is_forgotten_wherever_it_was(shop, turns):
    reply = await left_behind(shop)
    task = await replies.take_over(reply.pk)
    if turns is None:  # in its last steps: the source is being ended
        writer = replies.WRITERS[reply.pk]
        while not writer.log.over:
            await asyncio.sleep(0)
    else:
        for _ in range(turns):
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert reply.pk not in replies.WRITERS


# --- The ladder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "cut", "malformed", "hang"])
async def test_a_broken_model_gives_the_passage_in_its_own_words(connect, model_script, settings, fault):
    settings.CHAT_FIRST_TOKEN_SECONDS = 0.5
    model_script(chat=[fault] * 3)
    dora = await connect()
    done = await dora.answer()
    assert done["outcome"] == "extracted" and done["reason"].startswith("model_")
    assert done["text"].startswith("You can return unused items within 60 days.") and done["citations"] == [1]
    assert "".join(f["text"] for f in dora.stored(done["reply"]) if f["type"] == "delta") == done["text"]
    assert (await row(done["reply"])).text == done["text"]


async def test_words_already_said_are_void_when_the_passage_takes_over(connect, model_script):
    model_script(chat=["cut"])
    dora = await connect()
    done = await dora.answer()
    kinds = [f["type"] for f in dora.frames if f.get("reply") == done["reply"]]
    assert "restart" in kinds and done["epoch"] == 2
    assert [f["seq"] for f in dora.stored(done["reply"])] == list(range(1, done["seq"] + 1))
    assert (await row(done["reply"])).epoch == 2


async def test_no_model_server_at_all(connect, settings):
    settings.MODEL_URL = "unix:/nonexistent/model.sock"
    done = await (await connect()).answer()
    assert (done["outcome"], done["reason"]) == ("extracted", "model_unavailable")


async def test_nothing_found_says_so_and_offers_what_is_near(connect, settings):
    settings.CHAT_ANSWERABLE_FLOOR = 1.0
    done = await (await connect()).answer()
    assert (done["outcome"], done["reason"], done["citations"]) == ("abstained", "nothing_found", [])
    assert done["nearest"][0]["url"].startswith("/help/")


async def test_another_language_gets_the_passage_in_that_language(connect):
    done = await (await connect()).answer("Wie lange dauert die Lieferung nach Österreich?")
    assert (done["outcome"], done["reason"]) == ("extracted", "language")
    assert "5 Tage" in done["text"]


async def test_small_talk_searches_nothing(connect):
    dora = await connect()
    done = await dora.answer("Thank you!")
    assert (done["outcome"], done["reason"]) == ("answered", "small_talk_thanks")
    assert not [f for f in dora.frames if f["type"] == "sources"]


async def test_a_bug_in_the_answering_is_a_failed_frame_not_a_silence(connect, monkeypatch):
    def broken(question, history):
        raise ZeroDivisionError

    monkeypatch.setattr("chat.answering.condense", broken)
    dora = await connect()
    accepted = await dora.ask()
    failed = await dora.until("failed")
    assert (failed["code"], failed["retry"]) == ("internal", True) and failed["text"]
    assert (await row(accepted["reply"])).status == "failed"


# --- Coming back ----------------------------------------------------------------------------------------------------


async def come_back(connect, dora, reply, seq, epoch=1):
    seen = {"reply": reply, "epoch": epoch, "seq": seq}
    return await connect(token=dora.token, conversation=dora.conversation, last_seen=seen)


@pytest.mark.parametrize("memory", [True, False], ids=["from memory", "from Redis"])
async def test_what_was_missed_is_replayed(connect, memory):
    dora = await connect()
    done = await dora.answer()
    if not memory:
        frames.LIVE.clear()
    for seq in range(done["seq"] + 1):
        again = await come_back(connect, dora, done["reply"], seq)
        assert again.welcome["resumed"] is True
        got = [await again.next() for _ in range(done["seq"] - seq)]
        assert got == dora.stored(done["reply"])[seq:]


async def test_nothing_follows_an_answer_that_was_heard_to_its_end(connect):
    dora = await connect()
    done = await dora.answer()
    frames.LIVE.clear()
    await replays.client().flushdb()
    again = await come_back(connect, dora, done["reply"], done["seq"])
    assert again.welcome["resumed"] is True
    assert await again.socket.receive_nothing(following.POLL_SECONDS + 0.5)  # nor is the line closed


async def test_without_the_frames_the_row_is_given_never_a_part(connect):
    dora = await connect()
    done = await dora.answer()
    frames.LIVE.clear()
    await replays.client().flushdb()
    again = await come_back(connect, dora, done["reply"], 1)
    assert again.welcome["resumed"] is False
    assert again.welcome["messages"][-1]["text"] == done["text"]


async def test_a_place_that_was_never_reached_is_not_believed(connect):
    dora = await connect()
    done = await dora.answer()
    assert (await come_back(connect, dora, done["reply"], 99)).welcome["resumed"] is False
    assert (await come_back(connect, dora, done["reply"], 1, epoch=9)).welcome["resumed"] is False


async def test_a_line_that_breaks_in_the_middle_loses_nothing(connect, model_script):
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    first = await dora.until("delta")
    await dora.gone()
    again = await come_back(connect, dora, accepted["reply"], first["seq"])
    done = await again.until("done")
    assert again.welcome["resumed"] is True
    seen = dora.stored(accepted["reply"]) + again.stored(accepted["reply"])
    assert [f["seq"] for f in seen] == list(range(1, done["seq"] + 1))
    assert "".join(f["text"] for f in seen if f["type"] == "delta") == done["text"] == SENTENCE


async def test_another_processs_reply_is_followed_through_redis(connect, shop):
    """The other process is this one with its memory hidden."""
    reply = await left_behind(shop, lease_until=Now() + timedelta(seconds=30), text="", seq=0)
    dora = await returning(connect, shop, reply, 0)
    assert dora.welcome["resumed"] is True
    for seq, text in enumerate(["Within ", "60 days."], 1):
        delta = {"type": "delta", "reply": str(reply.pk), "epoch": 1, "seq": seq, "text": text}
        assert await replays.write(reply.pk, [delta])
        assert await dora.until("delta", seq=seq) == delta
    ending = {"status": "done", "outcome": "answered", "text": "Within 60 days.", "seq": 3}
    await Message.objects.filter(pk=reply.pk).aupdate(**ending)
    with pytest.raises(ConnectionError):  # Redis never got the end: the client must come back for the row
        await dora.until("done")
    assert dora.closed == 4009


async def test_an_answer_goes_on_while_redis_is_away(connect, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    replays._clients.clear()
    done = await (await connect()).answer()
    assert (done["outcome"], done["text"]) == ("answered", SENTENCE)
    replays._clients.clear()


# --- Nobody there ---------------------------------------------------------------------------------------------------


async def test_an_answer_that_nobody_hears_is_stopped_after_the_grace(connect, model_script, settings):
    settings.CHAT_GRACE_SECONDS = 0.3
    model_script(chat=["stall"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    await dora.gone()
    reply = await ended(accepted["reply"], 20)
    assert (reply.outcome, reply.reason) == ("stopped", "nobody_listening")
    assert SENTENCE.startswith(reply.text) and reply.text


async def test_a_stop_that_another_process_wrote_down_is_heard(connect, model_script):
    model_script(chat=["stall"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    await Message.objects.filter(pk=accepted["reply"]).aupdate(stop_requested=True)
    assert (await dora.until("done", seconds=8))["outcome"] == "stopped"


async def test_many_at_once_are_each_told_their_place_and_each_end(connect, settings, model_script):
    settings.MODEL_MAX_BATCH = 1
    replies._seats.clear()
    model_script(chat=["slow"] * 4)
    everybody = [await connect() for _ in range(4)]
    ends = await asyncio.gather(*(customer.answer() for customer in everybody))
    replies._seats.clear()
    assert {end["outcome"] for end in ends} == {"answered"}
    places = {f["position"] for c in everybody for f in c.frames if f["type"] == "stage" and f["stage"] == "queued"}
    assert places >= {1, 2, 3}
