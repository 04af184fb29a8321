"""A request that is too large is refused before it is kept, whether or not it says how large it is."""

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings

from supportbot import request_size
from supportbot.request_size import MIB, RequestSize, is_signed_in


async def keep(scope, receive, send):
    """An application that reads everything, as Django does."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return await send({"type": "gone", "size": size})
        size += len(message["body"])
        if not message["more_body"]:
            return await send({"type": "kept", "size": size})


@pytest.fixture
def signed_in(monkeypatch):
    async def yes(scope):
        return True

    monkeypatch.setattr(request_size, "is_signed_in", yes)


async def ask(path, sizes, length=None, method="POST"):
    """What is sent back for a body of pieces of these sizes."""
    left, sent = list(sizes), []
    headers = [(b"content-length", str(length).encode())] if length is not None else []

    async def receive():
        return {"type": "http.request", "body": b"x" * left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    await RequestSize(keep, 1, {"/import/": 3})({"path": path, "method": method, "headers": headers}, receive, send)
    return sent, len(left)


@pytest.mark.parametrize(("path", "most"), [("/", 1), ("/import/add/", 3)])
async def test_a_request_may_be_as_large_as_its_path_says(signed_in, path, most):
    sent, _ = await ask(path, [most * MIB], most * MIB)
    assert sent == [{"type": "kept", "size": most * MIB}]
    sent, unread = await ask(path, [most * MIB + 1], most * MIB + 1)
    assert sent[0]["status"] == 413 and unread == 1
    assert sent[1]["body"].decode().startswith(f"This is more than {most} MB, the most that may be sent here.")


async def test_one_that_does_not_say_how_large_it_is_is_hung_up_on():
    sent, unread = await ask("/", [MIB // 2] * 9)
    assert sent == [{"type": "gone", "size": MIB}] and unread == 6


async def test_only_who_is_signed_in_may_send_more():
    sent, unread = await ask("/import/add/", [MIB + 1], MIB + 1)
    assert sent[0]["status"] == 413 and unread == 1
    assert sent[1]["body"].decode().endswith("Go back and sign in and try again.\n")
    sent, unread = await ask("/import/add/", [MIB // 2] * 5)
    assert sent == [{"type": "gone", "size": MIB}] and unread == 2


async def test_only_what_is_sent_to_be_kept_may_be_larger(signed_in):
    sent, _ = await ask("/import/add/", [MIB + 1], MIB + 1, method="GET")
    assert sent[0]["status"] == 413


@pytest.mark.django_db(transaction=True)
def test_who_is_signed_in_is_told_by_the_session(client, django_user_model):
    def told(cookie):
        return async_to_sync(is_signed_in)({"headers": [(b"cookie", f"a=b; {cookie}".encode("latin-1"))]})

    name = settings.SESSION_COOKIE_NAME
    assert not told("x=y") and not told(f"{name}=") and not told(f"{name}=made-up") and not told(f"{name}=\xff;;=")
    client.force_login(django_user_model.objects.create_user("ada"))
    cookie = f"{name}={client.session.session_key}"
    assert told(cookie)
    client.logout()
    assert not told(cookie)
    visitor = client.session
    visitor["seen"] = 1
    visitor.save()
    assert not told(f"{name}={visitor.session_key}")
