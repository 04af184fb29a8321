"""People in the chat. Ada is on duty; Dora asks for a person."""

import uuid

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from chat import desk
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
