"""Writing a reply: an answer's events become frames and a row, under a lease, as a task that no socket owns."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from chat import conversations, desk, leases, replays
from chat.answering import AnswerFailed, Ending, Event, Options, Restart, Sources, Stage, Words, compose
from chat.conversations import Task
from chat.following import last_words
from chat.frames import MAX_TEXT_CHARS, Log
from chat.models import Message, RetrievedPassage
from chat.seats import Seats, Ticket
from chat.storage import off_loop
from knowledge.retrieval import Passage
from supportbot.inference.client import ModelError
from supportbot.log import get_logger

logger = get_logger(__name__)

SAVE_SECONDS = 1.0
TURN_SECONDS = 0.1
TURN_SECONDS_HERE = 5.0  # what ends in this process is heard at once
MOST_EPOCHS = 12
FAILURES = {
    "search_unavailable": "The articles cannot be searched right now. Please try again in a moment.",
    "model_unavailable": "The assistant is not available right now. Please try again in a moment.",
    "internal": "Something went wrong on our side. Please try again.",
}


class LostLease(Exception):
    """Another process owns the reply now: say nothing more."""


class Writer:
    """One reply, from the lease to the last frame."""

    def __init__(self, reply: UUID, epoch: int, *, patient: bool) -> None:
        self.log = Log(reply, epoch)
        self.patient = patient  # finish although nobody listens
        self.start = time.monotonic()
        self.saved_at = self.start
        self.passages: list[Passage] = []
        self.events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()  # bounded by the answer's length
        self.source: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.changing = False
        self.stopped = ""  # why it ended early: stopped | nobody_listening

    def stop(self, why: str) -> None:
        """End early, keeping what was said; the same as nothing once the last event is on its way."""
        if self.source is not None and not self.source.done():
            self.stopped = self.stopped or why
            self.source.cancel()

    def leave(self) -> None:
        """The lease is lost: nothing more may be written."""
        self.log.lose()
        self.events.put_nowait(LostLease())

    def unheard(self) -> bool:
        alone = not self.log.listeners and time.monotonic() - self.log.unheard_since > settings.CHAT_GRACE_SECONDS
        return alone and not self.patient

    async def save(self, **fields: Any) -> None:
        """Raises LostLease."""
        if not await off_loop(leases.save)(self.log.reply, self.log.epoch, **fields):
            raise LostLease

    async def take(self, event: Event | Exception) -> None:
        """Raises LostLease."""
        match event:
            case Ending():
                await self.finish(event)
            case AnswerFailed(code=code):
                await self.fail(code)
            case LostLease():
                raise event
            case Stage(name):
                self.log.tell(name)
            case Sources(passages):
                self.passages = list(passages)
                await off_loop(self.store_passages)()
                await self.save(status=Message.Status.STREAMING)
                self.log.add("sources", sources=sources_of(passages))
            case Words(text):
                self.log.say(text)
                await self.save_sometimes()
            case Restart(reason):
                logger.info("answer restarted", reply=str(self.log.reply), reason=reason)
                await self.begin_again()

    async def begin_again(self) -> None:
        """The next epoch: all that was said is void."""
        epoch = self.log.epoch + 1
        self.changing = True  # the row is an epoch ahead of the log for a moment: that is no lost lease
        try:
            await self.save(epoch=epoch, text="", seq=0)
            self.log.restart(epoch)
        finally:
            self.changing = False

    async def save_sometimes(self) -> None:
        if len(self.log.text) > MAX_TEXT_CHARS:
            self.stop("too_long")
        if time.monotonic() - self.saved_at > SAVE_SECONDS:
            self.saved_at = time.monotonic()
            self.log.flush()
            await self.save(text=self.log.text, seq=self.log.seq)

    def store_passages(self) -> None:
        rows = [
            RetrievedPassage(
                message_id=self.log.reply, n=n, chunk_id=p.chunk_id, revision_id=p.revision_id, title=p.title,
                heading=p.heading, url=p.url, score=p.score, similarity=p.similarity, lexical=p.lexical,
            )
            for n, p in enumerate(self.passages, 1)
        ]  # fmt: skip
        with transaction.atomic():
            RetrievedPassage.objects.filter(message_id=self.log.reply).delete()
            RetrievedPassage.objects.bulk_create(rows)

    async def finish(self, end: Ending) -> None:
        """The row first, then `done`: what was seen is what is stored."""
        self.log.flush()
        fields = {
            "outcome": end.outcome,
            "reason": end.reason,
            "nearest": [{"title": title, "url": url} for title, url in end.nearest],
            "standalone_question": end.standalone,
            "model": end.model,
            "adapter": end.model if end.model and end.model != settings.BASE_MODEL else "",
            "prompt_version": end.prompt_version,
            "answerable_score": end.answerable,
            "tokens_in": end.tokens_in,
            "tokens_out": end.tokens_out,
            "times": end.ms | {"total": round(1000 * (time.monotonic() - self.start), 1)},
        }
        await self.close(Message.Status.DONE, **fields)
        if end.citations:
            await off_loop(self.store_citations)(end.citations)
        row = Message(text=self.log.text, outcome=end.outcome, reason=end.reason, nearest=fields["nearest"])
        await self.log.end("done", **last_words(row, end.citations))
        logger.info("answered", reply=str(self.log.reply), outcome=end.outcome, reason=end.reason, ms=fields["times"])

    async def end_early(self) -> None:
        """Somebody said stop: what was said is kept."""
        self.log.flush()
        cited = sorted({int(n) for n in re.findall(r"\[(\d{1,4})\]", self.log.text)})
        reason = "" if self.stopped == "stopped" else self.stopped
        await self.finish(Ending(outcome="stopped", reason=reason, citations=cited))

    async def fail(self, code: str) -> None:
        await self.close(Message.Status.FAILED, reason=code)
        await self.log.end("failed", code=code, text=FAILURES.get(code, FAILURES["internal"]), retry=True)
        logger.warning("answer failed", reply=str(self.log.reply), code=code)

    async def close(self, status: Any, **fields: Any) -> None:
        self.changing = True  # the row has ended before the log has: that is no lost lease either
        self.log.flush()
        final = {"text": self.log.text, "seq": self.log.seq + 1, "finished": Now(), "lease_until": None}
        await self.save(status=status, **final, **fields)

    def store_citations(self, cited: list[int]) -> None:
        RetrievedPassage.objects.filter(message_id=self.log.reply, n__in=cited).update(cited=True)


WRITERS: dict[UUID, Writer] = {}
_seats: dict[asyncio.AbstractEventLoop, Seats] = {}
_keepers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}


def start(reply: UUID, epoch: int, *, patient: bool = False) -> asyncio.Task[None]:
    """Begin to write a reply whose lease this process holds; the registry keeps the task alive."""
    writer = Writer(reply, epoch, patient=patient)
    WRITERS[reply] = writer
    keep_leases()
    writer.task = asyncio.create_task(run(writer))
    # Not in run()'s own `finally`: a cancellation there, or before its first step, would leave the entry behind.
    writer.task.add_done_callback(lambda _: WRITERS.pop(reply, None))
    return writer.task


async def take_over(reply: UUID, *, patient: bool = False) -> asyncio.Task[None] | None:
    """Write a reply that its owner has left, if nobody else was faster."""
    if reply in WRITERS:
        return WRITERS[reply].task
    epoch = await off_loop(leases.take)(reply)
    if epoch is None:
        return None
    if epoch <= MOST_EPOCHS:
        return start(reply, epoch, patient=patient)
    # Something about this reply kills whoever writes it: it gets its last word from here.
    writer = Writer(reply, epoch, patient=patient)
    await writer.fail("internal")
    return None


def stop(reply: UUID) -> None:
    """The customer said stop; the row says so too, for owners in other processes."""
    if reply in WRITERS:
        WRITERS[reply].stop("stopped")


async def run(writer: Writer) -> None:
    """Writes to one terminal state, whatever happens; falls silent if the lease is lost."""
    reply = writer.log.reply
    writer.source = asyncio.create_task(produce(writer))
    try:
        while (event := await writer.events.get()) is not None:
            await writer.take(event)
        if not writer.log.over:
            await writer.end_early()
    except LostLease:
        logger.warning("lease lost", reply=str(reply))
    except DatabaseError as error:
        # The row cannot be written now: the sweep finishes it when the database is back.
        logger.error("reply left to the sweep", reply=str(reply), error=type(error).__name__)
    except asyncio.CancelledError:
        await asyncio.shield(off_loop(leases.release)({reply: writer.log.epoch}))
        raise
    finally:
        writer.log.lose()
        writer.source.cancel()
        await asyncio.gather(writer.source, return_exceptions=True)


async def produce(writer: Writer) -> None:
    """The answer's events into the writer's queue, then None. May be cancelled at any moment: it writes nothing."""
    put = writer.events.put_nowait
    try:
        await tell(writer)
    except (AnswerFailed, LostLease) as error:
        put(error)
    except ModelError:
        put(AnswerFailed("model_unavailable"))
    except DatabaseError:
        put(LostLease())
    except Exception:  # noqa: BLE001 - the customer must get a last word whatever is broken
        logger.exception("answer broke", reply=str(writer.log.reply))
        put(AnswerFailed("internal"))
    finally:
        put(None)


async def tell(writer: Writer) -> None:
    """In turn, on a seat, and only if no person has taken the conversation."""
    reply, put = writer.log.reply, writer.events.put_nowait
    task = await off_loop(conversations.task_of)(reply)
    if await is_left_to_person(writer, task):
        return
    await my_turn(writer, task)
    async with seats().wait() as ticket:
        why_extract = await seat(writer, ticket)
        if await is_left_to_person(writer, task):  # they may have come while it waited
            return
        options = Options(audiences=task.audiences, locale=task.locale, only_language=task.only_language)
        if why_extract:
            options = replace(options, answerer="extract", why_extract=why_extract)
        async with aclosing(compose(task.question, task.history, options)) as events:
            async for event in events:
                if isinstance(event, Ending) and event.reason == "asked_for_person":
                    await off_loop(desk.ask_for_person)(task.conversation, "asked in words")
                put(event)


async def is_left_to_person(writer: Writer, task: Task) -> bool:
    """True, and the ending said, if a person has the conversation."""
    there = await off_loop(desk.is_with_person)(task.conversation)
    if there:
        writer.events.put_nowait(Ending(outcome="handed_over", reason="with_person", standalone=task.question))
    return there


async def seat(writer: Writer, ticket: Ticket) -> str:
    """Wait for the seat, telling the place; gives `busy` when that takes longer than an answer may."""
    end = time.monotonic() + settings.CHAT_ANSWER_SECONDS
    while not ticket.seated:
        writer.log.tell("queued", ticket.place)
        left = end - time.monotonic()
        if left <= 0:
            return "busy"
        await ticket.moved(left)
    return ""


async def my_turn(writer: Writer, task: Task) -> None:
    """Wait until the earlier replies of this conversation have ended."""
    while earlier := await off_loop(conversations.earlier_unfinished)(writer.log.reply, task.conversation):
        writer.log.tell("queued", len(earlier))
        for reply in earlier:
            if reply not in WRITERS:
                await take_over(reply)
        here = [writing for r in earlier if r in WRITERS and (writing := WRITERS[r].task)]
        if here:
            await asyncio.wait(here, timeout=TURN_SECONDS_HERE)
        else:
            await asyncio.sleep(TURN_SECONDS)


def seats() -> Seats:
    loop = asyncio.get_running_loop()
    if loop not in _seats:
        _seats[loop] = Seats(settings.MODEL_MAX_BATCH)
    return _seats[loop]


def keep_leases() -> None:
    loop = asyncio.get_running_loop()
    if loop not in _keepers or _keepers[loop].done():
        _keepers[loop] = loop.create_task(_keep())


async def _keep() -> None:
    """Renew the leases of all that this process writes, in one statement; ends when nothing is being written."""
    while WRITERS:
        await asyncio.sleep(min(1.0, settings.CHAT_LEASE_SECONDS / 3))
        epochs = {reply: writer.log.epoch for reply, writer in WRITERS.items()}
        try:
            kept = await off_loop(leases.renew)(epochs)
        except DatabaseError as error:
            logger.warning("leases not renewed", error=type(error).__name__)
            continue
        for reply, epoch in epochs.items():
            writer = WRITERS.get(reply)
            if writer is None or writer.log.over or writer.changing or writer.log.epoch != epoch:
                continue
            if kept.get(reply):
                writer.stop("stopped")
            elif reply not in kept:
                writer.leave()
            elif writer.unheard() and not await replays.is_heard(reply):
                writer.stop("nobody_listening")


def sources_of(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    return [{"n": n, "title": p.title, "url": p.url, "heading": p.heading} for n, p in enumerate(passages, 1)]
