"""The pages behind an article's form: preview, autosave, index state, revisions, and the verbs as buttons."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from knowledge import publishing
from knowledge.admin.questions import QuestionPages
from knowledge.autosaving import begun_before, keep_text
from knowledge.chunking import TooManyPieces
from knowledge.forms import TextForm, first_error, last_entry, saved_after_you_opened
from knowledge.index_state import index_state
from knowledge.models import MAX_BODY_CHARS, Article, Revision
from knowledge.passages import searched_pieces
from knowledge.publishing import PublishingError, SavedMeanwhile, storable
from knowledge.rendering import to_html
from knowledge.revisions import compare, facts_changed
from knowledge.usage import DAYS, Usage, usage

VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "publish": (publishing.publish_saved, "published"),
    "unpublish": (publishing.unpublish, "unpublished: customers see it no longer"),
    "archive": (publishing.archive, "archived: customers see it no longer"),
    "reembed": (publishing.reembed, "embedded again"),
}
REVISIONS_A_PAGE = 50
REVISIONS_BESIDE = 8  # beside the form
NOTED_EVERY = timedelta(hours=1)  # while one person writes on and on


DESK = {"is_nav_sidebar_enabled": False}  # writing and asking side by side want the room


class EditorPages(QuestionPages):
    """What an editor opens from the form of one article, or has beside it."""

    class Media:
        css = {"all": ("admin/knowledge/articles.css", "admin/knowledge/editor.css")}
        js = ("admin/knowledge/state.js", forms.Script("admin/knowledge/editor.js", type="module"))

    def get_urls(self) -> Sequence[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(address, self.admin_site.admin_view(view), name=f"knowledge_article_{name}")

        return [
            page("preview/", require_POST(self.preview), "preview"),
            page("autosave/", require_POST(self.autosave_new), "autosave_new"),
            page("<uuid:key>/autosave/", require_POST(self.autosave), "autosave"),
            page("<uuid:key>/state/", self.index_state, "state"),
            page("<uuid:key>/revisions/", self.revisions, "revisions"),
            page("<uuid:key>/revisions/<uuid:revision_key>/restore/", require_POST(self.restore), "restore"),
            page("<uuid:key>/do/<slug:verb>/", require_POST(self.do), "do"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A form whose article was made already, and only the reply was lost, is the form of that article."""
        kept = begun_before(_key(request), request.user)
        if kept is not None:
            return self.change_view(request, str(kept.pk), form_url, extra_context)
        return super().add_view(request, form_url, DESK | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        article = self.get_object(request, object_id)
        context = DESK | (extra_context or {})
        if article is not None:
            revisions = article.revisions.select_related("author").defer("body")[:REVISIONS_BESIDE]
            context |= {"index": index_state(article), "article": article, "revisions": revisions, **_cited(article)}
        return super().change_view(request, object_id, form_url, context)

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
            pieces = searched_pieces(title, body)
        except TooManyPieces as error:
            return JsonResponse({"error": str(error)}, status=400)
        passages = [{"heading": piece.heading, "text": piece.text} for piece in pieces]
        return JsonResponse({"html": to_html(body, ids=False), "passages": passages})

    def autosave(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Keep the text of a draft; 409 if somebody else saved it after this page was opened."""
        article = self._article(request, key, change=True)
        return self._keep(request, article)

    def _keep(self, request: HttpRequest, article: Article) -> JsonResponse:
        form = TextForm(request.POST)
        if not form.is_valid():
            return JsonResponse({"error": first_error(form)}, status=400)
        said = {name: form.cleaned_data[name] for name in ("title", "body", "seen")}
        try:
            article = keep_text(article_id=article.pk, by=request.user, **said)
        except SavedMeanwhile as error:
            text = f"{saved_after_you_opened(error.article)} Save the draft to see both texts."
            return JsonResponse({"error": text}, status=409)
        except Article.DoesNotExist:
            return JsonResponse({"error": "This article was deleted meanwhile. Copy your text."}, status=409)
        entry = last_entry(article)  # who saved last is told to whoever opened it before
        if entry is None or entry.user_id != request.user.pk or timezone.now() - entry.action_time > NOTED_EVERY:
            self.log_change(request, article, "Saved while writing.")
        return JsonResponse(_saved(article) | _pages(article))

    def autosave_new(self, request: HttpRequest) -> HttpResponse:
        """Make the draft of an article that is being written for the first time, once for each page."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        kept = begun_before(_key(request), request.user)
        if kept is not None:
            return self._keep(request, kept)
        form = self.get_form(request)(request.POST)
        if not form.is_valid():
            return JsonResponse({"error": first_error(form)}, status=400)
        with transaction.atomic():
            article = publishing.save_draft(article=form.save(commit=False), by=request.user)
            self.log_addition(request, article, "Saved while writing.")
        return JsonResponse(_saved(article) | _pages(article))

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
            **_cited(article),
            "revisions": revisions,
            "chosen": chosen,
            "previous": previous,
            "facts": facts_changed(chosen, previous) if chosen else [],
            "rows": compare(previous.body if previous else "", chosen.body) if chosen else [],
            "may_change": self.has_change_permission(request, article),
            "seen": article.updated.isoformat(),
            "unpublished": _is_nowhere_else(article),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/knowledge/article/revisions.html", context)

    def restore(self, request: HttpRequest, key: object, revision_key: object) -> HttpResponse:
        article = self._article(request, key, change=True)
        revision = get_object_or_404(Revision, pk=revision_key, article=article)
        back = HttpResponseRedirect(
            reverse("admin:knowledge_article_revisions", args=[article.pk]) + f"?revision={revision.number}"
        )
        if _is_nowhere_else(article) and "replace" not in request.POST:
            text = "Nothing was restored: the draft was never published. Say that its text may be replaced."
            self.message_user(request, text, messages.ERROR)
            return back
        try:
            publishing.restore(revision=revision, by=request.user, seen=request.POST.get("seen", ""))
        except SavedMeanwhile as error:
            text = f"Nothing was restored. {saved_after_you_opened(error.article)} Look at it first."
            self.message_user(request, text, messages.ERROR)
            return back
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


def _cited(article: Article) -> dict[str, int]:
    return {"cited": usage([article.pk]).get(article.pk, Usage()).cited, "cited_days": DAYS}


def _saved(article: Article) -> dict[str, str]:
    return {"seen": article.updated.isoformat(), "saved": f"{timezone.localtime(article.updated):%H:%M}"}


def _pages(article: Article) -> dict[str, str]:
    """Where the page of a new article goes on."""
    pages = {"address": "change", "autosave": "autosave", "questions": "questions"}
    addresses = {name: reverse(f"admin:knowledge_article_{page}", args=[article.pk]) for name, page in pages.items()}
    return addresses | {"article": str(article.pk)}


def _key(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        return None


def _is_nowhere_else(article: Article) -> bool:
    """The text of the draft is in no revision: whatever goes over it loses it."""
    return not article.revisions.filter(title=article.title, body=article.body).exists()


def _chosen(article: Article, number: str) -> Revision | None:
    """The revision that the page was asked for, else the newest."""
    revisions = article.revisions.all()
    if number.isdecimal() and len(number) < 10:
        return revisions.filter(number=int(number)).first() or revisions.first()
    return revisions.first()
