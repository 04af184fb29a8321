"""The columns of the list of articles. What is counted is counted for the articles of one page, each in one query."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from knowledge.helpful import Votes, votes
from knowledge.indexing import MAX_ATTEMPTS, active_cut
from knowledge.models import Article, Audience, Chunk, Finding
from knowledge.usage import DAYS, Usage, usage

MAX_SEARCH_CHARS, MAX_SEARCH_WORDS = 200, 8
PLACE = {"title": "Articles", "is_nav_sidebar_enabled": False}


class ArticleList(ChangeList):
    """The page's rows get what their columns show: passages, use, findings, and who changed them last."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = rows = list(self.result_list)  # type: ignore[has-type]
        keys = [article.pk for article in rows]
        passages, used, found, by = _passages(keys), usage(keys), _findings(keys), _changed_by(keys)
        read = votes(keys)
        same = set(
            Article.objects.filter(pk__in=keys, title=F("live_revision__title"), body=F("live_revision__body"))
            .order_by()
            .values_list("pk", flat=True)
        )
        for article in rows:
            article.passages = passages.get(article.pk, 0)
            article.usage = used.get(article.pk, Usage())
            article.read = read.get(article.pk, Votes())
            article.open_findings = found.get(article.pk, 0)
            article.changed_by = by.get(str(article.pk), "")
            article.changed = article.is_live and article.pk not in same


def _passages(keys: list[UUID]) -> dict[UUID, int]:
    live = Chunk.objects.filter(article__in=keys, live=True, cut=active_cut()).order_by()
    return dict(live.values("article").annotate(count=Count("pk")).values_list("article", "count"))


def _findings(keys: list[UUID]) -> dict[UUID, int]:
    counts: dict[UUID, int] = {}
    for side in ("article", "other"):
        found = Finding.objects.filter(**{f"{side}__in": keys}, dismissed_at=None).order_by()
        for key, count in found.values(side).annotate(count=Count("pk")).values_list(side, "count"):
            counts[key] = counts.get(key, 0) + count
    return counts


def _changed_by(keys: list[UUID]) -> dict[str, str]:
    """Who wrote last, as the log of the admin has it."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Article), object_id__in=[str(key) for key in keys]
    ).order_by("object_id", "-pk")
    return dict(entries.distinct("object_id").values_list("object_id", "user__username"))


def _share(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} % ({whole:,})" if whole else "–"


class ArticleColumns(admin.ModelAdmin):
    list_display = (
        "headline", "state", "language", "category", "passages", "cited", "helpful", "readers", "review", "changed_at",
    )  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ArticleList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ten columns and the filters want the room of the sidebar."""
        return super().changelist_view(request, PLACE | (extra_context or {}))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Article], search_term: str
    ) -> tuple[QuerySet[Article], bool]:
        """By the first words that were typed: each is looked for in every text."""
        few = " ".join(search_term[:MAX_SEARCH_CHARS].split()[:MAX_SEARCH_WORDS])
        return super().get_search_results(request, queryset, few)

    @admin.display(description="Title", ordering="title")
    def headline(self, article: Any) -> str:
        if not article.open_findings:
            return article.title
        many = "findings" if article.open_findings > 1 else "finding"
        return format_html('{} <span class="kb-chip kb-waiting">{} {}</span>', article, article.open_findings, many)

    @admin.display(description="State", ordering="status")
    def state(self, article: Any) -> str:
        kind, label = article.status, article.get_status_display()
        if article.is_live:
            kind, label = ("live", "Live") if article.answerable_at else ("moving", "Embedding")
            if article.index_attempts >= MAX_ATTEMPTS:
                kind, label = "failed", "Not embedded"
        edited = format_html(' <span class="kb-chip kb-changed">{}</span>', "Changed") if article.changed else ""
        closed = "" if article.audience == Audience.PUBLIC else article.get_audience_display()
        who = format_html(' <span class="kb-chip">{}</span>', closed) if closed else ""
        return format_html('<span class="kb-chip kb-{}">{}</span>{}{}', kind, label, edited, who)

    @admin.display(description="Passages")
    def passages(self, article: Any) -> str:
        return str(article.passages) if article.is_live else "–"

    @admin.display(description=f"Cited {DAYS} d")
    def cited(self, article: Any) -> str:
        return f"{article.usage.cited:,}"

    @admin.display(description="Answers helped")
    def helpful(self, article: Any) -> str:
        return _share(article.usage.helpful, article.usage.rated)

    @admin.display(description="Readers helped")
    def readers(self, article: Any) -> str:
        """What they said on the help page itself."""
        return _share(article.read.helpful, article.read.in_all)

    @admin.display(description="Review due", ordering="review_date")
    def review(self, article: Article) -> str:
        if article.review_date is None:
            return "–"
        late = article.review_date <= timezone.localdate()
        return format_html('<span class="{}">{}</span>', "kb-late" if late else "", article.review_date)

    @admin.display(description="Updated", ordering="updated")
    def changed_at(self, article: Any) -> str:
        at = timezone.localtime(article.updated).strftime("%Y-%m-%d %H:%M")
        if not article.changed_by:
            return at
        history = reverse("admin:knowledge_article_revisions", args=[article.pk])
        return format_html('<a href="{}">{}</a><br><span class="kb-note">{}</span>', history, at, article.changed_by)
