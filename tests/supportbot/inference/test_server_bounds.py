"""What a client may send is bounded in size and in time before anything is made of it."""

import asyncio
import json
from collections.abc import Iterable

import pytest
from starlette.requests import Request

from supportbot.inference import server
from supportbot.inference.refusals import BadRequest
from supportbot.inference.server import MAX_CHAT_BYTES, _json
from supportbot.inference.wire import MAX_CHARS, parse_chat


def sending(parts: Iterable[bytes], *, whole: bool = True) -> Request:
    """A request whose body comes in these parts, and then ends or never does."""
    left = list(parts)

    async def receive() -> dict[str, object]:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not whole}
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    return Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, receive)


async def test_a_body_is_read_no_further_than_its_bound():
    parts = [b"x" * 2**20 for _ in range(1000)]
    with pytest.raises(BadRequest, match="larger than"):
        await _json(sending(parts), MAX_CHAT_BYTES)


async def test_a_body_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(server, "BODY_SECONDS", 0.05)
    with pytest.raises(BadRequest, match=r"not there after 0\.05 s"):
        await _json(sending([b"{"], whole=False))


@pytest.mark.parametrize("body", [b"[" * 200_000, b"9" * 10_000, b"\xff", b"", b"null", b'"text"'])
async def test_what_is_no_object_is_refused(body):
    with pytest.raises(BadRequest, match="JSON"):
        await _json(sending([body]))


async def test_the_longest_messages_fit_into_a_body_however_they_are_written():
    messages = [{"role": "user", "content": "\U0001f6b2" * MAX_CHARS}]
    body = json.dumps({"model": "m", "messages": messages}).encode()  # twelve bytes a character
    assert parse_chat(await _json(sending([body]), MAX_CHAT_BYTES)).messages == messages
