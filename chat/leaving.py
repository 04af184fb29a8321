"""Logging out where no socket is open: a page that ends its customer's session ends the chat's with it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from chat import doorbell
from chat.models import Widget
from chat.posts import NotTaken, take
from chat.tokens import BadToken
from chat.visitors import log_out, read_caller


@csrf_exempt  # chat.posts checks the Origin
async def leave(request: HttpRequest) -> HttpResponse:
    """POST {widget, token} -> 204: the token is good for nothing now, and whether it was before is told to nobody."""
    return await take(request, "logout", _end)


def _end(data: dict[str, Any], widget: Widget) -> HttpResponse:
    token = data.get("token")
    if not isinstance(token, str):
        raise NotTaken("bad_request", "Send JSON with widget and token.")
    try:
        left = log_out(widget, read_caller(widget, token).bearer)
    except BadToken:
        return HttpResponse(status=204)
    doorbell.ring_end(left.bearer, left.conversations)
    return HttpResponse(status=204)
