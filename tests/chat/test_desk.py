"""People in the chat. Ada is on duty; Dora asks for a person."""

import asyncio
import uuid

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from chat import desk, doorbell, replies
from chat.models import Conversation, Message
from chat.storage import off_loop
from tests.chat.conftest import row

pytestmark = pytest.mark.django_db


@pytest.fixture
async def ada(shop):
    make = off_loop(get_user_model().objects.create_user)
    return await make(f"ada-{uuid.uuid4().hex[:8]}", first_name="Ada", is_staff=True)


@pytest.fixture(autouse=True)
async def nobody_on_duty(shop):
    with desk._redis() as redis:
        redis.delete(desk.DUTY_KEY)


async def test_with_nobody_on_duty_the_customer_is_told_so(connect):
    dora = await connect()
    await dora.answer()
    await dora.send(type="handover", reason="please")
    assert (await dora.until("agent"))["state"] == "closed"
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    assert (conversation.state, conversation.handover_reason) == ("waiting", "please")


async def test_a_person_can_be_asked_for_before_any_question(connect, ada):
    await off_loop(desk.present)(ada)
    dora = await connect()
    await dora.send(type="handover", reason="please")
    told = await dora.until("agent")
    while "conversation" not in told:  # the bell may be faster
        told = await dora.until("agent")
    conversation = await Conversation.objects.aget(pk=told["conversation"])
    assert (told["state"], conversation.state, conversation.handover_reason) == ("waiting", "waiting", "please")
    await off_loop(desk.say)(conversation, ada, "Hello Dora")
    assert (await dora.until("message"))["text"] == "Hello Dora"
    assert (await dora.ask())["conversation"] == told["conversation"]


async def test_what_is_told_after_a_reload_is_what_was_told_before(connect, ada):
    dora = await connect()
    await dora.answer()
    await dora.send(type="handover")
    assert (await dora.until("agent"))["state"] == "closed"
    for state in ("closed", "waiting"):
        again = await connect(token=dora.token, conversation=dora.conversation)
        assert (await again.until("agent"))["state"] == state
        await off_loop(desk.present)(ada)


async def test_a_person_who_has_joined_is_not_asked_for_again(connect, ada):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await off_loop(desk.join)(conversation, ada)
    assert await off_loop(desk.ask_for_person)(conversation.pk, "again") == "joined"
    assert (await Conversation.objects.aget(pk=conversation.pk)).state == "agent"


async def test_the_assistant_keeps_quiet_when_a_person_came_while_it_waited(connect, ada, settings, model_script):
    settings.MODEL_MAX_BATCH = 1
    replies._seats.clear()
    model_script(chat=["stall"])
    emil, dora = await connect(), await connect()
    first = await emil.ask()
    await emil.until("delta")
    accepted = await dora.ask()
    await dora.until("stage", stage="queued")
    await off_loop(desk.join)(await Conversation.objects.aget(pk=dora.conversation), ada)
    await emil.send(type="stop", reply=first["reply"])
    done = await dora.until("done", reply=accepted["reply"])
    replies._seats.clear()
    assert (done["outcome"], done["reason"], done["text"]) == ("handed_over", "with_person", "")


async def test_bells_that_ring_at_once_tell_a_message_once(connect, ada):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await off_loop(desk.say)(conversation, ada, "Hello Dora")
    await asyncio.gather(*(doorbell.aring(conversation.pk) for _ in range(5)))
    await doorbell.aring(conversation.pk, state="left", name="last")
    await dora.until("agent", name="last")
    assert [f["text"] for f in dora.frames if f["type"] == "message"] == ["Hello Dora"]


async def test_the_end_of_a_conversation_does_not_open_the_contact_form(connect, ada):
    dora = await connect()
    await dora.answer()
    await off_loop(desk.close)(await Conversation.objects.aget(pk=dora.conversation), ada)
    assert (await dora.until("agent"))["state"] == "ended"


async def test_a_person_joins_writes_and_leaves(connect, ada):
    await off_loop(desk.present)(ada)
    dora = await connect()
    await dora.answer()
    await dora.send(type="handover")
    assert (await dora.until("agent"))["state"] == "waiting"
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await off_loop(desk.join)(conversation, ada)
    assert await dora.until("agent", state="joined") == {"type": "agent", "name": "Ada", "state": "joined"}
    await off_loop(desk.say)(conversation, ada, "Hello Dora")
    said = await dora.until("message")
    assert (said["role"], said["text"], said["name"]) == ("agent", "Hello Dora", "Ada")
    done = await dora.answer("And after 60 days?")
    assert (done["outcome"], done["reason"], done["text"]) == ("handed_over", "with_person", "")
    await off_loop(desk.leave)(conversation, ada)
    assert (await dora.until("agent", state="left"))["name"] == "Ada"
    assert (await dora.answer())["outcome"] == "answered"


async def test_two_people_do_not_take_one_conversation(connect, ada):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    bea = await off_loop(get_user_model().objects.create_user)(f"bea-{uuid.uuid4().hex[:8]}", first_name="Bea")
    await off_loop(desk.join)(conversation, ada)
    with pytest.raises(ValidationError):
        await off_loop(desk.join)(conversation, bea)


async def test_asking_for_a_person_in_words_is_a_handover(connect):
    dora = await connect()
    done = await dora.answer("I want to talk to a human")
    assert (done["outcome"], done["reason"]) == ("handed_over", "asked_for_person")
    assert (await Conversation.objects.aget(pk=dora.conversation)).state == "waiting"
    assert (await row(done["reply"])).outcome == "handed_over"


async def test_what_a_person_wrote_is_in_the_history(connect, ada):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await off_loop(desk.say)(conversation, ada, "I am here")
    again = await connect(token=dora.token, conversation=dora.conversation)
    assert again.welcome["messages"][-1]["name"] == "Ada"
    assert (await again.until("agent"))["state"] == "joined"
    assert await sync_to_async(Message.objects.filter(author=ada).count)() == 1


async def test_each_side_learns_that_the_other_writes_and_not_what(connect, ada):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await off_loop(desk.agent_types)(conversation, ada)  # who has not joined is not told of
    await off_loop(desk.say)(conversation, ada, "Hello Dora")
    assert (await dora.until("message"))["text"] == "Hello Dora"
    assert not [frame for frame in dora.frames if frame["type"] == "typing"]
    await conversation.arefresh_from_db()
    await off_loop(desk.agent_types)(conversation, ada)
    assert (await dora.until("typing"))["name"] == "Ada"
    assert not await off_loop(desk.is_customer_typing)(conversation.pk)
    await dora.send(type="typing")
    async with asyncio.timeout(10):
        while not await off_loop(desk.is_customer_typing)(conversation.pk):
            await asyncio.sleep(0.02)


async def test_writing_is_told_every_few_seconds_at_most(connect, ada, monkeypatch):
    dora = await connect()
    await dora.answer()
    conversation = await Conversation.objects.aget(pk=dora.conversation)
    await off_loop(desk.join)(conversation, ada)
    await conversation.arefresh_from_db()
    rung: list[str] = []
    monkeypatch.setattr(doorbell, "ring", lambda pk, state, name: rung.append(state))
    for _ in range(5):
        await off_loop(desk.agent_types)(conversation, ada)
    assert rung == ["typing"]
