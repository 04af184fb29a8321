"""The frames of the socket, as a client meets them. Dora is a stranger; Emil is a known customer."""

import asyncio
import json
import time
import uuid

import jwt
import pytest

from chat import answering, consumers, conversations, doorbell, limits
from chat.events import SERVER_FRAMES
from chat.models import Conversation, Message, Rating, Visitor
from chat.routing import socket_application
from tests.chat.conftest import ORIGIN, QUESTION, eventually, row

pytestmark = pytest.mark.django_db


def well_formed(frames):
    """Every frame has the fields of the contract."""
    for frame in frames:
        fields = SERVER_FRAMES[frame["type"]]
        assert {f for f in fields if not f.endswith("?")} <= frame.keys() - {"type"}, frame


async def test_it_answers_with_sources_and_a_citation(connect):
    dora = await connect()
    accepted = await dora.ask()
    done = await dora.until("done")
    assert (done["outcome"], done["citations"], done["reason"]) == ("answered", [1], None)
    assert done["text"] == "You can return unused items within 60 days. [1]"
    stored = dora.stored(accepted["reply"])
    assert [f["seq"] for f in stored] == list(range(1, len(stored) + 1))
    assert stored[0]["type"] == "sources" and stored[0]["sources"][0]["url"].startswith("/help/returns/")
    assert "".join(f["text"] for f in stored if f["type"] == "delta") == done["text"]
    well_formed(dora.frames)


async def test_the_row_is_what_was_seen(connect):
    dora = await connect()
    done = await dora.answer()
    reply = await row(done["reply"])
    assert (reply.text, reply.status, reply.outcome) == (done["text"], "done", "answered")
    assert (reply.epoch, reply.seq) == (done["epoch"], done["seq"])
    assert reply.prompt_version and reply.tokens_in and reply.times["total"] >= reply.times["first"]
    passages = [p async for p in reply.passages.all()]
    assert [p.cited for p in passages][0] and passages[0].revision_id


async def test_a_welcome_greets_and_makes_no_row_yet(connect, shop):
    dora = await connect()
    assert dora.welcome["greeting"] == "Hello!" and dora.welcome["suggestions"] == ["Returns?"]
    assert (dora.welcome["conversation"], dora.welcome["messages"], dora.welcome["resumed"]) == (None, [], None)
    assert not await Visitor.objects.filter(widget=shop).aexists()
    assert not await Conversation.objects.filter(widget=shop).aexists()


@pytest.mark.parametrize("origin", [None, b"null", b"https://evil.example", b"http://127.0.0.1:8001"])
async def test_a_foreign_origin_is_refused_in_the_handshake(connect, origin):
    assert not (await connect(origin=origin, hello=False)).accepted


async def test_the_widgets_sites_are_let_in(connect):
    assert (await connect(origin=b"https://shop.example")).accepted


async def test_an_unknown_or_inactive_widget_is_refused(connect, shop):
    assert not (await connect(key="nobody", hello=False)).accepted
    shop.active = False
    await shop.asave()
    assert not (await connect(hello=False)).accepted


async def test_hello_comes_first_and_once(connect):
    dora = await connect(hello=False)
    await dora.send(type="ask", id=str(uuid.uuid4()), text="hi")
    assert (await dora.next())["code"] == "hello_first"
    await dora.hello()
    await dora.send(type="hello", protocol=1, token=None)
    assert (await dora.next())["code"] == "bad_frame"


async def test_who_never_says_hello_is_hung_up(connect, monkeypatch):
    monkeypatch.setattr(consumers, "HELLO_SECONDS", 0.5)
    silent = await connect(hello=False)
    with pytest.raises(ConnectionError):
        await silent.until("nothing")
    assert silent.closed == 4001


@pytest.mark.django_db(transaction=True)
def test_sockets_share_the_row_that_they_read_until_it_changes(shop):
    first = conversations.find_widget(shop.key)
    assert conversations.find_widget(shop.key) is first
    type(shop).objects.update(greeting="We are back")
    assert conversations.find_widget(shop.key).greeting == "We are back"


async def test_bad_frames_leave_the_socket_open(connect):
    dora = await connect()
    for raw in ("{", "[]", '{"type":"dance"}', '{"type":"ask"}', json.dumps({"type": "rate", "score": 99})):
        await dora.send_raw(text=raw)
        assert (await dora.next())["type"] == "error"
    await dora.send_raw(bytes=b"\x00\x01")
    assert (await dora.next())["code"] == "bad_frame"
    await dora.send(type="ping", n=41)
    assert (await dora.next()) == {"type": "pong", "n": 41}


async def test_too_many_bad_frames_close_it(connect, settings):
    settings.CHAT_BAD_FRAMES_PER_MINUTE = 3
    dora = await connect()
    for _ in range(6):
        await dora.send_raw(text="{")
    with pytest.raises(ConnectionError):
        await dora.until("pong")
    assert dora.closed == 4029


@pytest.mark.parametrize(
    "text", ["🙂🙂", "a\0b how", "مرحبا، أين طلبي؟", "%s {0} {{7*7}}", "<script>alert(1)</script>"]
)
async def test_strange_text_gets_an_ending(connect, text):
    dora = await connect()
    done = await dora.answer(text)
    assert done["outcome"] in ("answered", "abstained", "extracted")
    asked = await Message.objects.aget(role="customer", conversation=dora.conversation)
    assert "\0" not in asked.text


async def test_history_comes_back_to_its_visitor_only(connect):
    dora = await connect()
    done = await dora.answer()
    again = await connect(token=dora.token, conversation=dora.conversation)
    assert [m["text"] for m in again.welcome["messages"]] == [QUESTION, done["text"]]
    assert again.welcome["messages"][1]["sources"][0]["n"] == 1
    stranger = await connect(conversation=dora.conversation)
    assert (stranger.welcome["messages"], stranger.welcome["conversation"]) == ([], None)


async def test_a_forged_token_is_told_and_hello_may_be_said_again(connect):
    dora = await connect(hello=False)
    await dora.send(type="hello", protocol=1, token="forged")
    assert (await dora.next())["code"] == "bad_token"
    assert (await dora.hello())["token"]


async def test_after_a_logout_no_older_token_is_good(connect):
    dora = await connect()
    await dora.answer()
    await dora.send(type="logout")
    other = await connect(hello=False)

    async def refused():
        await other.send(type="hello", protocol=1, token=dora.token)
        frame = await other.next()
        return frame["type"] == "error" and frame["code"] == "bad_token"

    await dora.send(type="ping", n=1)
    await dora.until("pong")
    assert await refused()


async def test_after_a_logout_elsewhere_hello_may_be_said_again(connect):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await (await connect(token=dora.token)).send(type="logout")
    await eventually(Visitor.objects.filter(pk=conversation.visitor_id, token_generation=2).aexists)
    await dora.send(type="ask", id=str(uuid.uuid4()), text=QUESTION)
    assert (await dora.until("error"))["code"] == "bad_token"
    dora.token = None
    assert (await dora.hello())["messages"] == []


def vouch(shop, **claims):
    return jwt.encode({"aud": shop.key, "sub": "emil-7", "exp": time.time() + 60, **claims}, "s" * 40, "HS256")


async def test_a_known_customer_finds_the_conversation_on_another_device(connect, shop):
    emil = await connect(identity=vouch(shop))
    done = await emil.answer()
    phone = await connect(identity=vouch(shop))
    assert phone.welcome["messages"][1]["text"] == done["text"]
    stranger = await connect()
    await stranger.answer()
    tablet = await connect(token=stranger.token, conversation=stranger.conversation, identity=vouch(shop))
    assert tablet.conversation == emil.conversation
    anew = await connect(token=emil.token)
    assert anew.welcome["conversation"] is None


async def test_only_a_known_customer_is_quoted_what_is_for_customers(connect, shop):
    question = "What do trade customers get off sleeping bags?"
    emil, dora = await connect(identity=vouch(shop)), await connect()
    assert "12 %" in (await emil.answer(question))["text"]
    assert "12" not in (await dora.answer(question))["text"]
    assert all("trade" not in s["url"] for f in dora.frames if f["type"] == "sources" for s in f["sources"])


async def test_a_forged_identity_is_refused(connect, shop):
    emil = await connect(hello=False)
    await emil.send(type="hello", protocol=1, token=None, identity=vouch(shop, aud="other"))
    assert (await emil.next())["code"] == "bad_token"


async def test_ten_asks_of_one_id_are_one_question(connect, shop):
    key = str(uuid.uuid4())
    dora = await connect()
    tabs = [dora, await connect(token=dora.token), await connect(token=dora.token)]
    accepted = await asyncio.gather(*(tab.ask(key=key) for tab in tabs for _ in range(1)))
    accepted += [await dora.ask(key=key) for _ in range(7)]
    assert len({(a["message"], a["reply"], a["conversation"]) for a in accepted}) == 1
    assert await Message.objects.filter(role="customer", conversation__widget=shop).acount() == 1


async def test_a_rating_is_kept_and_can_be_changed(connect):
    dora, stranger = await connect(), await connect()
    done = await dora.answer()
    for score in (1, -1):
        await dora.send(type="rate", reply=done["reply"], score=score, comment="hm")
        assert (await dora.until("rated"))["score"] == score
    assert (await Rating.objects.aget(message_id=done["reply"])).score == -1
    await stranger.send(type="rate", reply=done["reply"], score=1)
    assert (await stranger.next())["code"] == "not_found"


async def test_stop_keeps_what_was_said(connect, model_script):
    model_script(chat=["slow"])
    dora = await connect()
    accepted = await dora.ask()
    await dora.until("delta")
    await dora.send(type="stop", reply=accepted["reply"])
    done = await dora.until("done", seconds=3)
    assert done["outcome"] == "stopped" and "You can return unused items within 60 days. [1]".startswith(done["text"])
    assert (await row(accepted["reply"])).text == done["text"]
    await dora.send(type="stop", reply=accepted["reply"])
    assert (await dora.next())["code"] == "not_found"


async def test_nobody_stops_a_strangers_answer(connect, model_script):
    model_script(chat=["slow"])
    dora, stranger = await connect(), await connect()
    accepted = await dora.ask()
    await stranger.send(type="stop", reply=accepted["reply"])
    assert (await stranger.next())["code"] == "not_found"
    assert (await dora.until("done"))["outcome"] == "answered"


async def test_anything_is_heard_while_an_answer_streams(connect, model_script):
    model_script(chat=["slow"])
    dora = await connect()
    await dora.ask()
    await dora.until("delta")
    await dora.send(type="ping", n=1)
    await dora.until("pong", seconds=1)
    assert (await dora.until("done"))["outcome"] == "answered"


async def test_a_second_question_waits_its_turn(connect, model_script):
    model_script(chat=["slow"])
    dora = await connect()
    first = await dora.ask()
    second = await dora.ask("What does the repair of a zip cost?")
    stage = await dora.until("stage", reply=second["reply"], stage="queued")
    assert stage["position"] == 1
    await dora.until("done", reply=second["reply"])
    ends = [f["reply"] for f in dora.frames if f["type"] == "done"]
    assert ends == [first["reply"], second["reply"]]


async def test_too_many_questions_are_refused_with_a_sentence(connect, settings):
    settings.CHAT_QUESTIONS_PER_MINUTE = 1
    dora = await connect()
    await dora.answer()
    await dora.send(type="ask", id=str(uuid.uuid4()), text="more")
    error = await dora.until("error")
    assert error["code"] == "rate_limited" and error["id"]


async def test_all_visitors_of_a_widget_share_its_limit(connect, settings):
    settings.CHAT_WIDGET_QUESTIONS_PER_MINUTE = 1
    await (await connect()).answer()
    emil = await connect()
    await emil.send(type="ask", id=str(uuid.uuid4()), text="more")
    assert (await emil.until("error"))["code"] == "rate_limited"


async def test_what_writes_without_asking_has_a_limit_of_its_own(connect, settings):
    settings.CHAT_DEEDS_PER_MINUTE = 1
    dora = await connect()
    reply = (await dora.answer())["reply"]
    for score in (1, -1):
        await dora.send(type="rate", reply=reply, score=score, comment="")
    assert (await dora.until("error"))["code"] == "rate_limited"


async def test_a_socket_that_never_stops_talking_is_closed(connect, settings):
    settings.CHAT_FRAMES_PER_MINUTE = 3
    dora = await connect()
    for number in range(4):
        await dora.send(type="ping", n=number)
    with pytest.raises(ConnectionError):
        await dora.until("nothing")
    assert dora.closed == 4029


async def test_too_many_sockets_of_one_address_are_refused(connect, settings):
    settings.CHAT_SOCKETS_PER_ADDRESS = 2
    for wanted in (True, True, False):
        assert (await connect(hello=False)).accepted is wanted


async def test_a_client_that_reads_nothing_is_closed_and_its_end_is_heard(shop, settings):
    settings.CHAT_SEND_SECONDS, settings.CHAT_UNSENT_FRAMES = 0.05, 2
    scope = {"type": "websocket", "path": f"/ws/chat/{shop.key}/", "headers": [(b"origin", ORIGIN)]}
    heard, told = asyncio.Queue(), []
    ping = {"type": "websocket.receive", "text": '{"type": "ping", "n": 1}'}
    for message in ({"type": "websocket.connect"}, *[ping] * 20, {"type": "websocket.disconnect", "code": 1006}):
        heard.put_nowait(message)

    async def send(message):
        told.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    async with asyncio.timeout(10):
        await socket_application(scope | {"subprotocols": [], "client": ["192.0.2.99", 1]}, heard.get, send)
    assert told[-1] == {"type": "websocket.close", "code": 4008}
    assert "192.0.2.99" not in limits.SOCKETS


async def test_another_tab_hears_question_and_answer_as_they_come(connect, model_script):
    model_script(chat=["slow"])
    dora = await connect()
    await dora.answer("Thank you!")
    tab = await connect(token=dora.token, conversation=dora.conversation)
    accepted = await dora.ask()
    asked = await tab.until("message")
    assert (asked["id"], asked["role"], asked["text"]) == (accepted["message"], "customer", QUESTION)
    done = await tab.until("done", reply=accepted["reply"])
    assert await dora.until("done", reply=accepted["reply"]) == done
    assert tab.stored(accepted["reply"]) == dora.stored(accepted["reply"])
    assert not [f for f in dora.frames if f["type"] == "message"]  # who asked is not told the question again
    second = await tab.ask("What does the repair of a zip cost?")
    assert (await dora.until("done", reply=second["reply"])) == await tab.until("done", reply=second["reply"])
    assert [f["id"] for f in dora.frames if f["type"] == "message"] == [second["message"]]


async def test_what_a_person_wrote_is_found_although_no_bell_was_heard(connect, monkeypatch):
    """Redis was away when it was rung, and the channel layer does not tell that it was."""
    monkeypatch.setattr(doorbell, "LOOK_SECONDS", 0.2)
    doorbell._tasks.clear()
    dora = await connect()
    await dora.answer("Thank you!")
    await Message.objects.acreate(conversation_id=dora.conversation, role="agent", text="Hello Dora")
    assert (await dora.until("message", seconds=5))["text"] == "Hello Dora"
    doorbell._tasks.clear()


async def test_what_else_was_found_can_be_asked_next_and_is_there_after_a_reload(connect, monkeypatch):
    monkeypatch.setattr(answering, "WORTH_SHOWING", 0.0)  # of so few articles one stands out
    dora = await connect()
    done = await dora.answer()
    assert (done["outcome"], done["citations"], done["follow_ups"]) == ("answered", [1], ["Book a repair"])
    again = await connect(token=dora.token, conversation=dora.conversation)
    assert again.welcome["messages"][-1]["follow_ups"] == done["follow_ups"]
    abstained = await again.answer("???")
    assert (abstained["outcome"], abstained["follow_ups"]) == ("abstained", [])
