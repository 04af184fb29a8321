"""The last step of the ladder: a customer leaves an address when nobody is there. Stored, and promised nothing more."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from chat.events import clean
from chat.models import ContactRequest, Conversation, Widget
from chat.posts import NotTaken, take
from chat.tokens import BadToken
from chat.visitors import read_caller

MAX_NOTE_CHARS = 2000


@csrf_exempt  # chat.posts checks the Origin
async def leave(request: HttpRequest) -> HttpResponse:
    """POST {widget, email, note?, conversation?, token?} -> 201 {"id": …}, or {"code", "text"} with a sentence."""
    return await take(request, "contact", _store)


def _store(data: dict[str, Any], widget: Widget) -> HttpResponse:
    email, note = data.get("email"), data.get("note", "")
    if not isinstance(email, str) or not isinstance(note, str):
        raise NotTaken("bad_request", "Send JSON with widget, email and, if you like, note, conversation and token.")
    email, note = clean(email), clean(note)
    if len(note) > MAX_NOTE_CHARS:
        raise NotTaken("too_long", f"Please use at most {MAX_NOTE_CHARS:,} characters.")
    try:
        validate_email(email[:255])
    except ValidationError:
        raise NotTaken("bad_email", "Please give an e-mail address that we can write to.") from None
    stored = ContactRequest.objects.create(
        widget=widget, email=email[:254], note=note, conversation=_conversation(data, widget)
    )
    return JsonResponse({"id": stored.pk}, status=201)


def _conversation(data: dict[str, Any], widget: Widget) -> Conversation | None:
    """The conversation it belongs to, if the token proves that it is this visitor's."""
    token, conversation = data.get("token"), data.get("conversation")
    if not isinstance(token, str) or not isinstance(conversation, str):
        return None
    try:
        bearer, key = read_caller(widget, token).bearer, UUID(conversation)
    except (BadToken, ValueError):
        return None
    return Conversation.objects.filter(pk=key, visitor_id=bearer.visitor).first()
