"""What managers narrow the list of conversations by."""

from uuid import UUID

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chat.models import Conversation, Message, Review
from knowledge.models import Article


def having(conversations: QuerySet[Conversation], **answer: object) -> QuerySet[Conversation]:
    """Conversations with an answer of the bot like this."""
    answers = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.BOT, **answer)
    return conversations.filter(Exists(answers))


class OutcomeFilter(admin.SimpleListFilter):
    title, parameter_name = _("outcome"), "outcome"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [*Message.Outcome.choices, ("failed", "Failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if self.value() == "failed":
            return having(queryset, status=Message.Status.FAILED)
        return having(queryset, outcome=self.value()) if self.value() else queryset


class RatingFilter(admin.SimpleListFilter):
    title, parameter_name = _("rating"), "rating"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("1", "Helpful"), ("-1", "Not helpful"), ("none", "Not rated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if self.value() == "none":
            return queryset.exclude(pk__in=having(queryset.order_by(), rating__isnull=False).values("pk"))
        return having(queryset, rating__score=self.value()) if self.value() else queryset


class AdapterFilter(admin.SimpleListFilter):
    title, parameter_name = _("adapter"), "adapter"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        names = (
            Message.objects.exclude(adapter="").order_by("adapter").values_list("adapter", flat=True).distinct()[:50]
        )
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        return having(queryset, adapter=self.value()) if self.value() else queryset


class CitedFilter(admin.SimpleListFilter):
    """Narrows by one article, by a link from its page; without one it is not offered, since articles are many."""

    title, parameter_name = _("cited article"), "cited"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        try:
            article = Article.objects.filter(pk=UUID(request.GET.get(self.parameter_name, ""))).first()
        except ValueError:
            return []
        return [(str(article.pk), article.title)] if article else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if not self.value():
            return queryset
        return having(queryset, passages__cited=True, passages__revision__article=self.value())


class ReviewFilter(admin.SimpleListFilter):
    title, parameter_name = _("review"), "review"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("none", "Has an unreviewed answer"), *Review.Verdict.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if self.value() == "none":
            return having(queryset, review__isnull=True, status__in=["done", "failed"])
        return having(queryset, review__verdict=self.value()) if self.value() else queryset
