"""The verbs of a conversation: open, ask, rate, stop; and what a client is shown of it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from django.db import transaction
from django.db.models import OuterRef, Subquery
from uuid6 import uuid7

from chat.events import Ask, Hello, Refused
from chat.leases import OWNER, unfinished, until
from chat.models import Conversation, Message, Rating, Visitor, Widget
from chat.sources import shown_sources
from chat.tokens import BadToken, Bearer
from chat.visitors import Moved, identify, lock, present
from knowledge.models import Audience

SHOWN_MESSAGES = 100
SHOWN_CONVERSATIONS = 50
MAX_TITLE_CHARS = 120
HISTORY_MESSAGES = 6
MAX_HISTORY_CHARS = 2000
LAST = UUID(int=2**128 - 1)


@dataclass(slots=True)
class Visit:
    """One socket's visitor, from its `hello`."""

    widget: Widget
    bearer: Bearer
    known: bool = False  # a customer whom the company's server has vouched for
    moved: Moved | None = None  # what was taken along at this hello
    conversation: UUID | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    running: list[Message] = field(default_factory=list)
    seen: Message | None = None  # the row of `last_seen.reply`, if it is this visitor's
    agent: tuple[str, str] | None = None  # name and state, when a person is asked for or there


@dataclass(frozen=True, slots=True)
class Turn:
    """When a reply may begin: known at once, so that a place in the queue can be told before anything is looked up."""

    visitor: UUID
    conversation: UUID
    behind: bool = False  # an earlier reply of this conversation has not ended
    with_person: bool = False  # a person has the conversation, and the assistant keeps quiet


@dataclass(frozen=True, slots=True)
class Accepted:
    message: UUID
    reply: UUID
    epoch: int
    turn: Turn
    fresh: bool  # this call made it: whoever called answers it


# Sockets that read the same row share it: it would be a tenth of what a quiet one holds. Nobody changes it.
_widgets: WeakValueDictionary[str, Widget] = WeakValueDictionary()


def find_widget(key: str) -> Widget | None:
    """As it is now."""
    found = Widget.objects.filter(key=key, active=True).first()
    if found is None:
        return None
    known = _widgets.get(key)
    if known is not None and _columns(known) == _columns(found):
        return known
    _widgets[key] = found
    return found


def _columns(widget: Widget) -> list[Any]:
    return [getattr(widget, column.attname) for column in Widget._meta.concrete_fields]


def visit(widget: Widget, hello: Hello) -> Visit:
    """Who is there and what they have said so far. Raises Refused("bad_token")."""
    try:
        caller = identify(widget, hello.token, hello.identity)
    except BadToken:
        raise Refused("bad_token") from None
    bearer = caller.bearer
    found = Visit(widget, bearer, caller.known, caller.moved)
    conversations = Conversation.objects.filter(widget=widget, visitor_id=bearer.visitor)
    conversation = None
    if hello.conversation is not None:
        conversation = conversations.filter(pk=hello.conversation).select_related("agent").first()
    if conversation is None and hello.identity:
        # A known customer goes on where they were, on another device or after a time as a stranger on this one.
        conversation = conversations.exclude(state=Conversation.State.CLOSED).select_related("agent").first()
    if conversation is None:
        return found
    rows = Message.objects.filter(conversation=conversation).select_related("author", "rating")
    newest = list(rows.prefetch_related("passages").order_by("-id")[:SHOWN_MESSAGES])[::-1]
    found.conversation = conversation.pk
    found.messages = [shown(row) for row in newest]
    found.running = [row for row in newest if row.role == Message.Role.BOT and row.status in ("queued", "streaming")]
    if hello.last_seen is not None:
        replies = [row for row in newest if row.role == Message.Role.BOT]
        found.seen = next((row for row in replies if row.pk == hello.last_seen.reply), None)
    if conversation.state in (Conversation.State.WAITING, Conversation.State.AGENT):
        joined = conversation.state == Conversation.State.AGENT
        found.agent = (agent_name(conversation.agent), "joined" if joined else "waiting")
    return found


def shown(row: Message) -> dict[str, Any]:
    """A message as clients see it."""
    made: dict[str, Any] = {
        "id": str(row.pk),
        "role": row.role,
        "text": row.text,
        "created": row.created.isoformat(),
        "status": row.status,
        "outcome": row.outcome or None,
        "epoch": row.epoch,
        "seq": row.seq,
        "sources": shown_sources(row) if row.role == Message.Role.BOT else [],
    }
    if row.role == Message.Role.BOT:
        rating = getattr(row, "rating", None)
        made |= {"reason": row.reason or None, "nearest": row.nearest, "follow_ups": row.follow_ups}
        made |= {"rating": rating.score if rating else None}
    elif row.role == Message.Role.AGENT:
        made["name"] = agent_name(row.author)
    return made


def agent_name(user: Any) -> str:
    """A person's first name, as customers see it; never an account's name."""
    return (user.first_name if user is not None else "") or ""


@transaction.atomic
def ask(seen: Visit, question: Ask, locale: str, page: tuple[str, str]) -> Accepted:
    """Save a question and the row of its reply, leased to this process. The same id is the same question."""
    visitor = lock(seen.widget, seen.bearer)
    again = Message.objects.filter(conversation__visitor=visitor, client_id=question.id, role=Message.Role.CUSTOMER)
    earlier = again.values_list("pk", "conversation_id", "reply__pk", "reply__epoch").first()
    if earlier is not None:
        asked, talk, replied, epoch = earlier
        return Accepted(asked, replied, max(epoch, 1), Turn(visitor.pk, talk), fresh=False)
    conversation = _conversation(seen, visitor, locale, page, question.about)
    if conversation.pk == seen.conversation:
        turn, first = turn_of(conversation), next_id(conversation.pk)
    else:  # it begins here
        turn, first = Turn(visitor.pk, conversation.pk), uuid7()
    message = Message(
        pk=first, conversation=conversation, role=Message.Role.CUSTOMER, text=question.text, client_id=question.id
    )
    reply = Message(
        pk=after(first),
        conversation=conversation,
        role=Message.Role.BOT,
        reply_to=message,
        status=Message.Status.QUEUED,
        epoch=1,
        lease_owner=OWNER,
        lease_until=until(),
    )
    Message.objects.bulk_create([message, reply])  # one statement: hundreds may ask at once
    return Accepted(message.pk, reply.pk, 1, turn, fresh=True)


def turn_of(conversation: Conversation, reply: UUID = LAST) -> Turn:
    """Of this reply, or of one to a question that is asked now."""
    behind = bool(earlier_unfinished(reply, conversation.pk))
    with_person = conversation.state == Conversation.State.AGENT
    return Turn(conversation.visitor_id, conversation.pk, behind, with_person)


def turn_of_reply(reply: UUID) -> Turn:
    """Of a reply whose owner has left it."""
    row = Message.objects.select_related("conversation").get(pk=reply)
    return turn_of(row.conversation, reply)


def next_id(conversation: UUID) -> UUID:
    """An id after all of this conversation: the clocks of two machines differ, and a clock may be set back."""
    newest = Message.objects.filter(conversation_id=conversation).order_by("-id").values_list("pk", flat=True).first()
    return after(newest) if newest else uuid7()


def after(earlier: UUID) -> UUID:
    made = uuid7()
    return made if made > earlier else UUID(int=earlier.int + 1)


@transaction.atomic
def begin(seen: Visit, locale: str, page: tuple[str, str]) -> UUID:
    """A conversation without a question yet, for somebody who wants a person at once. Raises Refused("bad_token")."""
    return _conversation(seen, lock(seen.widget, seen.bearer), locale, page).pk


def _conversation(
    seen: Visit, visitor: Visitor, locale: str, page: tuple[str, str], about: dict[str, str] | None = None
) -> Conversation:
    mine = Conversation.objects.filter(pk=seen.conversation, visitor=visitor) if seen.conversation else None
    conversation = mine.first() if mine is not None else None
    if conversation is None:
        return Conversation.objects.create(
            widget=seen.widget, visitor=visitor, language=locale, page_url=page[0], page_title=page[1],
            about=about or {},
        )  # fmt: skip
    if conversation.state == Conversation.State.CLOSED:
        conversation.state = Conversation.State.BOT
    conversation.about = conversation.about or about or {}
    conversation.save(update_fields=["state", "about", "updated"])
    return conversation


def rate(seen: Visit, reply: UUID, score: int, comment: str) -> None:
    """Raises Refused("not_found") for a reply that is not this visitor's."""
    mine = Message.objects.filter(pk=reply, role=Message.Role.BOT, conversation__visitor__in=present(seen.bearer))
    row = mine.first()
    if row is None:
        raise Refused("not_found")
    Rating.objects.update_or_create(message=row, defaults={"score": score, "comment": comment})


def request_stop(seen: Visit, reply: UUID) -> None:
    """Raises Refused("not_found") for a reply that is not this visitor's or has ended."""
    mine = unfinished().filter(pk=reply, conversation__visitor__in=present(seen.bearer))
    if not mine.update(stop_requested=True):
        raise Refused("not_found")


def past(bearer: Bearer) -> list[dict[str, Any]]:
    """The visitor's conversations as a client lists them, the newest first; each begins with its first question."""
    questions = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.CUSTOMER).order_by("pk")
    mine = Conversation.objects.filter(visitor__in=present(bearer))
    return [
        {
            "id": str(row.pk),
            "title": " ".join((row.first or "")[:MAX_TITLE_CHARS].split()),
            "created": row.created.isoformat(),
            "updated": row.updated.isoformat(),
            "state": row.state,
        }
        for row in mine.annotate(first=Subquery(questions.values("text")[:1])).order_by("-updated")[
            :SHOWN_CONVERSATIONS
        ]
    ]


def news(conversation: UUID, after: UUID | None) -> tuple[list[dict[str, Any]], list[Message]]:
    """What was written after this message (all of it when None): by people, as it is shown, and by the assistant."""
    rows = Message.objects.filter(conversation_id=conversation).select_related("author")
    rows = rows.filter(pk__gt=after) if after else rows
    found = list(rows.order_by("id")[:SHOWN_MESSAGES])
    written = [shown(row) for row in found if row.role != Message.Role.BOT]
    return written, [row for row in found if row.role == Message.Role.BOT]


@dataclass(frozen=True, slots=True)
class Task:
    """What is needed to write a reply."""

    reply: UUID
    conversation: UUID
    question: str
    history: list[dict[str, str]]
    audiences: Collection[str]
    locale: str
    only_language: bool


def task_of(reply: UUID) -> Task:
    rows = Message.objects.select_related("reply_to", "conversation__visitor", "conversation__widget")
    row = rows.get(pk=reply, role=Message.Role.BOT)
    assert row.reply_to is not None, "every reply answers a message"
    before = Message.objects.filter(conversation=row.conversation, pk__lt=row.reply_to_id, status=Message.Status.DONE)
    history = [
        {"role": "user" if m.role == Message.Role.CUSTOMER else "assistant", "text": m.text[:MAX_HISTORY_CHARS]}
        for m in before.order_by("-id")[:HISTORY_MESSAGES]
        if m.text
    ][::-1]
    audiences = [a for a in row.conversation.visitor.audiences if a != Audience.INTERNAL]
    return Task(
        reply=row.pk,
        conversation=row.conversation_id,
        question=row.reply_to.text,
        history=history,
        audiences=audiences,
        locale=row.conversation.language,
        only_language=row.conversation.widget.only_language,
    )


def earlier_unfinished(reply: UUID, conversation: UUID) -> list[UUID]:
    """The replies of this conversation that must end before this one begins."""
    return list(unfinished().filter(conversation_id=conversation, pk__lt=reply).values_list("pk", flat=True))
