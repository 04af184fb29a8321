"""The socket: frames in, verbs called, frames out. Nothing is decided here, and no answer is written here."""

import asyncio
import time
from contextlib import aclosing
from typing import Any
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from chat import conversations, desk, doorbell, following, limits, meters, replies, visitors
from chat.arrivals import arrivals
from chat.conversations import Visit
from chat.events import (
    MAX_FRAME_BYTES,
    PROTOCOL,
    Ask,
    ClientFrame,
    Handover,
    Hello,
    Logout,
    Past,
    Ping,
    Rate,
    Refused,
    Stop,
    Typing,
    frame,
    parse,
)
from chat.following import LostPlace
from chat.frames import Place
from chat.listening import Ear
from chat.origins import is_allowed, own_origins
from chat.outgoing import Outgoing, cutter
from chat.storage import off_loop
from chat.tokens import make_token
from supportbot.log import get_logger

logger = get_logger(__name__)

HELLO_SECONDS = 30.0
LOST_PLACE, TOO_MANY_BAD, NO_HELLO, TOO_LARGE, TRY_LATER = 4009, 4029, 4001, 1009, 1013


class Nowhere(AsyncWebsocketConsumer):
    """Every other address: refused in the handshake."""

    channel_layer_alias = ""

    async def connect(self) -> None:
        await self.close()


class ChatConsumer(AsyncWebsocketConsumer):
    """One socket of one widget."""

    channel_layer_alias = ""  # the doorbell listens once for the whole process

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address = ""
        self.visit: Visit | None = None
        self.locale, self.page = "", ("", "")
        self.pace = limits.Pace()
        self.tasks: set[asyncio.Task[None]] = set()
        self.followed: dict[UUID, asyncio.Task[None]] = {}
        self.typed = float("-inf")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.outgoing = Outgoing(self.send, self.close, cutter(send))
        self.ear = Ear(self.outgoing.say, self.begin_following, self.spawn, self.tokens_ended)
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Not in disconnect(): it does not run when a send fails because the client has gone.
            if self.address:
                limits.leave(self.address)
                self.patience.cancel()
            self.ear.forget()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    # --- Opening ----------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Closing before accepting is a 403 in the handshake."""
        try:
            widget = await off_loop(conversations.find_widget)(self.scope["url_route"]["kwargs"]["key"])
        except DatabaseError as error:
            logger.error("socket not taken", error=type(error).__name__)
            widget = None
        headers = [value for name, value in self.scope["headers"] if name == b"origin"]
        origin = headers[0].decode("latin-1") if len(headers) == 1 else None
        if widget is None or not is_allowed(origin, [*own_origins(), *widget.origins]):
            meters.REFUSED_SOCKETS.labels("origin" if widget else "widget").inc()
            await self.close()
            return
        address = limits.address_of(self.scope)
        if not limits.enter(address):
            meters.REFUSED_SOCKETS.labels("too_many").inc()
            await self.close()
            return
        self.address = address
        self.widget = widget
        self.patience = asyncio.get_running_loop().call_later(HELLO_SECONDS, self.wait_no_longer)
        await self.accept()
        self.spawn(self.outgoing.run())

    def wait_no_longer(self) -> None:
        if self.visit is None:
            self.spawn(self.outgoing.hang_up(NO_HELLO))

    # --- Sending ----------------------------------------------------------------------------------------------------

    def spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def follow(self, reply: UUID, place: Place) -> None:
        """Send every frame of this reply after `place`."""
        try:
            async with aclosing(following.follow(reply, place, replies.take_over)) as frames:
                async for made in frames:
                    await self.outgoing.say(made)
        except (LostPlace, DatabaseError) as error:
            logger.info("socket lost its place", reply=str(reply), error=type(error).__name__)
            await self.outgoing.hang_up(LOST_PLACE)

    def begin_following(self, reply: UUID, place: Place) -> None:
        """Once at a time; a question that is asked again after its end is told again."""
        if reply not in self.followed or self.followed[reply].done():
            self.followed[reply] = self.spawn(self.follow(reply, place))

    # --- Hearing ----------------------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        event: ClientFrame | None = None
        if not self.pace.allow(settings.CHAT_FRAMES_PER_MINUTE):
            await self.outgoing.hang_up(TOO_MANY_BAD)
            return
        try:
            if text_data is None:
                raise Refused("bad_frame")
            if len(text_data) > MAX_FRAME_BYTES:
                await self.outgoing.hang_up(TOO_LARGE)
                return
            event = parse(text_data)
            await self.hear(event)
        except Refused as refused:
            meters.REFUSED.labels(refused.code).inc()
            if refused.code == "bad_token" and self.visit is not None:
                self.forget()  # logged out on another device: the client may say hello again
            await self.outgoing.say(refused.frame())
            await self.count_bad(refused.code)
        except DatabaseError as error:
            logger.error("frame not taken", error=type(error).__name__)
            if isinstance(event, Hello | Ask):  # who comes back says both again, with the same id
                await self.outgoing.hang_up(TRY_LATER)
            else:
                await self.outgoing.say(Refused("busy").frame())

    async def count_bad(self, code: str) -> None:
        if code not in ("bad_frame", "unknown_type", "hello_first", "bad_token"):
            return
        if not await limits.allow("bad", self.address, settings.CHAT_BAD_FRAMES_PER_MINUTE):
            await self.outgoing.hang_up(TOO_MANY_BAD)

    async def count_deed(self) -> None:
        """Each asks the database for something. Raises Refused("rate_limited")."""
        if not await limits.allow("deed", self.address, settings.CHAT_DEEDS_PER_MINUTE):
            raise Refused("rate_limited")

    async def hear(self, event: ClientFrame) -> None:
        if isinstance(event, Ping):
            await self.outgoing.say(frame("pong", n=event.n))
        elif isinstance(event, Hello):
            await self.greet(event)
        elif self.visit is None:
            raise Refused("hello_first")
        else:
            if not isinstance(event, Ask | Typing):  # which have limits of their own
                await self.count_deed()
            await self.VERBS[type(event)](self, self.visit, event)

    async def greet(self, hello: Hello) -> None:
        """`welcome`, then what was missed, then live."""
        if self.visit is not None:
            raise Refused("bad_frame")
        seen = await off_loop(conversations.visit)(self.widget, hello)
        self.patience.cancel()
        self.visit, self.locale, self.page = seen, hello.locale, (hello.page_url, hello.page_title)
        place = await following.can_replay(seen.seen, hello.last_seen) if seen.seen and hello.last_seen else None
        await self.outgoing.say(
            frame(
                "welcome",
                protocol=PROTOCOL,
                token=make_token(self.widget.key, seen.bearer),
                conversation=str(seen.conversation) if seen.conversation else None,
                messages=seen.messages,
                resumed=(place is not None) if hello.last_seen else None,
                greeting=self.widget.greeting,
                suggestions=self.widget.suggestions,
                known=seen.known,
            )
        )
        if seen.moved is not None:
            await doorbell.aring_end(seen.moved.bearer, seen.moved.conversations)
        if seen.agent is not None:
            name, state = seen.agent
            if state == "waiting" and not await off_loop(desk.on_duty)():
                state = "closed"
            await self.outgoing.say(frame("agent", name=name, state=state))
        if place is not None and seen.seen is not None and not following.has_all(seen.seen, place):
            self.begin_following(seen.seen.pk, place)
        for row in seen.running:
            if place is None or seen.seen is None or row.pk != seen.seen.pk:
                self.begin_following(row.pk, Place(max(row.epoch, 1), row.seq))
        self.ear.listen(seen.conversation, UUID(seen.messages[-1]["id"]) if seen.messages else None)
        self.ear.heard({})  # what was written since the rows were read
        seen.messages, seen.running, seen.seen = [], [], None  # an idle socket costs little

    # --- What a customer may do -------------------------------------------------------------------------------------

    async def ask(self, seen: Visit, question: Ask) -> None:
        await self.count_question(seen, question.id)
        async with self.ear.looking:
            with arrivals().taking():
                accepted = await off_loop(conversations.ask)(seen, question, self.locale, self.page)
            self.ear.asked_here(accepted.message, accepted.reply)
        if accepted.fresh:
            replies.start(accepted.reply, accepted.epoch, accepted.turn)
            self.ear.tell_others(accepted.turn.conversation)
        seen.conversation = accepted.turn.conversation
        self.ear.listen(seen.conversation)
        await self.outgoing.say(
            frame(
                "accepted",
                id=str(question.id),
                message=str(accepted.message),
                reply=str(accepted.reply),
                conversation=str(accepted.turn.conversation),
            )
        )
        self.begin_following(accepted.reply, Place(accepted.epoch, 0))

    async def count_question(self, seen: Visit, question: UUID | None = None) -> None:
        """Raises Refused("rate_limited")."""
        for kind, who, most in (
            ("visitor", str(seen.bearer.visitor), settings.CHAT_QUESTIONS_PER_MINUTE),
            ("address", self.address, settings.CHAT_ADDRESS_QUESTIONS_PER_MINUTE),
            ("widget", self.widget.key, settings.CHAT_WIDGET_QUESTIONS_PER_MINUTE),
        ):
            if not await limits.allow(kind, who, most):
                raise Refused("rate_limited", question)

    async def stop(self, seen: Visit, event: Stop) -> None:
        await off_loop(conversations.request_stop)(seen, event.reply)
        replies.stop(event.reply)

    async def rate(self, seen: Visit, event: Rate) -> None:
        await off_loop(conversations.rate)(seen, event.reply, event.score, event.comment)
        await self.outgoing.say(frame("rated", reply=str(event.reply), score=event.score))

    async def hand_over(self, seen: Visit, event: Handover) -> None:
        """Every tab hears the answer over the bell; this one at once, with the conversation that may begin here."""
        if seen.conversation is None:
            await self.count_question(seen)
            seen.conversation = await off_loop(conversations.begin)(seen, self.locale, self.page)
        self.ear.listen(seen.conversation)
        state = await off_loop(desk.ask_for_person)(seen.conversation, event.reason)
        await self.outgoing.say(frame("agent", name="", state=state, conversation=str(seen.conversation)))

    async def log_out(self, seen: Visit, event: Logout) -> None:
        """Every token ends; this socket goes on as a stranger's, and may say hello again, as may the others."""
        left = await off_loop(visitors.log_out)(self.widget, seen.bearer)
        self.forget()
        await doorbell.aring_end(left.bearer, left.conversations)

    async def tokens_ended(self, of: str) -> None:
        """Another tab or device has logged this visitor out, or signed them in: nothing more is told here."""
        if self.visit is not None and of == doorbell.generation_of(self.visit.bearer):
            self.forget()
            await self.outgoing.say(Refused("bad_token").frame())

    async def list_past(self, seen: Visit, event: Past) -> None:
        """Fifty conversations with their first words each time: more than a person looks at."""
        if not await limits.allow("list", str(seen.bearer.visitor), settings.CHAT_LISTS_PER_MINUTE):
            raise Refused("rate_limited")
        await self.outgoing.say(frame("conversations", conversations=await off_loop(conversations.past)(seen.bearer)))

    async def types(self, seen: Visit, event: Typing) -> None:
        """For the person at the other end, every few seconds at most."""
        now = time.monotonic()
        if seen.conversation is not None and now - self.typed >= desk.TOLD_EVERY_SECONDS - 1:
            self.typed = now
            await off_loop(desk.customer_types)(seen.conversation)

    def forget(self) -> None:
        """From now on nobody has said hello here."""
        for task in self.followed.values():
            task.cancel()
        self.ear.forget()
        self.visit = None
        self.followed = {}

    VERBS: dict[type, Any] = {
        Ask: ask, Stop: stop, Rate: rate, Handover: hand_over, Past: list_past, Typing: types, Logout: log_out
    }  # fmt: skip
