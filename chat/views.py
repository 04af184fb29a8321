"""The demo: a shop's page as a company would write it, with the widget on it; and what the widget reads of its row."""

from csp.constants import SELF
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin

from chat.conversations import find_widget
from chat.widget_files import for_all

SETTINGS_MINUTES = 1


def demo(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/shop.html")


def states(request: HttpRequest) -> HttpResponse:
    """The widget in every state it has, played by a script in the page: for whoever works on it, and for the tests."""
    return render(request, "demo/states.html")


@xframe_options_sameorigin
@csp_replace({"frame-ancestors": [SELF]})
def preview(request: HttpRequest) -> HttpResponse:
    """The widget as the form around it says, played by a script: for the admin's page of a widget."""
    return render(request, "demo/preview.html")


def widget_settings(request: HttpRequest, key: str) -> HttpResponse:
    """The public part of a widget's row; a key that names none is told so in words for whoever embeds it."""
    widget = find_widget(key)
    if widget is None:
        return for_all(JsonResponse({"text": "There is no such widget, or it is switched off."}, status=404), 0)
    return for_all(JsonResponse(widget.public(timezone.now())), SETTINGS_MINUTES)
