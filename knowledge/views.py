"""The public help pages: what is live, for those who may read it. They work without JavaScript."""

from functools import lru_cache
from typing import NamedTuple, TypedDict

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from knowledge import helpful, library
from knowledge.freshness import revalidated
from knowledge.markdown import Block, blocks
from knowledge.models import Article, Category
from knowledge.related import related
from knowledge.rendering import to_html
from supportbot import rates

MAX_QUERY_CHARS = 200
ARTICLES_A_PAGE = 30
RESULTS_A_PAGE = 10
HEADINGS_WORTH_A_LIST = 3
DESCRIPTION_CHARS = 155  # what search engines show below a title
VOTES_A_DAY = 20  # of one address for one article: a whole office may stand behind it
KEPT_TEXTS = 64
ABSENT = "There is no article at this address."


class Text(NamedTuple):
    """A body as it is shown."""

    html: str
    headings: list[Block]
    description: str


@lru_cache(maxsize=KEPT_TEXTS)
def text_of(body: str) -> Text:
    parts = blocks(body)
    headings = [part for part in parts if part.kind == "heading" and part.level == 2]
    told = " ".join(part.text for part in parts if part.kind == "paragraph")
    return Text(to_html(body), headings, library.shorten(told, DESCRIPTION_CHARS))


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()[:MAX_QUERY_CHARS]
    if query:
        return results(request, query)
    audiences = library.audiences_of(request.user)
    spoken = _spoken(request, audiences)
    context = {"shelves": library.shelves(audiences, spoken["language"]), **spoken}
    return revalidated(request, render(request, "help/index.html", context | _place(request, "help")))


def results(request: HttpRequest, query: str) -> HttpResponse:
    audiences = library.audiences_of(request.user)
    spoken = _spoken(request, audiences)
    context = {"query": query, **spoken}
    if not rates.allow("help-search", request, settings.HELP_SEARCHES_PER_MINUTE):
        response = render(request, "help/search.html", context | {"too_many": True}, status=429)
        response.headers["Retry-After"] = "60"
        return response
    found = library.search(query, audiences, spoken["language"])
    context |= {"page": _page(found.results, RESULTS_A_PAGE, request), "partly": found.partly}
    return revalidated(request, render(request, "help/search.html", context))


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    audiences = library.audiences_of(request.user)
    found = get_object_or_404(Category, slug=slug)
    live = library.live_articles(audiences)
    if not live.filter(category=found).exists():
        raise Http404("There is nothing to read here.")
    spoken = _spoken(request, audiences, found)
    listed = library.live_articles(audiences, spoken["language"]).filter(category=found)
    page = _page(listed, ARTICLES_A_PAGE, request)
    context = {"category": found, "page": page, **spoken, **_place(request, "help-category", slug)}
    return revalidated(request, render(request, "help/category.html", context))


@require_safe
def article(request: HttpRequest, slug: str) -> HttpResponse:
    """The live revision; 410 for what this reader could have seen before, 404 for what they may not know of.

    Title and body are the published ones; audience and language hold as soon as they are saved, as in the search.
    """
    audiences = library.audiences_of(request.user)
    found = Article.objects.select_related("live_revision", "category").defer("body").filter(slug=slug).first()
    if found is None:
        raise Http404(ABSENT)
    shown = found.live_revision or found.revisions.filter(audience__in=audiences).first()
    if shown is None or found.audience not in audiences:
        raise Http404(ABSENT)
    context = {"article": found, "revision": shown, "rtl": found.language in library.RIGHT_TO_LEFT}
    context |= {"related": related(found, audiences), "spoken": library.own_name(found.language)}
    if not found.is_live:
        return render(request, "help/withdrawn.html", context, status=410)
    text = text_of(shown.body)
    context |= {"text": text, "contents": text.headings if len(text.headings) >= HEADINGS_WORTH_A_LIST else []}
    context |= {"voted": _voted(request, found), "edit": _edit_address(request, found)}
    context |= _place(request, "help-article", slug)
    return revalidated(request, render(request, "help/article.html", context))


@require_POST
def vote(request: HttpRequest, slug: str) -> HttpResponse:
    """Was it helpful? Back to the article, which says what was kept."""
    audiences = library.audiences_of(request.user)
    found = get_object_or_404(library.live_articles(audiences), slug=slug)
    said = request.POST.get("helpful")
    if said not in ("yes", "no"):
        return render(request, "help/not_taken.html", {"article": found}, status=400)
    many = rates.allow("help-vote", request, settings.HELP_VOTES_PER_MINUTE)
    if not many or not rates.allow(f"help-vote:{found.pk}", request, VOTES_A_DAY, seconds=86_400):
        response = render(request, "help/not_taken.html", {"article": found, "too_many": True}, status=429)
        response.headers["Retry-After"] = "60"
        return response
    visitor = request.COOKIES.get(helpful.COOKIE, "")
    if not 0 < len(visitor) <= helpful.MAX_COOKIE_CHARS:
        visitor = helpful.new_visitor()
    helpful.vote(found, visitor, said == "yes")
    response = HttpResponseRedirect(f"{found.get_absolute_url()}#helpful", status=303)
    response.set_cookie(
        helpful.COOKIE, visitor, max_age=helpful.COOKIE_DAYS * 86_400, path=reverse("help"), secure=settings.HTTPS,
        httponly=True, samesite="Lax",
    )  # fmt: skip
    return response


def _voted(request: HttpRequest, found: Article) -> bool | None:
    visitor = request.COOKIES.get(helpful.COOKIE)
    return helpful.vote_of(found, visitor) if visitor else None


def _edit_address(request: HttpRequest, found: Article) -> str:
    """Where staff who may change it do so; "" for everybody else."""
    may = request.user.is_staff and request.user.has_perm("knowledge.change_article")
    return reverse("admin:knowledge_article_change", args=[found.pk]) if may else ""


class Spoken(TypedDict):
    languages: list[tuple[str, str]]
    language: str


def _spoken(request: HttpRequest, audiences: tuple[str, ...], within: Category | None = None) -> Spoken:
    """The languages to choose from, and the chosen one; "" for all."""
    languages = library.languages(audiences, within)
    chosen = request.GET.get("language", "")
    return {"languages": languages, "language": chosen if chosen in dict(languages) else ""}


def _page(rows: object, size: int, request: HttpRequest) -> Page:
    """The page that is asked for, or the nearest there is."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def _place(request: HttpRequest, name: str, *args: str) -> dict[str, str]:
    """The one address of a page, whatever it was asked by; pages of a list have one each."""
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    number = request.GET.get("page", "")
    more = f"?page={number}" if number.isdecimal() and number != "1" else ""
    return {"canonical": f"{base}{reverse(name, args=args)}{more}"}
