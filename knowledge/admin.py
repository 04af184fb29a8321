"""Where staff write articles. Every button is a door to a verb of `publishing`."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.fields import BooleanField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from knowledge import publishing
from knowledge.chunking import TooManyPieces, split
from knowledge.forms import ArticleForm
from knowledge.index_state import index_state
from knowledge.indexing import MAX_ATTEMPTS
from knowledge.models import MAX_BODY_CHARS, Article, Category, Revision
from knowledge.publishing import PublishingError, storable
from knowledge.rendering import to_html
from knowledge.revisions import changes

VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "publish": (publishing.publish_saved, "published"),
    "unpublish": (publishing.unpublish, "unpublished: customers see it no longer"),
    "archive": (publishing.archive, "archived: customers see it no longer"),
    "reembed": (publishing.reembed, "embedded again"),
}
REVISIONS_A_PAGE = 50


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
class ArticleAdmin(admin.ModelAdmin):
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

    class Media:
        css = {"all": ("admin/knowledge/articles.css",)}
        js = ("admin/knowledge/state.js", "admin/knowledge/editor.js")

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

    # --- Pages beside the form --------------------------------------------------------------------------------------

    def get_urls(self) -> Sequence[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(address, self.admin_site.admin_view(view), name=f"knowledge_article_{name}")

        return [
            page("preview/", require_POST(self.preview), "preview"),
            page("<uuid:key>/state/", self.index_state, "state"),
            page("<uuid:key>/revisions/", self.revisions, "revisions"),
            page("<uuid:key>/revisions/<uuid:revision_key>/restore/", require_POST(self.restore), "restore"),
            page("<uuid:key>/do/<slug:verb>/", require_POST(self.do), "do"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        article = self.get_object(request, object_id)
        if article is not None:
            extra_context = (extra_context or {}) | {"index": index_state(article), "article": article}
        return super().change_view(request, object_id, form_url, extra_context)

    def view_on_site(self, article: Article) -> str | None:
        return article.get_absolute_url() if article.is_live else None

    def index_state(self, request: HttpRequest, key: object) -> HttpResponse:
        return JsonResponse(index_state(self._article(request, key)).as_json())

    def preview(self, request: HttpRequest) -> HttpResponse:
        """How customers will see a text that is being written, and how it will be cut into passages."""
        if not (self.has_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        title, body = storable(request.POST.get("title", "")), storable(request.POST.get("body", ""))
        if len(body) > MAX_BODY_CHARS:
            return JsonResponse({"error": f"The text is longer than {MAX_BODY_CHARS:,} characters."}, status=400)
        try:
            pieces = split(title, body)
        except TooManyPieces as error:
            return JsonResponse({"error": str(error)}, status=400)
        passages = [{"heading": piece.heading, "text": piece.text} for piece in pieces]
        return JsonResponse({"html": to_html(body, ids=False), "passages": passages})

    def revisions(self, request: HttpRequest, key: object) -> HttpResponse:
        article = self._article(request, key)
        revisions = list(article.revisions.select_related("author").defer("body")[:REVISIONS_A_PAGE])
        chosen = _chosen(article, request.GET.get("revision", ""))
        previous = chosen and article.revisions.filter(number__lt=chosen.number).first()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Revisions of {article}",
            "opts": self.opts,
            "article": article,
            "revisions": revisions,
            "chosen": chosen,
            "previous": previous,
            "lines": changes(chosen, previous) if chosen else [],
            "may_change": self.has_change_permission(request, article),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/knowledge/article/revisions.html", context)

    def restore(self, request: HttpRequest, key: object, revision_key: object) -> HttpResponse:
        article = self._article(request, key, change=True)
        revision = get_object_or_404(Revision, pk=revision_key, article=article)
        publishing.restore(revision=revision, by=request.user)
        self.log_change(request, article, f"Restored revision {revision.number} as the draft.")
        text = f"The text of revision {revision.number} is the draft now. Publish it to show it to customers."
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:knowledge_article_change", args=[article.pk]))

    def do(self, request: HttpRequest, key: object, verb: str) -> HttpResponse:
        article = self._article(request, key, change=True)
        if verb not in VERBS:
            raise Http404
        call, done = VERBS[verb]
        try:
            call(article=article, by=request.user)
        except PublishingError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, article, f"{verb.capitalize()}.")
            self.message_user(request, f"The article was {done}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:knowledge_article_change", args=[article.pk]))

    def _article(self, request: HttpRequest, key: object, *, change: bool = False) -> Article:
        article = get_object_or_404(self.get_queryset(request), pk=key)
        allowed = self.has_change_permission if change else self.has_view_or_change_permission
        if not allowed(request, article):
            raise PermissionDenied
        return article


def _chosen(article: Article, number: str) -> Revision | None:
    """The revision that the page was asked for, else the newest."""
    revisions = article.revisions.all()
    if number.isdecimal() and len(number) < 10:
        return revisions.filter(number=int(number)).first() or revisions.first()
    return revisions.first()
