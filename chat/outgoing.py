"""What a socket sends: a bounded queue of frames, one sender, a time limit on each, and the end of the line.

A client that does not read costs its queue and no more. It is told 4008 if it reads that; else the line is cut, since
bytes that nobody takes would keep it for ever. It can come back and take what it missed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from chat import meters

SLOW_READER = 4008
CLOSE_SECONDS = 2.0  # for the closing frame to go out
FAREWELL_SECONDS = 10.0  # for the client to answer it

Frame = dict[str, Any]


class Outgoing:
    """`send` takes a frame's text, `close` a code; both wait for a client that is slow. `cut` waits for nobody."""

    def __init__(
        self, send: Callable[[str], Awaitable[None]], close: Callable[[int], Awaitable[None]], cut: Callable[[], None]
    ) -> None:
        self._send, self._close, self._cut = send, close, cut
        self._frames: asyncio.Queue[Frame] = asyncio.Queue(settings.CHAT_UNSENT_FRAMES)
        self._closing = False

    async def say(self, made: Frame) -> None:
        """Waits while the queue is full; that is at most as long as one frame may take."""
        if not self._closing:
            await self._frames.put(made)

    async def run(self) -> None:
        """The only sender. The queue is emptied to the end: whoever waits for a place in it must hear of that end."""
        while True:
            made = await self._frames.get()
            if self._closing:
                continue
            try:
                async with asyncio.timeout(settings.CHAT_SEND_SECONDS):
                    await self._send(json.dumps(made, ensure_ascii=True, separators=(",", ":")))
            except TimeoutError:
                await self.hang_up(SLOW_READER)
            except (OSError, RuntimeError):
                self._closing = True  # the server ends the consumer

    async def hang_up(self, code: int) -> None:
        """Once; nothing is said afterwards."""
        if self._closing:
            return
        self._closing = True
        meters.CLOSED.labels(str(code)).inc()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._close(code)
        except TimeoutError:
            self._cut()
        except (OSError, RuntimeError):
            return  # it has gone already
        else:
            asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._cut)


def cutter(send: object) -> Callable[[], None]:
    """What cuts the line that an ASGI server's `send` writes to. ASGI has no word for it, uvicorn's protocol has.

    Of a server that shows no transport, nothing is cut.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    return getattr(transport, "abort", lambda: None)
