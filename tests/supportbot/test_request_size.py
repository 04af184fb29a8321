"""A request that is too large is refused before it is kept, whether or not it says how large it is."""

import pytest

from supportbot.request_size import MIB, RequestSize


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


async def ask(path, sizes, length=None):
    """What is sent back for a body of pieces of these sizes."""
    left, sent = list(sizes), []
    headers = [(b"content-length", str(length).encode())] if length is not None else []

    async def receive():
        return {"type": "http.request", "body": b"x" * left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    await RequestSize(keep, 1, {"/import/": 3})({"path": path, "headers": headers}, receive, send)
    return sent, len(left)


@pytest.mark.parametrize(("path", "most"), [("/", 1), ("/import/add/", 3)])
async def test_a_request_may_be_as_large_as_its_path_says(path, most):
    sent, _ = await ask(path, [most * MIB], most * MIB)
    assert sent == [{"type": "kept", "size": most * MIB}]
    sent, unread = await ask(path, [most * MIB + 1], most * MIB + 1)
    assert sent[0]["status"] == 413 and unread == 1
    assert sent[1]["body"].decode().startswith(f"This is more than {most} MB, the most that may be sent here.")


async def test_one_that_does_not_say_how_large_it_is_is_hung_up_on():
    sent, unread = await ask("/", [MIB // 2] * 9)
    assert sent == [{"type": "gone", "size": MIB}] and unread == 6
