"""Changes of many articles from the list: chosen there, confirmed, and followed on a page of their own."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from knowledge import bulk, bulk_tasks, exports
from knowledge.bulk import BulkError
from knowledge.models import Article, BulkChange
from supportbot import audit

HERE = 200  # articles; more are a worker's
HERE_SECONDS = 5.0  # the rest of what takes longer is a worker's too
TITLES = 10  # shown before it is confirmed


def _action(verb: str) -> Callable[..., HttpResponse | None]:
    @admin.action(description=BulkChange.Verb(verb).label, permissions=["change"])
    def act(self: "BulkPages", request: HttpRequest, queryset: QuerySet[Article]) -> HttpResponse | None:
        keys = list(queryset.order_by("title", "pk").values_list("pk", flat=True))
        try:
            change = bulk.ask(verb=verb, articles=keys, by=request.user)
        except BulkError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        return HttpResponseRedirect(reverse("admin:knowledge_article_bulk", args=[change.pk]))

    act.__name__ = f"{verb}_chosen"
    return act


@admin.action(description="Export as Markdown", permissions=["view"])
def export_chosen(admin_: "BulkPages", request: HttpRequest, queryset: QuerySet[Article]) -> HttpResponseBase:
    keys = list(queryset.order_by().values_list("pk", flat=True))
    audit.record("exported", request=request, kind="knowledge.article", object=f"{len(keys)} articles as Markdown")
    chosen = Article.objects.filter(pk__in=keys)
    response = StreamingHttpResponse(exports.sent(exports.as_zip(chosen)), content_type="application/zip")
    stamp = timezone.localtime().strftime("%Y-%m-%d-%H%M")
    response["Content-Disposition"] = f'attachment; filename="articles-{stamp}.zip"'
    return response


class BulkPages(admin.ModelAdmin):
    actions = (*(_action(verb) for verb in BulkChange.Verb.values), export_chosen)

    def get_urls(self) -> Sequence[URLPattern]:
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.bulk))
        return [path("bulk/<uuid:key>/", view, name="knowledge_article_bulk"), *super().get_urls()]

    def bulk(self, request: HttpRequest, key: object) -> HttpResponse:
        """Before it is confirmed: how many, and what it does. After: how far it is, and what could not be done."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        change = get_object_or_404(BulkChange, pk=key)
        if request.method == "POST" and change.confirmed_at is None:
            try:
                bulk.confirm(change=change, value=request.POST.get("value", ""), by=request.user)
            except BulkError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                # Each article is noted when its turn comes, by a worker perhaps, which knows no address.
                about = {"kind": "knowledge.bulkchange", "object_id": str(change.pk), "object": str(change)}
                audit.record("confirmed", request=request, **about)
                return self._begin(request, change)
            return HttpResponseRedirect(request.path)
        return TemplateResponse(request, "admin/knowledge/article/bulk.html", self._bulk_context(request, change))

    def _begin(self, request: HttpRequest, change: BulkChange) -> HttpResponse:
        """Few articles are changed here and now, and the list is shown again; many go to a worker."""
        finished = len(change.articles) <= HERE and bulk.carry_out(change.pk, seconds=HERE_SECONDS)
        if not finished:
            bulk_tasks.hint(change.pk)
            return HttpResponseRedirect(reverse("admin:knowledge_article_bulk", args=[change.pk]))
        change.refresh_from_db()
        if change.done:
            self.message_user(request, _told(change), messages.SUCCESS)
        if change.failed:
            self.message_user(request, _not_done(change), messages.ERROR)
        for failure in change.failures:
            self.message_user(request, f"{failure['title'] or 'An article'}: {failure['reason']}", messages.ERROR)
        return HttpResponseRedirect(reverse("admin:knowledge_article_changelist"))

    def _bulk_context(self, request: HttpRequest, change: BulkChange) -> dict[str, Any]:
        total, shown = len(change.articles), change.articles[:TITLES]
        titles = dict(Article.objects.filter(pk__in=shown).values_list("pk", "title"))
        return {
            **self.admin_site.each_context(request),
            "is_nav_sidebar_enabled": False,
            "title": change.get_verb_display(),
            "opts": self.opts,
            "media": self.media,
            "change": change,
            "total": total,
            "handled": change.done + change.failed,
            "titles": [titles[key] for key in shown if key in titles],
            "more": max(0, total - TITLES),
            "effect": bulk.EFFECTS[BulkChange.Verb(change.verb)],
            "choices": bulk.choices(change.verb),
            "told": _told(change),
            "untold": change.failed - len(change.failures),
        }


def _told(change: BulkChange) -> str:
    """What was done, with a link to the articles."""
    many = "articles were" if change.done != 1 else "article was"
    address = reverse("admin:knowledge_article_changelist") + f"?bulk={change.pk}"
    done = bulk.DONE[BulkChange.Verb(change.verb)]
    see = f"See all {len(change.articles):,} that were chosen" if change.failed else "See them"
    return format_html('{} {} {}. <a href="{}">{}</a>', f"{change.done:,}", many, done, address, see)


def _not_done(change: BulkChange) -> str:
    """How many, with a link to the page that says why."""
    address = reverse("admin:knowledge_article_bulk", args=[change.pk])
    return format_html('{} could not be changed. <a href="{}">See why</a>', f"{change.failed:,}", address)
