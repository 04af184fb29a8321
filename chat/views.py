"""The demo: a shop's page as a company would write it, with the widget on it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def demo(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/shop.html")


def states(request: HttpRequest) -> HttpResponse:
    """The widget in every state it has, played by a script in the page: for whoever works on it, and for the tests."""
    return render(request, "demo/states.html")
