"""What a client may send is bounded in size and in time before anything is made of it."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterable

import httpx
import pytest
import uvicorn
from starlette.requests import Request

from supportbot.inference import server
from supportbot.inference.refusals import BadRequest
from supportbot.inference.runtime import Plan, Runtime
from supportbot.inference.server import MAX_CHAT_BYTES, _json, make_app
from supportbot.inference.silent_lines import HEAD_SECONDS, SilentLines
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


@pytest.mark.parametrize(
    ("header", "status"),
    [({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": "Bearer right"}, 503)],
)
async def test_a_server_with_a_key_answers_its_holders_alone(tmp_path, header, status):
    """503: there is no model, but the key was good."""
    runtime = Runtime(Plan("b", "c", "e", (), 1, 1, 1, "auto", tmp_path))
    transport = httpx.ASGITransport(make_app(runtime, frozenset({"right", "also right"})))
    async with httpx.AsyncClient(transport=transport, base_url="http://model", headers=header) as client:
        for path in ("chat/completions", "embeddings", "rerank"):
            assert (await client.post(f"/v1/{path}", json={})).status_code == status
        assert (await client.get("/v1/models")).status_code == status
        assert (await client.get("/metrics")).status_code == 200


async def test_a_server_without_keys_asks_nobody_for_one(tmp_path):
    transport = httpx.ASGITransport(make_app(Runtime(Plan("b", "c", "e", (), 1, 1, 1, "auto", tmp_path))))
    async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
        assert (await client.get("/v1/models")).status_code == 503


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


async def test_a_connection_that_never_finishes_asking_is_ended(monkeypatch):
    """One in the middle of its answer is not, however long that takes."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def app(_scope, _receive, send):
        asked.set()
        await answered.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    http = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    listener = socket.create_server(("127.0.0.1", 0))
    serving, lines = asyncio.create_task(http.serve(sockets=[listener])), SilentLines()
    silent, speaking = [await asyncio.open_connection(*listener.getsockname()) for _ in range(2)]
    silent[1].write(b"POST /v1/embeddings HTTP/1.1\r\nHost: model\r\nX-Endless: ")
    speaking[1].write(b"GET / HTTP/1.1\r\nHost: model\r\n\r\n")
    await asyncio.wait_for(asked.wait(), 10)
    async with asyncio.timeout(10):
        while len(http.server_state.connections) < 2:
            await asyncio.sleep(0.01)
    assert lines.end_old(http.server_state.connections, 100.0) == 0
    assert lines.end_old(http.server_state.connections, 100.0 + HEAD_SECONDS + 1) == 1
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(silent[0].read(), 10) == b""
    answered.set()
    assert (await asyncio.wait_for(speaking[0].readline(), 10)).startswith(b"HTTP/1.1 204")
    http.should_exit = True
    for _, writer in (silent, speaking):
        writer.close()
    await asyncio.wait_for(serving, 10)


async def test_the_longest_messages_fit_into_a_body_however_they_are_written():
    messages = [{"role": "user", "content": "\U0001f6b2" * MAX_CHARS}]
    body = json.dumps({"model": "m", "messages": messages}).encode()  # twelve bytes a character
    assert parse_chat(await _json(sending([body]), MAX_CHAT_BYTES)).messages == messages
