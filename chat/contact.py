"""The last step of the ladder: a customer leaves an address when nobody is there. Stored, and promised nothing more."""

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from chat import limits
from chat.events import clean
from chat.models import ContactRequest, Conversation, Widget
from chat.origins import is_allowed, own_origins
from chat.storage import off_loop
from chat.tokens import BadToken, read_token

MAX_BODY_BYTES = 16_384
MAX_NOTE_CHARS = 2000
SENTENCES = {
    "bad_request": "Send JSON with widget, email and, if you like, note, conversation and token.",
    "bad_email": "Please give an e-mail address that we can write to.",
    "too_long": f"Please use at most {MAX_NOTE_CHARS:,} characters.",
    "rate_limited": "That was a lot at once. Please wait a minute and try again.",
    "forbidden": "This site may not use this chat.",
}


class NotStored(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@csrf_exempt  # no cookie is read: the Origin is checked, as it is for the socket
async def leave(request: HttpRequest) -> HttpResponse:
    """POST {widget, email, note?, conversation?, token?} -> 201 {"id": …}, or {"code", "text"} with a sentence."""
    origin = request.headers.get("Origin")
    if request.method == "OPTIONS":
        return await off_loop(_preflight)(origin)
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST, OPTIONS"})
    try:
        data = _read(request)
        widget = await off_loop(_widget_for)(data, origin)
        if not await limits.allow("contact", limits.address_of_request(request), settings.CHAT_QUESTIONS_PER_MINUTE):
            raise NotStored("rate_limited", 429)
        response = JsonResponse({"id": await off_loop(_store)(data, widget)}, status=201)
    except NotStored as refused:
        response = JsonResponse({"code": refused.code, "text": SENTENCES[refused.code]}, status=refused.status)
        if refused.code == "forbidden":
            return response
    return _readable_by(origin, response)


def _read(request: HttpRequest) -> dict[str, Any]:
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        raise NotStored("too_long", 413)
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        raise NotStored("bad_request") from None
    if not isinstance(data, dict) or not isinstance(data.get("widget"), str):
        raise NotStored("bad_request")
    return data


def _widget_for(data: dict[str, Any], origin: str | None) -> Widget:
    widget = Widget.objects.filter(key=clean(data["widget"])[:40], active=True).first()
    if widget is None or not is_allowed(origin, [*own_origins(), *widget.origins]):
        raise NotStored("forbidden", 403)
    return widget


def _store(data: dict[str, Any], widget: Widget) -> int:
    email, note = data.get("email"), data.get("note", "")
    if not isinstance(email, str) or not isinstance(note, str):
        raise NotStored("bad_request")
    email, note = clean(email), clean(note)
    if len(note) > MAX_NOTE_CHARS:
        raise NotStored("too_long")
    try:
        validate_email(email[:255])
    except ValidationError:
        raise NotStored("bad_email") from None
    stored = ContactRequest.objects.create(
        widget=widget, email=email[:254], note=note, conversation=_conversation(data, widget)
    )
    return stored.pk


def _conversation(data: dict[str, Any], widget: Widget) -> Conversation | None:
    """The conversation it belongs to, if the token proves that it is this visitor's."""
    token, conversation = data.get("token"), data.get("conversation")
    if not isinstance(token, str) or not isinstance(conversation, str):
        return None
    try:
        bearer, key = read_token(widget.key, token), UUID(conversation)
    except (BadToken, ValueError):
        return None
    return Conversation.objects.filter(pk=key, visitor_id=bearer.visitor).first()


def _preflight(origin: str | None) -> HttpResponse:
    """A browser asks before it posts from another site: yes for any site that some widget names."""
    rows = [row for widget in Widget.objects.filter(active=True) for row in widget.origins]
    if not is_allowed(origin, [*own_origins(), *rows]):
        return HttpResponse(status=403)
    return _readable_by(origin, HttpResponse(status=204))


def _readable_by(origin: str | None, response: HttpResponse) -> HttpResponse:
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Methods"] = "POST"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    response.headers["Vary"] = "Origin"
    return response
