import json

import pytest
from django.test import RequestFactory

from chat import contact
from chat.models import ContactRequest
from chat.storage import off_loop
from chat.tokens import Bearer, make_token

pytestmark = pytest.mark.django_db
OWN = "http://127.0.0.1:8000"


async def post(shop, origin=OWN, method="post", body=None, **fields):
    data = {"widget": shop.key, "email": "dora@customer.example", "note": "Please call"} | fields
    headers = {"Origin": origin} if origin else {}
    body = json.dumps(data) if body is None else body
    request = getattr(RequestFactory(REMOTE_ADDR=f"client-{shop.key}"), method)(
        "/chat/contact", body, content_type="application/json", headers=headers
    )
    return await contact.leave(request)


@off_loop
def stored(shop):
    return list(ContactRequest.objects.filter(widget=shop).values_list("email", "note", "conversation_id"))


async def test_an_address_is_stored(shop):
    response = await post(shop)
    assert response.status_code == 201
    assert response.headers["Access-Control-Allow-Origin"] == OWN
    assert await stored(shop) == [("dora@customer.example", "Please call", None)]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"email": "nonsense"}, 400, "bad_email"),
        ({"email": None}, 400, "bad_request"),
        ({"note": "x" * 2001}, 400, "too_long"),
        ({"note": []}, 400, "bad_request"),
        ({"widget": "nobody"}, 403, "forbidden"),
        ({"widget": 7}, 400, "bad_request"),
        ({"body": "{"}, 400, "bad_request"),
        ({"body": "[]"}, 400, "bad_request"),
        ({"body": "x" * 20_000}, 413, "too_long"),
        ({"origin": "https://evil.example"}, 403, "forbidden"),
        ({"origin": None}, 403, "forbidden"),
    ],
)
async def test_what_cannot_be_stored_is_refused_with_a_sentence(shop, fields, status, code):
    response = await post(shop, **fields)
    told = json.loads(response.content)
    assert (response.status_code, told["code"]) == (status, code) and told["text"]
    assert await stored(shop) == []


async def test_a_strangers_conversation_is_not_linked(connect, shop):
    dora = await connect()
    await dora.answer()
    stranger = make_token(shop.key, Bearer.stranger())
    await post(shop, conversation=dora.conversation, token=stranger)
    await post(shop, conversation=dora.conversation, token=dora.token)
    assert [str(c) for _, _, c in await stored(shop)] in ([dora.conversation, "None"], ["None", dora.conversation])


async def test_a_browser_on_a_named_site_may_post(shop):
    assert (await post(shop, origin="https://shop.example", method="options", body="")).status_code == 204
    assert (await post(shop, origin="https://evil.example", method="options", body="")).status_code == 403
    assert (await post(shop, method="put")).status_code == 405


async def test_too_many_are_refused(shop, settings):
    settings.CHAT_QUESTIONS_PER_MINUTE = 0
    assert (await post(shop)).status_code == 429
