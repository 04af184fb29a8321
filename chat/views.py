"""The demo: a shop's page as a company would write it, with the widget on it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def demo(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/shop.html")
