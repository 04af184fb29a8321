"""Writing a reply: an answer's events become frames and a row, under a lease, as a task that no socket owns."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from os.path import commonprefix
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from chat import conversations, desk, leases, meters, replays
from chat.answering import AnswerFailed, Beginning, Ending, Options, Words, compose
from chat.arrivals import arrivals
from chat.beginnings import beginning_of
from chat.conversations import Turn
from chat.loops import OnePerLoop
from chat.phrases import say
from chat.seats import Seats, Ticket
from chat.storage import RENEWING, off_loop
from chat.writers import LostLease, Writer
from knowledge.retrieval import afind_passages
from supportbot.inference.client import ModelError
from supportbot.log import get_logger

logger = get_logger(__name__)

TURN_SECONDS = 0.1
TURN_SECONDS_HERE = 5.0  # what ends in this process is heard at once
MOST_EPOCHS = 12
UNHEARD = "nobody_listening"
SURE_SECONDS = 5.0
HAND_OVER_SECONDS = 3.0  # a database that is away must not keep the process: the leases lapse by themselves
WORD = re.compile(r"\s*\S+|\s+\Z")
WORD_SECONDS = 0.02  # faster than anybody reads
FEW_WORDS = 6  # the model's own pieces are fewer, and are not held up
PLACE_SECONDS = 0.5  # between two looks at one's place

WRITERS: dict[UUID, Writer] = {}
_seats: OnePerLoop[Seats] = OnePerLoop()
_keepers: OnePerLoop[asyncio.Task[None]] = OnePerLoop()


def start(
    reply: UUID, epoch: int, turn: Turn, *, patient: bool = False, begun: Beginning | None = None
) -> asyncio.Task[None]:
    """Begin to write a reply whose lease this process holds; the registry keeps the task alive."""
    writer = Writer(reply, epoch, turn, patient=patient, begun=begun)
    WRITERS[reply] = writer
    keep_leases()
    writer.task = asyncio.create_task(run(writer))
    # Not in run()'s own `finally`: a cancellation there, or before its first step, would leave the entry behind.
    writer.task.add_done_callback(partial(_forget, writer))
    return writer.task


def _forget(writer: Writer, _task: asyncio.Task[None]) -> None:
    writer.log.lose()
    if WRITERS.get(writer.log.reply) is writer:
        del WRITERS[writer.log.reply]


async def take_over(reply: UUID, *, patient: bool = False) -> asyncio.Task[None] | None:
    """Write a reply that its owner has left, if nobody else was faster."""
    if reply in WRITERS:
        return WRITERS[reply].task
    begun = await beginning_of(reply)
    epoch = await off_loop(leases.take)(reply)
    if epoch is None:
        return None
    turn = await off_loop(conversations.turn_of_reply)(reply)
    if epoch <= MOST_EPOCHS:
        return start(reply, epoch, turn, patient=patient, begun=begun)
    # Something about this reply kills whoever writes it: it gets its last word from here.
    with contextlib.suppress(LostLease):
        await Writer(reply, epoch, turn, patient=patient).fail("internal")
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
            if await is_heard_again(writer):
                await off_loop(leases.release)({reply: writer.log.epoch})  # whoever listens has it taken up again
            else:
                await writer.end_early()
    except LostLease:
        meters.LOST.inc()
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
    """In turn, on a seat, and only if no person has taken the conversation. A place is told before anything is read."""
    if writer.turn.with_person and await is_left_to_person(writer):
        return
    if writer.turn.behind:
        await my_turn(writer)
    async with seats().wait(writer.turn.visitor) as ticket:
        why_extract = await seat(writer, ticket)
        await arrivals().calm()
        if not await is_left_to_person(writer):  # they may have come while it waited
            await answer(writer, why_extract)


async def answer(writer: Writer, why_extract: str) -> None:
    """The answer's events to the writer."""
    put = writer.events.put_nowait
    task = await off_loop(conversations.task_of)(writer.log.reply)
    alone = len(WRITERS) == 1
    told = writer.begun.text if writer.begun else ""
    options = Options(
        audiences=task.audiences, locale=task.locale, only_language=task.only_language, begun=writer.begun, holds=alone
    )
    if why_extract:  # many ask: the passages as the search orders them, which costs least
        cheap = partial(afind_passages, reading_seconds=0.0)
        options = replace(options, answerer="extract", why_extract=why_extract, search=cheap)
    async with aclosing(compose(task.question, task.history, options)) as events:
        async for event in events:
            if isinstance(event, Ending) and event.reason == "asked_for_person":
                await writer.save()  # nobody is called by a process that has lost the reply
                await off_loop(desk.ask_for_person)(task.conversation, "asked in words")
            if isinstance(event, Ending) and event.outcome == "extracted" and why_extract:
                put(Words(f"\n\n{say('busy', event.language)}"))
            if isinstance(event, Words):
                if told:
                    meters.taken_over(event.text, told)
                await speak(event.text, put, told)
                told = ""
            else:
                put(event)


async def speak(text: str, put: Callable[[Words], None], told: str = "") -> None:
    """What comes at once is told word by word, like all else: it can be read along, and stopped.

    What the customer was `told` before, by a process that died, is there at once.
    """
    if known := commonprefix((told, text)):
        put(Words(known))
    words = WORD.findall(text.removeprefix(known))
    for place, word in enumerate(words):
        if place and len(words) > FEW_WORDS:
            await asyncio.sleep(WORD_SECONDS)
        put(Words(word))


async def is_left_to_person(writer: Writer) -> bool:
    """True, and the ending said, if a person has the conversation."""
    there = await off_loop(desk.is_with_person)(writer.turn.conversation)
    if there:
        task = await off_loop(conversations.task_of)(writer.log.reply)
        writer.events.put_nowait(Ending(outcome="handed_over", reason="with_person", standalone=task.question))
    return there


async def seat(writer: Writer, ticket: Ticket) -> str:
    """Wait for the seat, telling the place; gives `busy` when too many wait, or it takes longer than an answer may."""
    end, told = time.monotonic() + settings.CHAT_ANSWER_SECONDS, 0
    while not ticket.seated:
        left = end - time.monotonic()
        if ticket.turned_away or left <= 0:
            break
        if ticket.place != told:
            told = ticket.place
            writer.log.tell("queued", told)
        await ticket.moved(min(left, PLACE_SECONDS))
    meters.QUEUED.observe(time.monotonic() - writer.start)
    writer.log.tell("searching")
    return "" if ticket.seated else "busy"


async def my_turn(writer: Writer) -> None:
    """Wait until the earlier replies of this conversation have ended."""
    while earlier := await off_loop(conversations.earlier_unfinished)(writer.log.reply, writer.turn.conversation):
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
    return _seats.get(lambda: Seats(settings.MODEL_MAX_BATCH, settings.CHAT_MOST_WAITING))


def keep_leases() -> None:
    _keepers.get(lambda: asyncio.create_task(_keep()), is_good=lambda keeper: not keeper.done())


async def _keep() -> None:
    """Renew the leases of all that this process writes, in one statement; ends when nothing is being written.

    Each round looks who lost theirs and who is to stop; every few lengthen them, which writes each row anew.
    """
    lengthened = 0.0
    while WRITERS:
        await asyncio.sleep(min(1.0, settings.CHAT_LEASE_SECONDS / 3))
        epochs = {reply: writer.log.epoch for reply, writer in WRITERS.items()}
        began = time.monotonic()
        lengthen = began - lengthened >= settings.CHAT_LEASE_SECONDS / 4
        try:
            kept = await off_loop(leases.renew, RENEWING)(epochs, lengthen=lengthen)
        except DatabaseError as error:
            logger.warning("leases not renewed", error=type(error).__name__)
            continue
        lengthened = began if lengthen else lengthened
        for reply, epoch in epochs.items():
            writer = WRITERS.get(reply)
            if writer is None or writer.log.over or writer.changing or writer.log.epoch != epoch:
                continue
            if reply not in kept:
                writer.leave()
                continue
            if lengthen:
                writer.log.renewed(began)
            if kept[reply]:
                writer.stop("stopped")
        await _stop_unheard()


async def _stop_unheard() -> None:
    """End what nobody has listened to for the time of grace: whoever waits in the queue is served sooner.

    Redis may have come back empty: who follows from another process says so each second, and is waited for.
    """
    alone = {reply: writer for reply, writer in WRITERS.items() if writer.unheard()}
    silent = await replays.unheard(list(alone)) if alone else []
    now, sure = time.monotonic(), min(SURE_SECONDS, settings.CHAT_GRACE_SECONDS)
    for reply, writer in alone.items():
        if reply not in silent:
            writer.silent_since = None
        elif writer.silent_since is None:
            writer.silent_since = now
        elif now - writer.silent_since >= sure:
            writer.stop(UNHEARD)


async def is_heard_again(writer: Writer) -> bool:
    """Somebody came back after it was given up, while the database was away. Raises LostLease and DatabaseError."""
    if writer.stopped != UNHEARD:
        return False
    await writer.save()  # takes as long as the database does
    return bool(writer.log.listeners)


async def drain(seconds: float) -> None:
    """Before this process ends: what is being told comes to its end, if it does so in time; the rest is handed over.

    Handed over means that its lease is free: the sweep takes it, or whoever comes back to another process.
    """
    silent = [writer for writer in WRITERS.values() if not writer.log.frames]
    await _hand_over(silent)
    telling = [writer.task for writer in WRITERS.values() if writer.task]
    if telling:
        await asyncio.wait(telling, timeout=seconds)
    told = sum(task.done() for task in telling)
    left = list(WRITERS.values())
    await _hand_over(left)
    logger.info("drained", told=told, handed_over=len(silent) + len(left))


async def _hand_over(writers: list[Writer]) -> None:
    tasks = [writer.task for writer in writers if writer.task]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=HAND_OVER_SECONDS)
