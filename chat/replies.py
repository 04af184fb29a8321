"""Writing a reply: an answer's events become frames and a row, under a lease, as a task that no socket owns."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from chat import conversations, desk, leases, replays
from chat.answering import AnswerFailed, Ending, Options, Words, compose
from chat.conversations import Task
from chat.seats import Seats, Ticket
from chat.storage import off_loop
from chat.writers import LostLease, Writer
from supportbot.inference.client import ModelError
from supportbot.log import get_logger

logger = get_logger(__name__)

TURN_SECONDS = 0.1
TURN_SECONDS_HERE = 5.0  # what ends in this process is heard at once
MOST_EPOCHS = 12
WORD = re.compile(r"\s*\S+|\s+\Z")
WORD_SECONDS = 0.02  # faster than anybody reads
FEW_WORDS = 6  # the model's own pieces are fewer, and are not held up

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
                if isinstance(event, Words):
                    await speak(event.text, put)
                else:
                    put(event)


async def speak(text: str, put: Callable[[Words], None]) -> None:
    """What comes at once is told word by word, like all else: it can be read along, and stopped."""
    words = WORD.findall(text)
    for place, word in enumerate(words):
        if place and len(words) > FEW_WORDS:
            await asyncio.sleep(WORD_SECONDS)
        put(Words(word))


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
