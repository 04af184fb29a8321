"""The chat alone on a page, to be framed: by the sites that the widget's row names, and by nobody else."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from chat.conversations import find_widget
from chat.models import Widget
from chat.origins import DEFAULT_PORTS, parse_origin
from chat.widget_settings import LANGUAGES

THEMES = ("light", "dark")


def page(request: HttpRequest, key: str) -> HttpResponse:
    """`?lang=` and `?theme=` are what the framing page says of itself; a browser's languages come after."""
    widget = find_widget(key)
    if widget is None:
        return HttpResponseNotFound("There is no such widget, or it is switched off.", content_type="text/plain")
    theme = request.GET.get("theme", "")
    context = {"widget": widget, "language": language_of(request), "theme": theme if theme in THEMES else ""}
    response = render(request, "demo/frame.html", context)
    if ancestors := framers(widget):
        response._csp_replace = {"frame-ancestors": ancestors}  # read by django-csp
        response.xframe_options_exempt = True  # it cannot name sites
    patch_vary_headers(response, ["Accept-Language"])
    return response


def framers(widget: Widget) -> list[str]:
    """The origins that may frame it, written anew from their parts: a row that is malformed allows nobody."""
    found = [origin for row in widget.origins if (origin := parse_origin(row.rstrip("/")))]
    return [
        f"{one.scheme}://{one.host}" + (f":{one.port}" if one.port != DEFAULT_PORTS[one.scheme] else "")
        for one in found
        if not one.host.startswith("[")  # a policy has no form for these
    ]


def language_of(request: HttpRequest) -> str:
    wanted = [
        request.GET.get("lang", ""),
        *(tag for tag, _ in parse_accept_lang_header(request.headers.get("Accept-Language", ""))),
    ]
    return next((tag[:2].lower() for tag in wanted if tag[:2].lower() in LANGUAGES), "en")
