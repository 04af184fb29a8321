"""A bound on what a request may send. Django's ASGI handler would keep all of it on disk before it looks at any."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import parse_cookie

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

MIB = 1024 * 1024


class RequestSize:
    """Refuses a body that says it is too large, and hangs up on one that turns out to be."""

    def __init__(self, application: Application, most_mb: int, larger: Mapping[str, int]) -> None:
        """`larger` has the paths (their beginnings) to which people who are signed in may send more MiB."""
        self.application, self.most_mb, self.larger = application, most_mb, larger

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        length = dict(scope["headers"]).get(b"content-length", b"")
        said = int(length) if length.isdigit() else None
        most = await self._most(scope, said)
        if said is not None and said > most * MIB:
            signed_out = any(map(scope["path"].startswith, self.larger)) and most == self.most_mb
            await self._refuse(send, most, "sign in and try again" if signed_out else "send less")
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= most * MIB else {"type": "http.disconnect"}

        await self.application(scope, counted, send)

    async def _most(self, scope: dict[str, Any], said: int | None) -> int:
        """The MiB that this request may have. `said` is how many bytes it says it has, if it does."""
        larger = max((mb for path, mb in self.larger.items() if scope["path"].startswith(path)), default=self.most_mb)
        if larger <= self.most_mb or scope["method"] != "POST" or (said is not None and said <= self.most_mb * MIB):
            return self.most_mb
        return larger if await is_signed_in(scope) else self.most_mb

    async def _refuse(self, send: Send, most: int, advice: str) -> None:
        text = f"This is more than {most:,} MB, the most that may be sent here. Go back and {advice}.\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": text})


async def is_signed_in(scope: dict[str, Any]) -> bool:
    """Whether the request's cookie is of a session in which somebody has signed in. What they may do is seen later."""
    cookies = parse_cookie("; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return False
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return await database_sync_to_async(session.get)(SESSION_KEY) is not None
