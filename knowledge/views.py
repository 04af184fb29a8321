"""The public help pages: what is live, for those who may read it. They work without JavaScript."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as Person
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from knowledge.models import Article, Audience, Category
from knowledge.rendering import to_html
from knowledge.retrieval import RetrievalError, address, find_passages

MAX_QUERY_CHARS = 200
RESULTS = 8
RELATED = 4
SNIPPET_CHARS = 240
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}


@dataclass(frozen=True, slots=True)
class Result:
    title: str
    heading: str
    url: str
    language: str
    snippet: str


def index(request: HttpRequest) -> HttpResponse:
    audiences = audiences_of(request.user)
    query = request.GET.get("q", "").replace("\0", "").strip()[:MAX_QUERY_CHARS]
    context = {"query": query, "results": search(query, audiences) if query else [], "groups": groups(audiences)}
    return render(request, "help/index.html", context)


def article(request: HttpRequest, slug: str) -> HttpResponse:
    """The live revision; 410 for what this reader could have seen before, 404 for what they may not know of.

    Title and body are the published ones; audience and language hold as soon as they are saved, as in the search.
    """
    audiences = audiences_of(request.user)
    found = Article.objects.select_related("live_revision", "category").filter(slug=slug).first()
    if found is None:
        raise Http404("There is no article at this address.")
    shown = found.live_revision or found.revisions.filter(audience__in=audiences).first()
    if shown is None or found.audience not in audiences:
        raise Http404("There is no article at this address.")
    related = live_articles(audiences).filter(category=found.category).exclude(pk=found.pk)[:RELATED]
    context = {"article": found, "revision": shown, "related": related, "rtl": found.language in RIGHT_TO_LEFT}
    if not found.is_live:
        return render(request, "help/withdrawn.html", context, status=410)
    return render(request, "help/article.html", {**context, "html": to_html(shown.body)})


def audiences_of(user: Person | AnonymousUser) -> tuple[str, ...]:
    """Staff may read everything; visitors what is public. Known customers meet their articles in the chat."""
    return tuple(str(each) for each in Audience.values) if user.is_active and user.is_staff else (str(Audience.PUBLIC),)


def live_articles(audiences: tuple[str, ...]) -> QuerySet[Article]:
    live = Article.objects.filter(status=Article.Status.PUBLISHED, audience__in=audiences)
    return live.select_related("live_revision").order_by("live_revision__title")


def groups(audiences: tuple[str, ...]) -> list[tuple[Category, list[Article]]]:
    """Categories in their order, each with its live articles; empty ones are left out."""
    by_category: dict[int, list[Article]] = {}
    for each in live_articles(audiences):
        by_category.setdefault(each.category_id, []).append(each)
    return [(category, by_category[category.pk]) for category in Category.objects.filter(pk__in=by_category)]


def search(query: str, audiences: tuple[str, ...]) -> list[Result]:
    """The best passage of each article found; titles alone where the articles cannot be searched."""
    try:
        passages = find_passages(query, audiences=audiences, limit=2 * RESULTS).passages
    except RetrievalError:
        return by_title(query, audiences)
    best = {passage.article_id: passage for passage in reversed(passages)}
    ordered = [passage for passage in passages if best[passage.article_id] is passage][:RESULTS]
    return [Result(p.title, p.heading, address(p.slug, p.anchor), p.language, shorten(p.text)) for p in ordered]


def by_title(query: str, audiences: tuple[str, ...]) -> list[Result]:
    named = live_articles(audiences).filter(live_revision__title__icontains=query)[:RESULTS]
    return [
        Result(each.live_revision.title, "", each.get_absolute_url(), each.live_revision.language, "") for each in named
    ]


def shorten(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SNIPPET_CHARS else words[:SNIPPET_CHARS].rsplit(" ", 1)[0] + "…"
