"""A server on a free port that answers with canned bytes, cut where the test cuts them: what engines really send."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

STREAM = "text/event-stream"


@dataclass(slots=True)
class Reply:
    """`parts` are sent one by one; a number among them is a silence in seconds, None breaks the connection off."""

    parts: Sequence[bytes | float | None]
    status: int = 200
    kind: str = STREAM


@dataclass(slots=True)
class Engine:
    """The next request gets the next reply, and the last reply stays. `asked` holds path and body of each."""

    replies: list[Reply]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""
    _server: asyncio.Server | None = None
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> "Engine":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_error: object) -> None:
        for talk in self._talks:
            talk.cancel()
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        self.asked.append((head.split()[1], json.loads(await reader.readexactly(length))))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        writer.write(f"HTTP/1.1 {reply.status} x\r\nContent-Type: {reply.kind}\r\nConnection: close\r\n\r\n".encode())
        for part in reply.parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            elif part is None:
                writer.transport.abort()
                return
            else:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)  # what was written leaves before the next part
        writer.close()


def refusal(status: int, message: str, **more: Any) -> Reply:
    """The JSON of an error, as all of them wrap it."""
    error = {"message": message, "type": "BadRequestError", "param": None, "code": status} | more
    return Reply([json.dumps({"error": error}).encode()], status, "application/json")
