"""What a reader of the help pages may see, and in which order. Texts are read only where they are shown."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as Person
from django.db.models import Count, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import get_language_info

from knowledge.languages import language_of
from knowledge.models import LANGUAGES, Article, Audience, Category
from knowledge.retrieval import RetrievalError, address, find_passages

RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}
PREVIEWED = 5  # articles of a category on the first page
MOST_RESULTS = 40
SNIPPET_CHARS = 240
NAMES = dict(LANGUAGES)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category with its first articles, and how many it has."""

    category: Category
    articles: list[Article]
    count: int


@dataclass(frozen=True, slots=True)
class Result:
    title: str
    heading: str
    url: str
    language: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Found:
    """`partly` says that the search by meaning was away, and words or titles alone were compared."""

    results: list[Result]
    partly: bool = False


def audiences_of(user: Person | AnonymousUser) -> tuple[str, ...]:
    """Staff may read everything; visitors what is public. Known customers meet their articles in the chat."""
    return tuple(str(each) for each in Audience.values) if user.is_active and user.is_staff else (str(Audience.PUBLIC),)


def live_articles(audiences: tuple[str, ...], language: str = "") -> QuerySet[Article]:
    """In the order of their titles, without their texts."""
    live = Article.objects.filter(status=Article.Status.PUBLISHED, audience__in=audiences)
    live = live.filter(language=language) if language else live
    return live.select_related("live_revision").defer("body", "live_revision__body").order_by("live_revision__title")


def shelves(audiences: tuple[str, ...], language: str = "") -> list[Shelf]:
    """Categories in their order, each with its first live articles; empty ones are left out. Two queries."""
    live = live_articles(audiences, language)
    first = live.annotate(
        place=Window(RowNumber(), partition_by="category_id", order_by="live_revision__title")
    ).filter(place__lte=PREVIEWED)
    by_category: dict[int, list[Article]] = {}
    for each in first:
        by_category.setdefault(each.category_id, []).append(each)
    meant = Q(articles__status=Article.Status.PUBLISHED, articles__audience__in=audiences)
    meant &= Q(articles__language=language) if language else Q()
    counted = Category.objects.annotate(count=Count("articles", filter=meant)).filter(count__gt=0)
    return [Shelf(each, by_category.get(each.pk, []), each.count) for each in counted]


def languages(audiences: tuple[str, ...], category: Category | None = None) -> list[tuple[str, str]]:
    """(code, its own name) of the languages that there is something to read in."""
    live = Article.objects.filter(status=Article.Status.PUBLISHED, audience__in=audiences).order_by()
    live = live.filter(category=category) if category else live
    written = set(live.values_list("language", flat=True).distinct())
    return [(code, own_name(code)) for code, _ in LANGUAGES if code in written]


def own_name(language: str) -> str:
    try:
        return str(get_language_info(language)["name_local"]).capitalize()
    except KeyError:
        return NAMES.get(language, language)


def search(query: str, audiences: tuple[str, ...], language: str = "") -> Found:
    """The best passage of each article found, by the same retrieval as the chat's; titles alone where that is away."""
    try:
        found = find_passages(
            query,
            audiences=audiences,
            language=language or language_of(query),
            only_language=bool(language),
            limit=2 * MOST_RESULTS,
        )
    except RetrievalError:
        return Found(by_title(query, audiences, language), partly=True)
    best = {passage.article_id: passage for passage in reversed(found.passages)}
    ordered = [passage for passage in found.passages if best[passage.article_id] is passage][:MOST_RESULTS]
    results = [Result(p.title, p.heading, address(p.slug, p.anchor), p.language, shorten(p.text)) for p in ordered]
    return Found(results, partly=bool(found.degraded))


def by_title(query: str, audiences: tuple[str, ...], language: str = "") -> list[Result]:
    named = live_articles(audiences, language).filter(live_revision__title__icontains=query)[:MOST_RESULTS]
    return [
        Result(each.live_revision.title, "", each.get_absolute_url(), each.live_revision.language, "") for each in named
    ]


def shorten(text: str, most: int = SNIPPET_CHARS) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else words[:most].rsplit(" ", 1)[0] + "…"
