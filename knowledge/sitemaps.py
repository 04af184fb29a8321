"""What search engines are told: every public article with its last change, and what is not for them."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from knowledge.freshness import revalidated
from knowledge.library import live_articles
from knowledge.models import Audience

ADDRESSES_A_PART = 10_000  # of 50,000 that may stand in one; each part is read whole
PUBLIC = (str(Audience.PUBLIC),)


def _base(request: HttpRequest) -> str:
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """The parts. Articles stand in the order of their keys: new ones come to the last."""
    parts = 1 + max(0, live_articles(PUBLIC).count() - 1) // ADDRESSES_A_PART
    places = [_base(request) + reverse("help-sitemap", args=[number]) for number in range(1, parts + 1)]
    return _xml(request, "help/sitemap_index.xml", {"places": places})


@require_safe
def part(request: HttpRequest, number: int) -> HttpResponse:
    begin = (number - 1) * ADDRESSES_A_PART
    rows = live_articles(PUBLIC).order_by("pk").values_list("slug", "live_revision__created")
    articles = list(rows[begin : begin + ADDRESSES_A_PART]) if number else []
    if not articles and number != 1:
        raise Http404("There is no such part.")
    return _xml(request, "help/sitemap.xml", {"base": _base(request), "articles": articles, "first": number == 1})


def _xml(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    return revalidated(request, render(request, template, context, content_type="application/xml"))


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """It names no address that only staff should know."""
    lines = [
        "User-agent: *", "Disallow: /chat/", "Disallow: /ws/", "Disallow: /help/?q=", "",
        f"Sitemap: {_base(request)}{reverse('sitemap')}",
    ]  # fmt: skip
    return revalidated(request, HttpResponse("\n".join(lines) + "\n", content_type="text/plain"))
