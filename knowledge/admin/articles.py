"""The list of articles and their form. Every button is a door to a verb of `publishing`."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.fields import BooleanField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from knowledge import publishing
from knowledge.admin.bulk import BulkPages
from knowledge.admin.columns import ArticleColumns
from knowledge.admin.editor import EditorPages
from knowledge.admin.filters import AttentionFilter, BulkFilter, LanguageFilter, OwnerFilter, UsageFilter
from knowledge.admin.findings import FindingPages
from knowledge.forms import ArticleForm
from knowledge.models import Article, Category, Revision


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "position")
    list_editable = ("position",)
    prepopulated_fields = {"slug": ("name",)}
    search_fields = ("name",)


@admin.register(Article)
class ArticleAdmin(BulkPages, FindingPages, ArticleColumns, EditorPages):  # type: ignore[misc]  # their media add up
    form = ArticleForm
    change_form_template = "admin/knowledge/article/change_form.html"
    fieldsets = (
        (None, {"fields": ("title", ("category", "language", "audience")), "classes": ("kb-head",)}),
        (
            "Address, owner and review",
            {"fields": (("slug", "owner", "review_date"),), "classes": ("collapse", "kb-facts")},
        ),
        (None, {"fields": ("body", "note", "seen", "key"), "classes": ("kb-text",)}),
    )
    list_filter = (
        AttentionFilter, "status", LanguageFilter, "category", OwnerFilter, UsageFilter, "audience", BulkFilter,
    )  # fmt: skip
    search_fields = ("title", "body")
    search_help_text = "Words of the title or the text"
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        """Without the texts in the list, where nobody reads them; else with whether the draft differs."""
        articles = super().get_queryset(request).select_related("category")
        if request.resolver_match and request.resolver_match.url_name == "knowledge_article_changelist":
            return articles.defer("body")
        same = Q(title=F("live_revision__title")) & Q(body=F("live_revision__body"))
        changed = Case(
            When(status=Article.Status.PUBLISHED, then=Case(When(same, then=Value(False)), default=Value(True))),
            default=Value(False),
            output_field=BooleanField(),
        )
        return articles.annotate(changed=changed)

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
