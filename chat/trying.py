"""Staff ask a question of a draft, and see what customers would be told if it were published. Nothing is written.

The answer is made by the same `compose` as the widget's; only the search beneath it knows the draft.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from chat import limits, replays
from chat.answering import AnswerFailed, Ending, Event, Options, Restart, Sources, Stage, Words, compose, weigh
from chat.dial import answerable_floor
from chat.models import Message
from chat.replies import seats
from chat.seats import Seats
from chat.storage import off_loop
from chat.verdicts import Subject, is_read, rows, verdict
from chat.writers import FAILURES
from knowledge.chunking import TooManyPieces
from knowledge.drafts import DraftPassage
from knowledge.forms import StorableField, body_field, first_error
from knowledge.indexing import active_cut
from knowledge.models import LANGUAGES, Article, Audience, Chunk
from knowledge.passages import searched_pieces
from knowledge.retrieval import Passage, Retrieval, find_passages, find_passages_with_draft
from knowledge.wording import missing_words
from supportbot import rates
from supportbot.inference.client import ModelError
from supportbot.log import get_logger

logger = get_logger(__name__)

MOST_A_MINUTE = 10
AT_ONCE = 2  # in this process; the other seats are customers' alone
WAIT_SECONDS = 20.0
HELD_SECONDS = 120  # after this somebody whose process died may ask again
RANKED = 10
MAX_PUBLISHED = 500  # passages of one article that are looked through for missing words
ASKERS = {"public": ["public"], "customers": ["public", "customers"], "internal": ["public", "customers", "internal"]}

_tries: dict[asyncio.AbstractEventLoop, Seats] = {}
_held: dict[str, float] = {}  # until when, by this process's clock


class Busy(Exception):
    """All seats stayed taken."""


class TryForm(forms.Form):
    """What is asked, of which text, and as whom."""

    question = StorableField(
        max_length=settings.CHAT_MAX_QUESTION_CHARS,
        error_messages={
            "required": "Write a question first.",
            "max_length": "The question has %(show_value)d characters; %(limit_value)d is the most.",
        },
    )
    version = forms.ChoiceField(choices=[("draft", "This draft"), ("published", "Published")])
    asker = forms.ChoiceField(choices=[(name, name) for name in ASKERS])
    article = forms.UUIDField(required=False)
    title = StorableField(required=False, max_length=200)
    body = body_field()
    language = forms.ChoiceField(choices=LANGUAGES)
    audience = forms.ChoiceField(choices=Audience.choices)


@dataclass(slots=True)
class Search:
    """What `compose` searches with. Remembers what was found, for the page."""

    subject: Subject
    language: str
    draft: list[DraftPassage] | None  # None: what is published is asked
    texts: list[str]
    found: Retrieval | None = None

    async def __call__(self, question: str, **wanted: Any) -> Retrieval:
        find: Callable[[], Retrieval] = partial(find_passages, question, ranked=RANKED, **wanted)
        if self.draft is not None:
            replacing = self.subject.key
            find = partial(
                find_passages_with_draft, question, draft=self.draft, replacing=replacing, ranked=RANKED, **wanted
            )
        self.found = await off_loop(find)()
        return self.found


@require_POST
async def try_question(request: HttpRequest) -> HttpResponseBase:
    """The events of an answer as lines of JSON, for those who may write articles."""
    user = await request.auser()
    if not await off_loop(may_try)(user):
        return JsonResponse({"error": "You may not write articles, or are signed out."}, status=403)
    form = TryForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": first_error(form)}, status=400)
    if not await off_loop(may_read)(user) and (form.cleaned_data["asker"] != "public" or form.cleaned_data["article"]):
        text = "You may write new articles and not read the others: ask with your draft, as anybody."
        return JsonResponse({"error": text}, status=403)
    if not await limits.allow("try", str(user.pk), MOST_A_MINUTE):
        text = f"That were {MOST_A_MINUTE} questions in a minute. Ask again in the next one."
        return JsonResponse({"error": text}, status=429)
    return StreamingHttpResponse(
        lines(str(user.pk), form.cleaned_data),
        content_type="application/x-ndjson",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def may_try(user: AbstractBaseUser) -> bool:
    staff = user.is_active and getattr(user, "is_staff", False)
    return staff and any(user.has_perm(f"knowledge.{verb}_article") for verb in ("change", "add"))


def may_read(user: AbstractBaseUser) -> bool:
    """The passages of articles that are not public."""
    return any(user.has_perm(f"knowledge.{verb}_article") for verb in ("change", "view"))


async def lines(user: str, asked: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    async with aclosing(tell(user, asked)) as events:
        async for event in events:
            yield json.dumps(event, ensure_ascii=False).encode() + b"\n"


async def tell(user: str, asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """One at a time for each person, two in this process, and on a seat as customers have them."""
    start = time.monotonic()
    async with alone(user) as free:
        if not free:
            yield failed("Your last question is still being answered. Wait for it, or stop it.")
            return
        try:
            async with seated(tries()), seated(seats()), aclosing(answer(asked)) as events:
                async for event in events:
                    yield event
        except Busy:
            yield failed("Customers are being answered just now. Ask again in a moment.")
        except (AnswerFailed, ModelError) as error:
            yield failed(FAILURES.get(error.code, FAILURES["internal"]))
        except TooManyPieces as error:
            yield failed(str(error))
    logger.info("question_tried", user=user, version=asked["version"], ms=round(1000 * (time.monotonic() - start)))


async def answer(asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """Raises what `compose` raises, and TooManyPieces."""
    start = time.monotonic()
    search = await off_loop(prepare)(asked)
    # As a customer who reads the article's language would ask: a short question is taken to be in it.
    options = Options(audiences=ASKERS[asked["asker"]], locale=search.language, search=search)
    given: list[Passage] = []
    told = False
    async with aclosing(compose(asked["question"], [], options)) as events:
        async for event in events:
            if isinstance(event, Sources):
                given = list(event.passages)
            if not told and not isinstance(event, Stage):
                told = True
                yield await off_loop(ranking)(search, asked, given)
            yield frame(event, time.monotonic() - start)


def prepare(asked: dict[str, Any]) -> Search:
    """Raises TooManyPieces."""
    key = asked["article"] or uuid4()  # of an article that was never saved: nothing can be left out for it
    if asked["version"] == "draft":
        pieces = searched_pieces(asked["title"], asked["body"])
        draft = [
            DraftPassage(piece.text, asked["title"], piece.heading, piece.anchor, asked["language"], asked["audience"])
            for piece in pieces
        ]
        texts = [f"{asked['title']}\n{piece.heading}\n{piece.text}" for piece in pieces]
        return Search(Subject(key, len(pieces), asked["audience"], is_draft=True), asked["language"], draft, texts)
    article = Article.objects.filter(pk=key).first()
    live = Chunk.objects.filter(article_id=key, live=True, cut=active_cut()).select_related("revision")[:MAX_PUBLISHED]
    texts = [f"{chunk.revision.title}\n{chunk.heading}\n{chunk.text}" for chunk in live]
    audience = article.audience if article else asked["audience"]
    language = article.language if article else asked["language"]
    return Search(Subject(key, len(texts), audience, is_draft=False), language, None, texts)


def ranking(search: Search, asked: dict[str, Any], given: list[Passage]) -> dict[str, Any]:
    """The verdict, and the passages that were found."""
    found, subject = search.found, search.subject
    read = found is None or is_read(found, subject, given)
    missing = [] if read else missing_words(asked["question"], search.texts, language=search.language)
    line = verdict(
        weigh(found, asked["question"], asked["question"]).found if found else None,
        subject,
        given=given,
        audiences=ASKERS[asked["asker"]],
        floor=answerable_floor(),
        missing=missing,
    )
    passages = rows(found, subject, given) if found else []
    return {"type": "ranking", "verdict": line, "passages": passages, "degraded": found.degraded if found else ""}


def frame(event: Event, seconds: float) -> dict[str, Any]:
    match event:
        case Stage(name):
            return {"type": "stage", "name": name}
        case Sources(passages):
            sources = [
                {"n": n, "title": p.title, "heading": p.heading, "url": p.url} for n, p in enumerate(passages, 1)
            ]
            return {"type": "sources", "sources": sources}
        case Words(text):
            return {"type": "words", "text": text}
        case Restart():
            return {"type": "restart"}
        case Ending():
            return {
                "type": "end",
                "outcome": Message.Outcome(event.outcome).label,
                "reason": event.reason.replace("_", " "),
                "cited": event.citations,
                "nearest": [title for title, _ in event.nearest],
                "sure": event.answerable,
                "model": event.model,
                "ms": event.ms | {"total": round(1000 * seconds, 1)},
            }


def failed(text: str) -> dict[str, Any]:
    return {"type": "failed", "text": text}


@asynccontextmanager
async def alone(user: str) -> AsyncIterator[bool]:
    """Whether this person asks nothing else, in any process; until the end nobody else asks in their name."""
    name, mine = f"supportbot:trying:{user}", uuid4().hex
    free = await _hold(name, mine)
    try:
        yield free
    finally:
        if free:
            await asyncio.shield(_release(name, mine))


async def _hold(name: str, mine: str) -> bool:
    now = time.monotonic()
    if _held.get(name, 0.0) > now:
        return False
    _held[name] = now + HELD_SECONDS
    try:
        async with asyncio.timeout(rates.REDIS_SECONDS):
            free = bool(await replays.client().set(name, mine, nx=True, ex=HELD_SECONDS))
    except (RedisError, TimeoutError, OSError):
        return True
    except asyncio.CancelledError:  # whoever asked has left
        await asyncio.shield(_release(name, mine))
        raise
    if not free:
        del _held[name]
    return free


async def _release(name: str, mine: str) -> None:
    _held.pop(name, None)
    try:
        async with asyncio.timeout(rates.REDIS_SECONDS):
            if await replays.client().get(name) in (mine, mine.encode()):
                await replays.client().delete(name)
    except (RedisError, TimeoutError, OSError) as error:
        logger.warning("trying_not_released", error=type(error).__name__)  # it runs out by itself


def tries() -> Seats:
    loop = asyncio.get_running_loop()
    if loop not in _tries:
        _tries[loop] = Seats(AT_ONCE)
    return _tries[loop]


@asynccontextmanager
async def seated(seats: Seats) -> AsyncIterator[None]:
    """Raises Busy when no seat is free in time."""
    end = time.monotonic() + WAIT_SECONDS
    async with seats.wait() as ticket:
        while not ticket.seated:
            if (left := end - time.monotonic()) <= 0:
                raise Busy
            await ticket.moved(left)
        yield
