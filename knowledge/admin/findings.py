"""What was found about an article: beside its form, with two articles side by side, and remembered as none."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from knowledge.findings import checkups
from knowledge.findings.side_by_side import sides
from knowledge.models import Article, Finding
from knowledge.templatetags.findings import context_of, row


class FindingPages(admin.ModelAdmin):
    class Media:
        css = {"all": ("admin/knowledge/findings.css",)}
        js = (forms.Script("admin/knowledge/findings.js", type="module"),)

    def get_urls(self) -> Sequence[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(f"<uuid:key>/{address}", self.admin_site.admin_view(view), name=f"knowledge_article_{name}")

        return [
            page("findings/", require_GET(self.findings), "findings"),
            page("findings/<int:number>/", require_GET(self.compare), "compare"),
            page("findings/<int:number>/dismiss/", require_POST(self.dismiss), "dismiss"),
            *super().get_urls(),
        ]

    def findings(self, request: HttpRequest, key: object) -> HttpResponse:
        """The list alone, for the page to show when it is there."""
        article = self._looked_at(request, key)
        context = context_of(article, may_change=self.has_change_permission(request, article))
        return TemplateResponse(request, "admin/knowledge/article/findings.html", context)

    def compare(self, request: HttpRequest, key: object, number: int) -> HttpResponse:
        article = self._looked_at(request, key)
        finding = self._finding(article, number, of_two=True)
        told = row(finding, article)
        context = {
            **self.admin_site.each_context(request),
            "is_nav_sidebar_enabled": False,
            "title": f"{article} and {told['other']}",
            "opts": self.opts,
            "article": article,
            "row": told,
            "sides": sides(finding, first=article, second=told["other"]),
            "may_change": self.has_change_permission(request, article),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/knowledge/article/compare.html", context)

    def dismiss(self, request: HttpRequest, key: object, number: int) -> HttpResponse:
        article = self._looked_at(request, key)
        if not self.has_change_permission(request, article):
            raise PermissionDenied
        finding = self._finding(article, number)
        checkups.dismiss(finding=finding, by=request.user)
        self.log_change(request, article, f"{finding.get_kind_display()}: remembered as none.")
        text = "Remembered. It comes back if the text changes." if finding.other_id else "Remembered."
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:knowledge_article_change", args=[article.pk]))

    def _looked_at(self, request: HttpRequest, key: object) -> Article:
        article: Article = get_object_or_404(self.get_queryset(request), pk=key)
        if not self.has_view_or_change_permission(request, article):
            raise PermissionDenied
        return article

    def _finding(self, article: Article, number: int, *, of_two: bool = False) -> Finding:
        found = Finding.objects.filter(Q(article=article) | Q(other=article)).select_related("article", "other")
        wanted: Any = found.filter(other__isnull=False) if of_two else found
        return get_object_or_404(wanted, pk=number)
