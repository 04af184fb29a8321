"""A conversation as staff read it: what was said, and beside each answer what it rested on."""

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from django.utils import timezone

from chat.models import Conversation, Message, Rating, RetrievedPassage, Review

MAX_MESSAGES = 500
PAGE = re.compile(r"/(?!/)|https?://")  # what a link may begin with; a row may be older than our rules
# What shares of true and of untrue sentences score so is in docs/decisions/support.md.
WELL_SUPPORTED, PARTLY_SUPPORTED = 0.6, 0.3


@dataclass(frozen=True, slots=True)
class Evidence:
    """One retrieved passage and whether the article has been published anew since."""

    passage: RetrievedPassage
    text: str
    url: str  # staff may open what customers were given no link to; "" once it is deleted
    revision: int | None
    changed_since: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stage's part of the whole time, in milliseconds and in twentieths of the bar."""

    name: str
    ms: int
    width: int


@dataclass(frozen=True, slots=True)
class Support:
    """A sentence of an answer and how well its passages support it, in a word and as a number from 0 to 1."""

    text: str
    score: float
    level: str  # good | partly | poor

    @property
    def told(self) -> str:
        return {"good": "Supported", "partly": "Partly supported", "poor": "Not supported"}[self.level]


@dataclass(frozen=True, slots=True)
class Turn:
    message: Message
    who: str
    evidence: list[Evidence]
    spans: list[Span]
    support: list[Support]
    rating: Rating | None
    review: Review | None

    @property
    def is_doubtful(self) -> bool:
        return any(one.level != "good" for one in self.support)

    @property
    def wants_review(self) -> bool:
        return self.message.role == Message.Role.BOT and self.review is None


def who_said(message: Message) -> str:
    if message.role == Message.Role.AGENT:
        return (message.author.get_short_name() or message.author.get_username()) if message.author else "Support team"
    return {Message.Role.CUSTOMER: "Customer", Message.Role.BOT: "Assistant"}[Message.Role(message.role)]


def spans_of(times: dict[str, Any]) -> list[Span]:
    """The stages between the stored moments: waiting, searching, first word, writing."""
    moments = [("waiting", "queued"), ("searching", "searched"), ("to the first word", "first"), ("writing", "total")]
    total = times.get("total") or 0
    spans, before = [], 0.0
    for name, key in moments:
        moment = times.get(key)
        if moment is None:
            continue
        length = max(0.0, moment - before)
        spans.append(Span(name, round(length), max(1, round(20 * length / total)) if total else 1))
        before = moment
    return spans


def support_of(message: Message) -> list[Support]:
    """Each sentence that the model wrote, with its score; none for what was taken from a passage word for word."""
    return [Support(one["text"], one["score"], _level(one["score"])) for one in message.support]


def _level(score: float) -> str:
    return "good" if score >= WELL_SUPPORTED else "partly" if score >= PARTLY_SUPPORTED else "poor"


def turns_of(conversation: Conversation) -> list[Turn]:
    """The newest 500 messages, oldest first, with their evidence; a bounded number of queries."""
    rows = (
        conversation.messages.select_related("author", "rating", "review", "review__reviewer")
        .prefetch_related("passages__chunk", "passages__revision__article")
        .order_by("-pk")[:MAX_MESSAGES]
    )
    return [_turn(message) for message in reversed(rows)]


def _turn(message: Message) -> Turn:
    return Turn(
        message=message,
        who=who_said(message),
        evidence=[_evidence(passage) for passage in message.passages.all()],
        spans=spans_of(message.times),
        support=support_of(message),
        rating=getattr(message, "rating", None),
        review=getattr(message, "review", None),
    )


def _evidence(passage: RetrievedPassage) -> Evidence:
    revision = passage.revision
    return Evidence(
        passage=passage,
        text=passage.chunk.text if passage.chunk else "This passage was deleted with its article.",
        url=passage.url if PAGE.match(passage.url) else revision.article.get_absolute_url() if revision else "",
        revision=revision.number if revision else None,
        changed_since=revision is None or revision.article.live_revision_id != revision.pk,
    )


def is_settled(message: Message) -> bool:
    return message.status in (Message.Status.DONE, Message.Status.FAILED)


def last_settled(turns: list[Turn]) -> str:
    """The id of the last message before the first one that is still being written; empty where there is none."""
    settled = [turn.message for turn in takewhile(lambda turn: is_settled(turn.message), turns)]
    return str(settled[-1].pk) if settled else ""


def as_line(message: Message) -> dict[str, str]:
    """A message for the page's script: plain text only."""
    return {
        "id": str(message.pk),
        "who": who_said(message),
        "role": message.role,
        "text": message.text,
        "time": timezone.localtime(message.created).strftime("%H:%M"),
        "outcome": message.get_outcome_display() if message.outcome else "",
    }
