"""One reply on its way into its row and its log of frames, under a lease: every write says whose epoch it is."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from chat import leases, meters
from chat.answering import AnswerFailed, Beginning, Ending, Event, Restart, Sources, Stage, Words
from chat.conversations import Turn
from chat.events import clean
from chat.following import last_words
from chat.frames import MAX_TEXT_CHARS, Log
from chat.models import Message, RetrievedPassage
from chat.sources import follow_ups_of, nearest_of, sources_of
from chat.storage import off_loop
from knowledge.retrieval import Passage
from supportbot.log import get_logger

logger = get_logger(__name__)

SAVE_SECONDS = 1.0
MAX_STOPPED_CHARS = 200  # as the column
FAILURES = {
    "search_unavailable": "The articles cannot be searched right now. Please try again in a moment.",
    "model_unavailable": "The assistant is not available right now. Please try again in a moment.",
    "internal": "Something went wrong on our side. Please try again.",
}


class LostLease(Exception):
    """Another process owns the reply now: say nothing more."""


class Writer:
    """One reply, from the lease to the last frame."""

    def __init__(self, reply: UUID, epoch: int, turn: Turn, *, patient: bool, begun: Beginning | None = None) -> None:
        self.log = Log(reply, epoch)
        self.turn = turn
        self.patient = patient  # finish although nobody listens
        self.begun = begun  # by an owner before this one
        self.start = time.monotonic()
        self.saved_at = self.start
        self.passages: list[Passage] = []
        self.events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()  # bounded by the answer's length
        self.source: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.changing = False
        self.silent_since: float | None = None  # when Redis first told of nobody who follows from elsewhere
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

    async def save(self, also: Callable[[], object] | None = None, **fields: Any) -> None:
        """What is written, with what belongs to it; the lease is longer afterwards. Raises LostLease.

        With nothing to write it asks whether the reply is still ours: this process may have been frozen.
        """
        began = time.monotonic()
        if not await off_loop(leases.save)(self.log.reply, self.log.epoch, also, **fields):
            raise LostLease
        self.log.renewed(began)

    async def take(self, event: Event | Exception) -> None:
        """Raises LostLease."""
        if not self.log.held:
            await self.save()
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
                await self.save(self.store_passages, status=Message.Status.STREAMING)
                self.log.add("sources", sources=sources_of(passages))
            case Words(text):
                self.log.say(text)
                await self.save_sometimes()
            case Restart(reason):
                meters.restarted(reason)
                logger.info("answer restarted", reply=str(self.log.reply), reason=reason)
                await self.begin_again(reason)

    async def flush(self) -> None:
        """Tell what is still to be told. Raises LostLease."""
        while not self.log.flush():
            await self.save()

    async def begin_again(self, reason: str) -> None:
        """The next epoch: all that was said is void. Why stands in the row: who takes over says the same."""
        epoch = self.log.epoch + 1
        self.changing = True  # the row is an epoch ahead of the log for a moment: that is no lost lease
        try:
            await self.save(epoch=epoch, text="", seq=0, reason=reason)
            self.log.restart(epoch)
        finally:
            self.changing = False

    async def save_sometimes(self) -> None:
        if len(self.log.text) > MAX_TEXT_CHARS:
            self.stop("too_long")
        if time.monotonic() - self.saved_at > SAVE_SECONDS:
            self.saved_at = time.monotonic()
            await self.flush()
            await self.save(text=self.log.text, seq=self.log.seq)

    def store_passages(self) -> None:
        rows = [
            RetrievedPassage(
                message_id=self.log.reply, n=n, chunk_id=p.chunk_id, revision_id=p.revision_id, title=p.title,
                heading=p.heading, url=p.url, score=p.score, similarity=p.similarity, lexical=p.lexical,
            )
            for n, p in enumerate(self.passages, 1)
        ]  # fmt: skip
        RetrievedPassage.objects.filter(message_id=self.log.reply).delete()
        RetrievedPassage.objects.bulk_create(rows)

    async def finish(self, end: Ending) -> None:
        """The row first, then `done`: what was seen is what is stored."""
        times = end.ms | {"total": round(1000 * (time.monotonic() - self.start), 1)}
        fields = {
            "outcome": end.outcome,
            "reason": end.reason,
            "nearest": nearest_of(end.nearest),
            "follow_ups": self.follow_ups(end),
            "standalone_question": end.standalone,
            "model": end.model,
            "adapter": end.model if end.model and end.model != settings.BASE_MODEL else "",
            "prompt_version": end.prompt_version,
            "answerable_score": end.answerable,
            "tokens_in": end.tokens_in,
            "tokens_out": end.tokens_out,
            "support": [asdict(one) | {"text": clean(one.text)} for one in end.support],
            "stopped": clean(end.stopped)[:MAX_STOPPED_CHARS],
            "times": times,
        }
        cite = partial(self.store_citations, end.citations) if end.citations else None
        await self.close(Message.Status.DONE, cite, **fields)
        told = {name: fields[name] for name in ("outcome", "reason", "nearest", "follow_ups")}
        row = Message(text=self.log.text, **told)
        meters.ended(end.outcome, end.reason, times, end.tokens_in, end.tokens_out)
        await self.log.end("done", **last_words(row, end.citations))
        logger.info("answered", reply=str(self.log.reply), outcome=end.outcome, reason=end.reason, ms=times)

    def follow_ups(self, end: Ending) -> list[str]:
        if end.outcome not in (Message.Outcome.ANSWERED, Message.Outcome.EXTRACTED):
            return []
        return follow_ups_of(end.standalone, self.passages, end.citations, end.language)

    async def end_early(self) -> None:
        """Somebody said stop: what was said is kept."""
        await self.flush()
        cited = sorted({int(n) for n in re.findall(r"\[(\d{1,4})\]", self.log.text)})
        reason = "" if self.stopped == "stopped" else self.stopped
        await self.finish(Ending(outcome="stopped", reason=reason, citations=cited))

    async def fail(self, code: str) -> None:
        await self.close(Message.Status.FAILED, reason=code)
        meters.ended("failed", code, {"total": 1000 * (time.monotonic() - self.start)})
        await self.log.end("failed", code=code, text=FAILURES.get(code, FAILURES["internal"]), retry=True)
        logger.warning("answer failed", reply=str(self.log.reply), code=code)

    async def close(self, status: Any, also: Callable[[], object] | None = None, **fields: Any) -> None:
        self.changing = True  # the row has ended before the log has: that is no lost lease either
        await self.flush()
        final = {"text": self.log.text, "seq": self.log.seq + 1, "finished": Now(), "lease_until": None}
        await self.save(also, status=status, **final, **fields)

    def store_citations(self, cited: list[int]) -> None:
        RetrievedPassage.objects.filter(message_id=self.log.reply, n__in=cited).update(cited=True)
