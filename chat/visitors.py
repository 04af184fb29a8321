"""Who is there: a stranger by a token, a known customer by the company's word; how they sign in, and how they leave."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from chat.events import Refused
from chat.identity import Identity, read_identity
from chat.models import Conversation, Visitor, Widget
from chat.tokens import BadToken, Bearer, read_token
from supportbot.log import get_logger

logger = get_logger(__name__)

MOST_CONVERSATIONS = 50  # whose sockets are told that a visitor has left; the newest


@dataclass(frozen=True, slots=True)
class Moved:
    """A bearer whose tokens have ended, and the conversations that its sockets may still be listening to."""

    bearer: Bearer
    conversations: list[UUID]


@dataclass(frozen=True, slots=True)
class Caller:
    bearer: Bearer
    known: bool = False
    moved: Moved | None = None


def identify(widget: Widget, token: str | None, identity: str | None) -> Caller:
    """The company's word counts before the browser's token. Raises BadToken."""
    if identity is not None:
        return _sign_in(widget, read_identity(widget, identity), token)
    return read_caller(widget, token) if token is not None else Caller(Bearer.stranger())


def read_caller(widget: Widget, token: str) -> Caller:
    """Whom a token names now. Raises BadToken, for one that a log-out has ended too."""
    bearer = read_token(widget.key, token)
    row = Visitor.objects.filter(pk=bearer.visitor).values_list("widget_id", "token_generation", "external_id").first()
    if row is None:
        return Caller(bearer)  # who has asked nothing yet
    owner, generation, subject = row
    if (owner, generation) != (widget.pk, bearer.generation):
        raise BadToken
    if subject:
        read_token(widget.key, token, known=True)
    return Caller(bearer, known=bool(subject))


def _sign_in(widget: Widget, identity: Identity, token: str | None) -> Caller:
    """The known customer; with what this browser's stranger began, if the widget says so and the token proves it.

    A token that does not hold proves nothing, and stands in nobody's way.
    """
    visitor, _ = Visitor.objects.get_or_create(
        widget=widget, external_id=identity.subject, defaults={"name": identity.name}
    )
    if identity.name and visitor.name != identity.name:
        Visitor.objects.filter(pk=visitor.pk).update(name=identity.name)
    moved = None
    if token is not None and widget.on_sign_in == Widget.SignIn.ALONG:
        try:
            moved = _take_along(read_caller(widget, token).bearer, visitor)
        except BadToken:
            logger.info("nothing taken along", visitor=str(visitor.pk))
    return Caller(Bearer(visitor.pk, visitor.token_generation), True, moved)


@transaction.atomic
def _take_along(stranger: Bearer, customer: Visitor) -> Moved | None:
    """A stranger's conversations become the customer's, and the stranger's tokens end. A customer's never move."""
    if present(stranger).filter(external_id="").select_for_update().first() is None:
        return None
    mine = Conversation.objects.filter(visitor_id=stranger.visitor)
    moved = Moved(stranger, _newest(stranger))
    mine.update(visitor=customer)
    _end_tokens(stranger)
    return moved


def log_out(widget: Widget, bearer: Bearer) -> Moved:
    """End every token of this visitor, on every device. One who has asked nothing yet gets a row that says so."""
    Visitor.objects.get_or_create(pk=bearer.visitor, defaults={"widget": widget})
    _end_tokens(bearer)
    return Moved(bearer, _newest(bearer))


def _newest(bearer: Bearer) -> list[UUID]:
    mine = Conversation.objects.filter(visitor_id=bearer.visitor).order_by("-updated")
    return list(mine.values_list("pk", flat=True)[:MOST_CONVERSATIONS])


def _end_tokens(bearer: Bearer) -> None:
    """Of this generation; ending them twice at once ends no newer ones."""
    present(bearer).update(token_generation=F("token_generation") + 1)


def present(bearer: Bearer) -> QuerySet[Visitor]:
    """The visitor's row, unless they have logged out since."""
    return Visitor.objects.filter(pk=bearer.visitor, token_generation=bearer.generation)


def lock(widget: Widget, bearer: Bearer) -> Visitor:
    """Locked: all asks of one visitor pass one by one, so two tabs cannot both begin a conversation with one id.

    Raises Refused("bad_token") for a visitor of another widget or one who has logged out.
    """
    locked = Visitor.objects.select_for_update().filter(pk=bearer.visitor)
    visitor = locked.first()
    if visitor is None:  # the first question; another tab may ask it at the same moment
        made = Visitor(pk=bearer.visitor, widget=widget, token_generation=bearer.generation)
        Visitor.objects.bulk_create([made], ignore_conflicts=True)
        visitor = locked.get()
    if (visitor.widget_id, visitor.token_generation) != (widget.pk, bearer.generation):
        raise Refused("bad_token")
    return visitor
