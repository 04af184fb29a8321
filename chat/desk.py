"""People in the chat: who is on duty, and the verbs of the managers' pages. Each saves first and rings afterwards."""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from redis import Redis
from redis.exceptions import RedisError

from chat import doorbell
from chat.conversations import agent_name, next_id
from chat.events import clean
from chat.models import Conversation, Message

DUTY_SECONDS = 300
DUTY_KEY = "supportbot:desk:duty"
TYPING_KEY = "supportbot:typing:"  # of an agent's words and of a customer's, by conversation
TYPING_SECONDS = 6  # so long it is believed
TOLD_EVERY_SECONDS = 3
MAX_MESSAGE_CHARS = 4000


def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def present(user: Any) -> None:
    """Note that this person has the desk open; called by its pages. On duty for the next five minutes."""
    try:
        with _redis() as redis:
            redis.zadd(DUTY_KEY, {str(user.pk): time.time()})
            redis.expire(DUTY_KEY, DUTY_SECONDS)
    except (RedisError, OSError):
        return  # nobody is counted as on duty: customers are offered the contact form


def on_duty() -> bool:
    try:
        with _redis() as redis:
            return bool(redis.zcount(DUTY_KEY, time.time() - DUTY_SECONDS, "+inf"))
    except (RedisError, OSError):
        return False


def customer_types(conversation: UUID) -> None:
    """For whoever looks at the conversation; the words are told when they are sent."""
    try:
        with _redis() as redis:
            redis.set(f"{TYPING_KEY}customer:{conversation}", 1, ex=TYPING_SECONDS)
    except (RedisError, OSError):
        return  # it is not told: nobody misses a word


def is_customer_typing(conversation: UUID) -> bool:
    try:
        with _redis() as redis:
            return bool(redis.exists(f"{TYPING_KEY}customer:{conversation}"))
    except (RedisError, OSError):
        return False


def agent_types(conversation: Conversation, by: Any) -> None:
    """The customer is told, every few seconds at most, and only of the person who has joined."""
    if conversation.state != Conversation.State.AGENT or conversation.agent_id != by.pk:
        return
    try:
        with _redis() as redis:
            fresh = redis.set(f"{TYPING_KEY}agent:{conversation.pk}", 1, ex=TOLD_EVERY_SECONDS, nx=True)
    except (RedisError, OSError):
        return  # the bell would not ring either
    if fresh:
        doorbell.ring(conversation.pk, state="typing", name=agent_name(by))


def ask_for_person(conversation: UUID, reason: str) -> str:
    """The customer wants a person. Gives the state to tell: waiting, joined (one is there already) or closed."""
    rows = Conversation.objects.filter(pk=conversation)
    idle = rows.exclude(state__in=[Conversation.State.WAITING, Conversation.State.AGENT])
    asked = idle.update(state=Conversation.State.WAITING, waiting_since=Now(), handover_reason=reason[:300])
    if not asked and rows.filter(state=Conversation.State.AGENT).exists():
        return "joined"
    state = "waiting" if on_duty() else "closed"
    doorbell.ring(conversation, state=state)
    return state


def is_with_person(conversation: UUID) -> bool:
    return Conversation.objects.filter(pk=conversation, state=Conversation.State.AGENT).exists()


@transaction.atomic
def join(conversation: Conversation, by: Any) -> None:
    """Take the conversation; from now on the assistant keeps quiet. ValidationError when somebody else has it."""
    rows = Conversation.objects.select_for_update(of=("self",)).filter(pk=conversation.pk)
    row = rows.select_related("agent").get()
    if row.state == Conversation.State.AGENT and row.agent_id not in (None, by.pk):
        raise ValidationError(f"{row.agent.get_username()} has this conversation. They can hand it back first.")
    if row.state == Conversation.State.AGENT and row.agent_id == by.pk:
        return
    rows.update(state=Conversation.State.AGENT, agent=by, waiting_since=None)
    transaction.on_commit(lambda: doorbell.ring(conversation.pk, state="joined", name=agent_name(by)))


@transaction.atomic
def say(conversation: Conversation, by: Any, text: str) -> Message:
    """A person's message to the customer; joins if they had not. ValidationError says what cannot be sent."""
    text = clean(text)
    if not text:
        raise ValidationError("Write a message first; nothing was sent.")
    if len(text) > MAX_MESSAGE_CHARS:
        raise ValidationError(f"A message has at most {MAX_MESSAGE_CHARS:,} characters; nothing was sent.")
    join(conversation, by)
    message = Message.objects.create(
        pk=next_id(conversation.pk), conversation=conversation, role=Message.Role.AGENT, author=by, text=text
    )
    transaction.on_commit(lambda: doorbell.ring(conversation.pk))
    return message


def leave(conversation: Conversation, by: Any) -> None:
    """Back to the assistant."""
    _end(conversation, Conversation.State.BOT, by, "left")


def close(conversation: Conversation, by: Any) -> None:
    _end(conversation, Conversation.State.CLOSED, by, "ended")


@transaction.atomic
def _end(conversation: Conversation, state: str, by: Any, told: str) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(state=state, agent=None, waiting_since=None)
    transaction.on_commit(lambda: doorbell.ring(conversation.pk, state=told, name=agent_name(by)))
