"""The questions that an article must go on answering: kept, listed and given up beside its form."""

from collections.abc import Callable, Sequence

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from knowledge.findings.held_questions import MAX_QUESTIONS, held_questions, is_held
from knowledge.models import Article, Finding, TestQuestion
from knowledge.publishing import storable
from supportbot import audit

MAX_QUESTION_CHARS = 500


class QuestionPages(admin.ModelAdmin):
    """Answers with the whole list each time, for the page to draw."""

    def get_urls(self) -> Sequence[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(f"<uuid:key>/questions/{address}", self.admin_site.admin_view(view), name=name)

        return [
            page("", self.questions, "knowledge_article_questions"),
            page("add/", require_POST(self.add_question), "knowledge_article_add_question"),
            page("<int:number>/delete/", require_POST(self.delete_question), "knowledge_article_delete_question"),
            *super().get_urls(),
        ]

    def questions(self, request: HttpRequest, key: object) -> HttpResponse:
        return _listed(self._article(request, key))

    def add_question(self, request: HttpRequest, key: object) -> HttpResponse:
        article = self._article(request, key, change=True)
        question = " ".join(storable(request.POST.get("question", "")).split())
        if not question:
            return JsonResponse({"error": "Write the question first."}, status=400)
        if len(question) > MAX_QUESTION_CHARS:
            text = f"The question has {len(question):,} characters; {MAX_QUESTION_CHARS} is the most to be kept."
            return JsonResponse({"error": text}, status=400)
        if article.test_questions.count() >= MAX_QUESTIONS:
            text = f"An article holds {MAX_QUESTIONS} questions. Delete one that tells you little."
            return JsonResponse({"error": text}, status=400)
        try:
            with transaction.atomic():
                TestQuestion.objects.create(article=article, question=question, created_by=request.user)
        except IntegrityError:
            return JsonResponse({"error": "This question is kept already."}, status=400)
        _note(request, article, "A question that it must answer was kept.")
        return _listed(article)

    def delete_question(self, request: HttpRequest, key: object, number: int) -> HttpResponse:
        article = self._article(request, key, change=True)
        deleted, _ = article.test_questions.filter(pk=number).delete()
        if deleted:
            _note(request, article, "A question that it must answer was deleted.")
        article.findings.filter(kind=Finding.Kind.TEST_QUESTION_LOST, details__id=number).delete()
        return _listed(article)

    def _article(self, request: HttpRequest, key: object, *, change: bool = False) -> Article:
        article = get_object_or_404(self.get_queryset(request), pk=key)
        allowed = self.has_change_permission if change else self.has_view_or_change_permission
        if not allowed(request, article):
            raise PermissionDenied
        return article


def _note(request: HttpRequest, article: Article, text: str) -> None:
    """For the audit log alone: the admin's own log says who saved an article last."""
    about = {"kind": "knowledge.article", "object_id": str(article.pk), "object": str(article)}
    audit.record("changed", request=request, detail=text, **about)


def _listed(article: Article) -> JsonResponse:
    held = held_questions(article)
    rows = [{"id": each.pk, "question": each.question, "state": _state(each)} for each in held.questions]
    return JsonResponse({"line": str(held), "questions": rows})


def _state(question: TestQuestion) -> str:
    if question.last_checked is None:
        return "not asked yet"
    when = f"{timezone.localtime(question.last_checked):%Y-%m-%d %H:%M}"
    if is_held(question.last_rank):
        return f"ranks {question.last_rank}, {when}"
    return f"not found: best rank {question.last_rank}, {when}" if question.last_rank else f"not found, {when}"
