"""What editors narrow the list of articles by."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from knowledge import helpful, usage
from knowledge.indexing import MAX_ATTEMPTS
from knowledge.models import LANGUAGES, Article, BulkChange, Finding


def having(articles: QuerySet[Article], kind: str) -> QuerySet[Article]:
    """With an open finding of this kind, on either side of it."""
    found = Finding.objects.filter(kind=kind, dismissed_at=None).order_by()
    sides = found.values("article").union(found.filter(other__isnull=False).values("other"))
    return articles.filter(pk__in=sides)


def failed(articles: QuerySet[Article]) -> QuerySet[Article]:
    return articles.filter(index_attempts__gte=MAX_ATTEMPTS, status=Article.Status.PUBLISHED)


def overdue(articles: QuerySet[Article]) -> QuerySet[Article]:
    return articles.filter(review_date__lte=timezone.localdate()).exclude(status=Article.Status.ARCHIVED)


def changed(articles: QuerySet[Article]) -> QuerySet[Article]:
    """Published with another text than the draft. Texts are compared only where something was saved since."""
    live = articles.filter(status=Article.Status.PUBLISHED, updated__gt=F("live_revision__created"))
    return live.exclude(title=F("live_revision__title"), body=F("live_revision__body"))


class AttentionFilter(admin.SimpleListFilter):
    title = "attention"
    parameter_name = "attention"
    NEEDS = {
        "failed": ("Not embedded", failed),
        "review": ("Review is due", overdue),
        "disliked": (usage.NARROWINGS["disliked"], lambda articles: usage.narrow(articles, "disliked")),
        "unhelpful": ("Readers: not helpful", helpful.unhelpful),
        "contradiction": ("Says otherwise", lambda articles: having(articles, "contradiction")),
        "duplicate": ("Possible duplicate", lambda articles: having(articles, "overlap")),
        "links": ("Broken links", lambda articles: having(articles, "broken_link")),
        "questions": ("Lost test questions", lambda articles: having(articles, "test_question_lost")),
    }
    OTHERS = {"changed": ("Changed since published", changed)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = [(name, label) for name, (label, _) in (self.NEEDS | self.OTHERS).items()]
        return [("any", "Needs attention"), *kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        if self.value() == "any":
            plain = Article.objects.order_by()
            needing = [narrow(plain).values("pk") for _, narrow in self.NEEDS.values()]
            return queryset.filter(pk__in=needing[0].union(*needing[1:]))
        _, narrow = (self.NEEDS | self.OTHERS).get(self.value() or "", ("", None))
        return narrow(queryset) if narrow else queryset


class UsageFilter(admin.SimpleListFilter):
    title = "use"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, usage.NARROWINGS[name]) for name in ("uncited", "unretrieved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        return usage.narrow(queryset, self.value()) if self.value() in ("uncited", "unretrieved") else queryset


class LanguageFilter(admin.SimpleListFilter):
    """The languages that are written in, and not all that could be."""

    title = "language"
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        written = set(Article.objects.order_by().values_list("language", flat=True).distinct())
        return [(code, name) for code, name in LANGUAGES if code in written]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        return queryset.filter(language=self.value()) if self.value() else queryset


class OwnerFilter(admin.SimpleListFilter):
    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        owners = get_user_model().objects.filter(pk__in=Article.objects.order_by().values("owner"))
        named = [(str(pk), name) for pk, name in owners.order_by("username").values_list("pk", "username")[:100]]
        return [*named, ("none", "Nobody")] if named else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        if self.value() == "none":
            return queryset.filter(owner=None)
        return queryset.filter(owner=int(self.value())) if (self.value() or "").isdecimal() else queryset


class BulkFilter(admin.SimpleListFilter):
    """The articles of one change of many; offered only where such a list was asked for."""

    title = "change"
    parameter_name = "bulk"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name)
        return [(asked, "Articles of the last change")] if asked else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        if not self.value():
            return queryset
        try:
            change = BulkChange.objects.filter(pk=self.value()).first()
        except (ValidationError, ValueError):  # no key
            change = None
        return queryset.filter(pk__in=change.articles) if change else queryset.none()
