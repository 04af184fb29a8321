"""A bound on what a request may send. Django's ASGI handler would keep all of it on disk before it looks at any."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

MIB = 1024 * 1024


class RequestSize:
    """Refuses a body that says it is too large, and hangs up on one that turns out to be."""

    def __init__(self, application: Application, most_mb: int, larger: Mapping[str, int]) -> None:
        """`larger` has the paths (their beginnings) that may receive more MiB than the others."""
        self.application, self.most_mb, self.larger = application, most_mb, larger

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        most = max([self.most_mb, *(mb for path, mb in self.larger.items() if scope["path"].startswith(path))])
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > most * MIB:
            await self._refuse(send, most)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= most * MIB else {"type": "http.disconnect"}

        await self.application(scope, counted, send)

    async def _refuse(self, send: Send, most: int) -> None:
        text = f"This is more than {most:,} MB, the most that may be sent here. Go back and send less.\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": text})
