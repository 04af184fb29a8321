"""The beginning and the end of a web process, as ASGI servers tell them: before it ends, its answers are seen to.

The server has closed its sockets by then, with 1012, at which clients come back to another process or to the next one;
so nothing new is asked here, and who comes back elsewhere hears the rest of an answer from here, or all of it anew.
"""

import asyncio
from typing import Any

from django.conf import settings

from chat import replies
from supportbot import event_loop


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    watched = asyncio.create_task(event_loop.watch())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await replies.drain(settings.CHAT_DRAIN_SECONDS)
    watched.cancel()
    await send({"type": "lifespan.shutdown.complete"})
