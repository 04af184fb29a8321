"""Emil is a known customer: he signs in, finds what he said on another device, and logs out. Dora is a stranger."""

import asyncio
import json
import time

import jwt
import pytest
from django.test import RequestFactory

from chat import leaving
from chat.models import Conversation, Visitor, Widget
from chat.storage import off_loop
from tests.chat.conftest import QUESTION, eventually

pytestmark = pytest.mark.django_db
OWN = "http://127.0.0.1:8000"


def vouch(shop, subject="emil-7", **claims):
    claims = {"aud": shop.key, "sub": subject, "exp": time.time() + 60, **claims}
    return jwt.encode(claims, "s" * 40, "HS256")


async def past(customer):
    await customer.send(type="conversations")
    return (await customer.until("conversations"))["conversations"]


async def refused(customer, **hello):
    """The code with which a hello is answered."""
    await customer.send(type="hello", protocol=1, **{"token": None} | hello)
    return (await customer.until("error"))["code"]


@pytest.fixture
async def taking_along(shop):
    await Widget.objects.filter(pk=shop.pk).aupdate(on_sign_in="along")


async def owner(conversation):
    row = await Conversation.objects.select_related("visitor").aget(pk=conversation)
    return row.visitor.external_id


async def test_a_welcome_says_whether_a_customer_is_known(connect, shop):
    dora, emil = await connect(), await connect(identity=vouch(shop))
    assert (dora.welcome["known"], emil.welcome["known"]) == (False, True)
    assert (await connect(token=emil.token)).welcome["known"] is True


async def test_every_welcome_brings_a_fresh_token_and_older_ones_stay_good(connect):
    dora = await connect()
    first = dora.token
    await dora.answer()
    again = await connect(token=first, conversation=dora.conversation)
    assert len(again.welcome["messages"]) == 2
    assert (await connect(token=again.token, conversation=dora.conversation)).welcome["messages"]


async def test_past_conversations_come_to_another_device_and_one_can_be_opened(connect, shop):
    emil = await connect(identity=vouch(shop))
    await emil.answer()
    first, emil.conversation = emil.conversation, None
    anew = await connect(token=emil.token)
    await anew.answer("What does\n a zip  repair cost?")
    phone = await connect(identity=vouch(shop))
    listed = await past(phone)
    assert [row["id"] for row in listed] == [anew.conversation, first]
    assert [row["title"] for row in listed] == ["What does a zip repair cost?", QUESTION]
    assert listed[0]["state"] == "bot" and listed[0]["created"] <= listed[0]["updated"]
    opened = await connect(token=phone.token, conversation=first)
    assert opened.welcome["conversation"] == first and opened.welcome["messages"][0]["text"] == QUESTION


async def test_past_conversations_are_listed_so_many_times_a_minute(connect, shop, settings):
    settings.CHAT_LISTS_PER_MINUTE = 1
    emil, dora = await connect(identity=vouch(shop)), await connect()
    assert await past(emil) == []
    other_tab = await connect(token=emil.token)  # the visitor is counted, and not the socket
    for _ in range(2):  # a minute may end in between
        await other_tab.send(type="conversations")
    assert (await other_tab.until("error"))["code"] == "rate_limited"
    assert await past(dora) == []


async def test_past_conversations_are_ones_own_alone(connect, shop):
    emil, dora = await connect(identity=vouch(shop)), await connect()
    await emil.answer()
    assert await past(dora) == []
    assert await past(await connect(identity=vouch(shop, "fred-8"))) == []
    await dora.answer()
    assert [row["id"] for row in await past(dora)] == [dora.conversation]


async def test_a_strangers_conversation_is_kept_apart_unless_the_widget_says_otherwise(connect, shop):
    dora = await connect()
    await dora.answer()
    emil = await connect(token=dora.token, conversation=dora.conversation, identity=vouch(shop))
    assert (emil.welcome["conversation"], emil.welcome["messages"]) == (None, [])
    assert await past(emil) == [] and await owner(dora.conversation) == ""


async def test_it_is_taken_along_with_the_proof_of_both(connect, shop, taking_along):
    dora = await connect()
    await dora.answer()
    emil = await connect(token=dora.token, conversation=dora.conversation, identity=vouch(shop))
    assert emil.welcome["conversation"] == dora.conversation and len(emil.welcome["messages"]) == 2
    assert await owner(dora.conversation) == "emil-7"
    phone = await connect(identity=vouch(shop))
    assert phone.welcome["conversation"] == dora.conversation


async def test_what_was_taken_along_is_the_strangers_no_more(connect, shop, taking_along):
    dora, tab = await connect(), None
    await dora.answer()
    tab = await connect(token=dora.token, conversation=dora.conversation)
    await connect(token=dora.token, conversation=dora.conversation, identity=vouch(shop))
    for socket in (dora, tab):
        assert (await socket.until("error"))["code"] == "bad_token"
    assert await refused(tab, token=dora.token) == "bad_token"
    assert (await connect(conversation=dora.conversation)).welcome["messages"] == []


async def test_nothing_is_taken_along_without_the_strangers_token(connect, shop, taking_along):
    dora = await connect()
    await dora.answer()
    for token in (None, "forged", (await connect()).token):
        emil = await connect(token=token, conversation=dora.conversation, identity=vouch(shop))
        assert emil.welcome["messages"] == []
    fresh = await connect(hello=False)
    assert await refused(fresh, token=dora.token, identity=vouch(shop, aud="other")) == "bad_token"
    assert await owner(dora.conversation) == ""


async def test_a_known_customers_conversation_is_never_taken_along_by_another(connect, shop, taking_along):
    emil = await connect(identity=vouch(shop))
    await emil.answer()
    fred = await connect(token=emil.token, conversation=emil.conversation, identity=vouch(shop, "fred-8"))
    assert fred.welcome["messages"] == [] and await owner(emil.conversation) == "emil-7"


async def test_two_tabs_that_sign_in_at_once_take_it_along_once(connect, shop, taking_along):
    dora = await connect()
    await dora.answer()
    said = {"token": dora.token, "conversation": dora.conversation, "identity": vouch(shop)}
    tabs = await asyncio.gather(*(connect(**said) for _ in range(3)))
    assert await owner(dora.conversation) == "emil-7"
    for tab in tabs:
        assert tab.token != dora.token
        assert [row["id"] for row in await past(tab)] == [dora.conversation]


async def test_a_name_is_kept_as_the_company_says_it_last(connect, shop):
    await connect(identity=vouch(shop, name="Emil"))
    await connect(identity=vouch(shop, name="Emil Larsen"))
    await connect(identity=vouch(shop))
    assert (await Visitor.objects.aget(widget=shop, external_id="emil-7")).name == "Emil Larsen"


async def test_a_known_customers_token_ends_after_hours_and_a_fresh_word_makes_another(connect, shop, monkeypatch):
    emil, late, now = await connect(identity=vouch(shop)), await connect(hello=False), time.time()
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr("django.core.signing.time.time", lambda: now + 25 * 3600)
        assert await refused(late, token=emil.token) == "bad_token"
    assert (await connect(identity=vouch(shop))).welcome["known"]


async def test_a_log_out_ends_every_socket_of_the_visitor(connect, shop):
    emil = await connect(identity=vouch(shop))
    await emil.answer()
    phone = await connect(identity=vouch(shop))
    await emil.send(type="logout")
    assert (await phone.until("error"))["code"] == "bad_token"
    await phone.send(type="conversations")
    assert (await phone.until("error"))["code"] == "hello_first"
    assert await refused(phone, token=emil.token) == "bad_token"
    stranger = await phone.hello(token=None, conversation=emil.conversation)
    assert (stranger["known"], stranger["messages"], stranger["conversation"]) == (False, [], None)


async def test_signing_in_again_after_a_log_out_is_not_ended_by_it(connect, shop):
    emil = await connect(identity=vouch(shop))
    await emil.answer()
    await emil.send(type="logout")
    await emil.send(type="ping", n=1)
    await emil.until("pong")
    back = await connect(identity=vouch(shop))
    assert back.welcome["conversation"] == emil.conversation
    assert len(await past(back)) == 1


async def post(shop, method="post", origin=OWN, **data):
    request = getattr(RequestFactory(REMOTE_ADDR=f"client-{shop.key}"), method)(
        "/chat/logout", json.dumps({"widget": shop.key} | data), content_type="application/json",
        headers={"Origin": origin},
    )  # fmt: skip
    return await leaving.leave(request)


async def test_a_page_logs_out_without_a_socket(connect, shop):
    emil = await connect(identity=vouch(shop))
    await emil.answer()
    done = await post(shop, token=emil.token)
    assert (done.status_code, done.content) == (204, b"")
    assert (await emil.until("error"))["code"] == "bad_token"
    assert await refused(emil, token=emil.token) == "bad_token"


async def test_a_log_out_tells_nobody_whether_a_token_was_good(connect, shop):
    dora = await connect()
    for token in ("forged", "", dora.token, dora.token):
        assert (await post(shop, token=token)).status_code == 204
    assert await refused(await connect(hello=False), token=dora.token) == "bad_token", "though she had asked nothing"


async def test_a_log_out_is_for_the_widgets_sites_and_in_its_form(shop):
    assert (await post(shop, origin="https://evil.example", token="x")).status_code == 403
    assert (await post(shop, widget="nobody", token="x")).status_code == 403
    assert (await post(shop, token=7)).status_code == 400
    assert (await post(shop, method="put")).status_code == 405
    assert (await post(shop, method="options")).headers["Access-Control-Allow-Origin"] == OWN


async def test_one_who_has_logged_out_elsewhere_rates_and_stops_nothing(connect, shop, monkeypatch):
    """Also where the bell that tells of it was lost."""
    monkeypatch.setattr("chat.doorbell.ring_end", lambda *_: None)
    dora = await connect()
    done = await dora.answer()
    await post(shop, token=dora.token)
    await eventually(off_loop(lambda: Visitor.objects.filter(widget=shop, token_generation=2).exists))
    for said in ({"type": "rate", "score": 1}, {"type": "stop"}):
        await dora.send(reply=done["reply"], **said)
        assert (await dora.until("error"))["code"] == "not_found"
    assert await past(dora) == []
