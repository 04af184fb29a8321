"""What a socket hears of its conversation beside its own answers: what people and other tabs write, and who came."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

from chat import conversations, doorbell
from chat.events import frame
from chat.frames import Place
from chat.storage import off_loop

Say = Callable[[dict[str, Any]], Awaitable[None]]
Hear = Callable[[str], Coroutine[Any, Any, None]]


class Ear:
    """`say` sends a frame, `follow` begins to follow a reply, `spawn` runs something while the socket lives.

    `ended` hears whose tokens have ended.
    """

    def __init__(
        self,
        say: Say,
        follow: Callable[[UUID, Place], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        ended: Hear,
    ) -> None:
        self._say, self._follow, self._spawn, self._ended = say, follow, spawn, ended
        self._conversation: UUID | None = None
        self._newest: UUID | None = None  # of the messages that this socket was told
        self._own: set[UUID] = set()  # that were asked here
        self._name = secrets.token_hex(8)
        self.looking = asyncio.Lock()  # held while a question of this socket is saved: it is no news here

    def listen(self, conversation: UUID | None, newest: UUID | None = None) -> None:
        """To this conversation from now on; `newest` is the last message of it that was told."""
        if conversation is None or conversation == self._conversation:
            return
        self.forget()
        self._conversation, self._newest = conversation, newest
        doorbell.listen(conversation, self)

    def forget(self) -> None:
        if self._conversation:
            doorbell.forget(self._conversation, self)
        self._conversation = self._newest = None

    def asked_here(self, *own: UUID) -> None:
        self._own.update(own)

    def tell_others(self, conversation: UUID) -> None:
        """Other tabs and devices hear that something was asked here."""
        self._spawn(doorbell.aring(conversation, by=self._name))

    def heard(self, note: dict[str, Any]) -> None:
        """The bell rang for this conversation."""
        if note.get("ended"):
            self._spawn(self._ended(note["ended"]))
        elif note.get("by") != self._name:
            self._spawn(self._look(note.get("state", ""), note.get("name", "")))

    async def _look(self, state: str, name: str) -> None:
        async with self.looking:  # two rings at once find each message once
            if self._conversation is None:
                return
            if state == "typing":
                await self._say(frame("typing", name=name))
                return
            if state:
                await self._say(frame("agent", name=name, state=state))
            written, answers = await off_loop(conversations.news)(self._conversation, self._newest)
            told = [UUID(message["id"]) for message in written]
            for one, message in zip(told, written, strict=True):
                if one not in self._own:
                    await self._say(frame("message", **message))
            for row in answers:
                if row.pk not in self._own:
                    self._follow(row.pk, Place(max(row.epoch, 1), 0))
            told += [row.pk for row in answers]
            self._newest = max(told, default=self._newest)
            self._own.difference_update(told)
