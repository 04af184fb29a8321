"""What a page may post beside the socket, from the sites of a widget: read, checked and answered the same way."""

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from chat import limits
from chat.events import clean
from chat.models import Widget
from chat.origins import is_allowed, own_origins
from chat.storage import off_loop

MAX_BODY_BYTES = 16_384
SENTENCES = {
    "bad_request": "Send JSON with the fields that docs/protocol.md names.",
    "too_long": "That is more than can be taken at once.",
    "rate_limited": "That was a lot at once. Please wait a minute and try again.",
    "forbidden": "This site may not use this chat.",
}


class NotTaken(Exception):
    """`text` is a sentence for whoever sees it; one of SENTENCES unless it is given."""

    def __init__(self, code: str, text: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or SENTENCES[code]
        self.status = status


async def take(request: HttpRequest, kind: str, act: Callable[[dict[str, Any], Widget], HttpResponse]) -> HttpResponse:
    """`act` on a JSON object that names its widget; its NotTaken becomes {"code", "text"}. `kind` is counted apart.

    No cookie is read, so no other site can post in somebody's name: the Origin is checked, as it is for the socket.
    """
    origin = request.headers.get("Origin")
    if request.method == "OPTIONS":
        return await off_loop(_preflight)(origin)
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST, OPTIONS"})
    try:
        data = _read(request)
        widget = await off_loop(_widget_for)(data, origin)
        if not await limits.allow(kind, limits.address_of_request(request), settings.CHAT_QUESTIONS_PER_MINUTE):
            raise NotTaken("rate_limited", status=429)
        response = await off_loop(act)(data, widget)
    except NotTaken as refused:
        response = JsonResponse({"code": refused.code, "text": refused.text}, status=refused.status)
        if refused.code == "forbidden":
            return response
    return _readable_by(origin, response)


def _read(request: HttpRequest) -> dict[str, Any]:
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        raise NotTaken("too_long", status=413)
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        raise NotTaken("bad_request") from None
    if not isinstance(data, dict) or not isinstance(data.get("widget"), str):
        raise NotTaken("bad_request")
    return data


def _widget_for(data: dict[str, Any], origin: str | None) -> Widget:
    widget = Widget.objects.filter(key=clean(data["widget"])[:40], active=True).first()
    if widget is None or not is_allowed(origin, [*own_origins(), *widget.origins]):
        raise NotTaken("forbidden", status=403)
    return widget


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
