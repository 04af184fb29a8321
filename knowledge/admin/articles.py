"""The list of articles and their form. Every button is a door to a verb of `publishing`."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.fields import BooleanField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from knowledge import publishing
from knowledge.admin.editor import VERBS, EditorPages
from knowledge.forms import ArticleForm
from knowledge.indexing import MAX_ATTEMPTS
from knowledge.models import Article, Category, Revision
from knowledge.publishing import PublishingError


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "position")
    list_editable = ("position",)
    prepopulated_fields = {"slug": ("name",)}
    search_fields = ("name",)


class AttentionFilter(admin.SimpleListFilter):
    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "Not embedded"), ("changed", "Changed since published"), ("review", "Review is due")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        match self.value():
            case "failed":
                return queryset.filter(index_attempts__gte=MAX_ATTEMPTS, status=Article.Status.PUBLISHED)
            case "changed":
                return queryset.filter(changed=True)
            case "review":
                return queryset.filter(review_date__lte=timezone.localdate()).exclude(status=Article.Status.ARCHIVED)
        return queryset


def _verb_action(verb: str, label: str) -> Callable[..., None]:
    """A list action that does one verb to each chosen article."""

    @admin.action(description=label, permissions=["change"])
    def act(self: "ArticleAdmin", request: HttpRequest, queryset: QuerySet[Article]) -> None:
        call, done = VERBS[verb]
        count = 0
        for article in queryset.order_by("pk"):
            try:
                call(article=article, by=request.user)
            except PublishingError as error:
                self.message_user(request, f"{article}: {error}", messages.ERROR)
            else:
                self.log_change(request, article, f"{verb.capitalize()}.")
                count += 1
        if count:
            self.message_user(request, f"{count} article{'s were' if count > 1 else ' was'} {done}.", messages.SUCCESS)

    act.__name__ = f"{verb}_chosen"
    return act


@admin.register(Article)
class ArticleAdmin(EditorPages):
    form = ArticleForm
    change_form_template = "admin/knowledge/article/change_form.html"
    fieldsets = (
        (None, {"fields": ("title", ("category", "language", "audience")), "classes": ("kb-head",)}),
        (
            "Address, owner and review",
            {"fields": (("slug", "owner", "review_date"),), "classes": ("collapse", "kb-facts")},
        ),
        (None, {"fields": ("body", "note", "seen"), "classes": ("kb-text",)}),
    )
    list_display = ("title", "state", "category", "language", "audience", "review", "updated")
    list_filter = (AttentionFilter, "status", "language", "category", "audience")
    search_fields = ("title", "body")
    search_help_text = "Words of the title or the text"
    list_per_page = 50
    show_full_result_count = False
    actions = (
        _verb_action("publish", "Publish chosen articles"),
        _verb_action("unpublish", "Unpublish chosen articles"),
        _verb_action("archive", "Archive chosen articles"),
        _verb_action("reembed", "Embed chosen articles again"),
    )

    # --- The list ---------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        same = Q(title=F("live_revision__title")) & Q(body=F("live_revision__body"))
        changed = Case(
            When(status=Article.Status.PUBLISHED, then=Case(When(same, then=Value(False)), default=Value(True))),
            default=Value(False),
            output_field=BooleanField(),
        )
        return super().get_queryset(request).select_related("category").annotate(changed=changed)

    @admin.display(description="State", ordering="status")
    def state(self, article: Article) -> str:
        kind, label = article.status, article.get_status_display()
        if article.is_live:
            kind, label = ("live", "Live") if article.answerable_at else ("moving", "Embedding")
            if article.index_attempts >= MAX_ATTEMPTS:
                kind, label = "failed", "Not embedded"
        edited = format_html(' <span class="kb-chip kb-changed">{}</span>', "Changed") if article.changed else ""
        return format_html('<span class="kb-chip kb-{}">{}</span>{}', kind, label, edited)

    @admin.display(description="Review", ordering="review_date")
    def review(self, article: Article) -> str:
        if article.review_date is None:
            return "–"
        late = article.review_date <= timezone.localdate()
        return format_html('<span class="{}">{}</span>', "kb-late" if late else "", article.review_date)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the four little buttons beside a category: they leave it no room."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "owner":
            kwargs["queryset"] = get_user_model().objects.filter(is_staff=True, is_active=True).order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # --- Saving and deleting ----------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Article, form: ArticleForm, change: bool) -> None:
        if "_publish" in request.POST:
            publishing.publish(article=obj, by=request.user, note=form.cleaned_data["note"])
        else:
            publishing.save_draft(article=obj, by=request.user)

    def delete_model(self, request: HttpRequest, obj: Article) -> None:
        publishing.delete(article=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        for article in queryset:
            publishing.delete(article=article, by=request.user)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the page that asks twice lists: articles by name, and not each of their passages and vectors."""
        articles = list(objs)
        revisions = Revision.objects.filter(article__in=articles).count()
        needed = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        return [str(article) for article in articles], {"articles": len(articles), "revisions": revisions}, needed, []

    def response_add(self, request: HttpRequest, obj: Article, post_url_continue: str | None = None) -> HttpResponse:
        return self._stay(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Article) -> HttpResponse:
        return self._stay(request, obj) or super().response_change(request, obj)

    def _stay(self, request: HttpRequest, article: Article) -> HttpResponse | None:
        """Saving and publishing leave the writer where they are, to see the article become answerable."""
        if not {"_save", "_publish"} & request.POST.keys() or "_popup" in request.POST:
            return None
        if "_publish" in request.POST:
            text = f"Published as revision {article.live_revision.number}."
        elif article.is_live:
            text = "Draft saved. Customers see the published text until you publish."
        else:
            text = "Draft saved."
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:knowledge_article_change", args=[article.pk]))
