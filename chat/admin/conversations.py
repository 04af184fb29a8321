"""Managers read, judge and export conversations; agents answer in them. The verbs are in review, desk and exports."""

from itertools import takewhile
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from chat import desk, exports
from chat.filters import AdapterFilter, CitedFilter, OutcomeFilter, RatingFilter, ReviewFilter
from chat.models import Conversation, Message, Review
from chat.review import next_unreviewed, save_review
from chat.transcripts import as_line, is_settled, last_settled, turns_of
from supportbot import audit


def _answers(**more: object) -> QuerySet[Message]:
    return Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.BOT, **more).order_by("-pk")


@admin.register(Conversation)
class ConversationAdmin(admin.ModelAdmin):
    list_display = ("started", "first_question", "where", "outcome", "turns", "rated", "reviewed", "adapter", "seconds")
    list_display_links = ("started", "first_question")
    list_filter = (
        "state", OutcomeFilter, RatingFilter, ReviewFilter, "created", AdapterFilter, CitedFilter, "language", "widget",
    )  # fmt: skip
    search_fields = ("messages__text",)
    search_help_text = "Words that were said, by anybody."
    date_hierarchy = "created"
    list_per_page = 50
    list_select_related = ("agent",)
    actions = None
    change_list_template = "admin/chat/conversation/change_list.html"

    # --- the list ---------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        questions = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.CUSTOMER).order_by("pk")
        return (
            super()
            .get_queryset(request)
            .annotate(
                first_text=Subquery(questions.values("text")[:1]),
                last_outcome=Subquery(_answers().values("outcome")[:1]),
                last_status=Subquery(_answers().values("status")[:1]),
                last_adapter=Subquery(_answers().exclude(adapter="").values("adapter")[:1]),
                last_times=Subquery(_answers().values("times")[:1]),
                worst_rating=Subquery(
                    _answers(rating__isnull=False).order_by("rating__score").values("rating__score")[:1]
                ),
                turn_count=Count("messages", filter=Q(messages__role=Message.Role.CUSTOMER), distinct=True),
                answer_count=Count("messages", filter=Q(messages__role=Message.Role.BOT), distinct=True),
                review_count=Count("messages__review", distinct=True),
            )
        )

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Those who wait for a person come first, the longest wait before the others."""
        waiting = Case(When(state=Conversation.State.WAITING, then=Value(0)), default=Value(1))
        return (waiting.asc(), F("waiting_since").asc(nulls_last=True), "-created")

    @admin.display(ordering="created")
    def started(self, conversation: Conversation) -> str:
        return timezone.localtime(conversation.created).strftime("%d %b %Y %H:%M")

    @admin.display(description="First question")
    def first_question(self, conversation: Any) -> str:
        text = conversation.first_text or "–"
        return text if len(text) <= 80 else text[:79] + "…"

    @admin.display(description="State", ordering="state")
    def where(self, conversation: Conversation) -> str:
        if conversation.state == Conversation.State.WAITING and conversation.waiting_since:
            minutes = int((timezone.now() - conversation.waiting_since).total_seconds() // 60)
            return f"Waiting for a person, {minutes} min"
        if conversation.state == Conversation.State.AGENT and conversation.agent:
            return f"With {conversation.agent.get_username()}"
        return conversation.get_state_display()

    @admin.display(description="Outcome")
    def outcome(self, conversation: Any) -> str:
        if conversation.last_status == Message.Status.FAILED:
            return "Failed"
        return dict(Message.Outcome.choices).get(conversation.last_outcome, "–")

    @admin.display(description="Questions", ordering="turn_count")
    def turns(self, conversation: Any) -> int:
        return conversation.turn_count

    @admin.display(description="Rating", ordering="worst_rating")
    def rated(self, conversation: Any) -> str:
        return {1: "Helpful", -1: "Not helpful"}.get(conversation.worst_rating, "–")

    @admin.display(description="Reviewed")
    def reviewed(self, conversation: Any) -> str:
        return f"{conversation.review_count} of {conversation.answer_count}" if conversation.answer_count else "–"

    @admin.display(description="Adapter")
    def adapter(self, conversation: Any) -> str:
        return conversation.last_adapter or "–"

    @admin.display(description="First word / all")
    def seconds(self, conversation: Any) -> str:
        times = conversation.last_times or {}
        return " / ".join(
            f"{times[name] / 1000:.1f} s" if times.get(name) is not None else "–" for name in ("first", "total")
        )

    # --- permissions: read here; what is written goes through the verbs ----------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Conversation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Conversation | None = None) -> bool:
        return False

    # --- pages ------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        own = [
            path("export/<str:form>/", page(require_GET(self.export)), name="chat_conversation_export"),
            path("<uuid:pk>/desk/", page(require_POST(self.at_the_desk)), name="chat_conversation_desk"),
            path("<uuid:pk>/typing/", page(require_POST(self.typing)), name="chat_conversation_typing"),
            path("<uuid:pk>/live/", page(require_GET(self.live)), name="chat_conversation_live"),
            path("<uuid:pk>/review/<uuid:answer>/", page(require_POST(self.judge)), name="chat_conversation_review"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.has_perm("chat.answer_conversation"):
            desk.present(request.user)
        return super().changelist_view(request, extra_context)

    def _readable(self, request: HttpRequest, pk: UUID) -> Conversation:
        conversation = get_object_or_404(Conversation.objects.select_related("widget", "visitor", "agent"), pk=pk)
        if not self.has_view_permission(request, conversation):
            raise PermissionDenied
        return conversation

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The transcript, with what each answer rested on."""
        try:
            pk = UUID(object_id)
        except ValueError:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        conversation = self._readable(request, pk)
        may_answer = request.user.has_perm("chat.answer_conversation")
        if may_answer:
            desk.present(request.user)
        turns = turns_of(conversation)
        return TemplateResponse(
            request,
            "admin/chat/conversation/transcript.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Conversation of {timezone.localtime(conversation.created):%d %b %Y %H:%M}",
                "opts": self.opts,
                "conversation": conversation,
                "turns": turns,
                "last_message": last_settled(turns),
                "to_review": next((turn.message.pk for turn in turns if turn.wants_review), None),
                "contact_requests": conversation.contact_requests.all(),
                "may_review": request.user.has_perm("chat.add_review") and request.user.has_perm("chat.change_review"),
                "may_answer": may_answer,
                "verdicts": Review.Verdict.choices,
                "labels": Review.Label.choices,
                "filters": request.GET.get("_changelist_filters", ""),
                "media": self.media,
            },
        )

    def judge(self, request: HttpRequest, pk: UUID, answer: UUID) -> HttpResponse:
        conversation = self._readable(request, pk)
        if not (request.user.has_perm("chat.add_review") and request.user.has_perm("chat.change_review")):
            raise PermissionDenied
        message = get_object_or_404(Message, pk=answer, conversation=conversation)
        here = reverse("admin:chat_conversation_change", args=[pk]) + f"#m-{answer}"
        try:
            save_review(
                answer=message,
                by=request.user,
                verdict=request.POST.get("verdict", ""),
                labels=request.POST.getlist("labels"),
                corrected_answer=request.POST.get("corrected_answer", ""),
                note=request.POST.get("note", ""),
            )
        except ValidationError as error:
            messages.error(request, "Not saved. " + " ".join(error.messages))
            return HttpResponseRedirect(here)
        self.log_change(request, conversation, f"Reviewed answer {answer}.")
        if "_next" in request.POST:
            following = next_unreviewed(message)
            if following is None:
                messages.success(request, "Saved. All answers are reviewed.")
                return HttpResponseRedirect(reverse("admin:chat_conversation_changelist"))
            here = reverse("admin:chat_conversation_change", args=[following.conversation_id]) + f"#m-{following.pk}"
        messages.success(request, "Saved.")
        return HttpResponseRedirect(here)

    def at_the_desk(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Join, say, leave, close: what an agent does in a conversation."""
        conversation = self._readable(request, pk)
        if not request.user.has_perm("chat.answer_conversation"):
            raise PermissionDenied
        try:
            match request.POST.get("do"):
                case "say":
                    desk.say(conversation=conversation, by=request.user, text=request.POST.get("text", ""))
                case "join":
                    desk.join(conversation=conversation, by=request.user)
                case "leave":
                    desk.leave(conversation=conversation, by=request.user)
                case "close":
                    desk.close(conversation=conversation, by=request.user)
                case _:
                    messages.error(request, "Nothing was done: the button was not recognised.")
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            self.log_change(request, conversation, f"Desk: {request.POST.get('do', '')[:10]}.")
        return HttpResponseRedirect(reverse("admin:chat_conversation_change", args=[pk]) + "#desk")

    def typing(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """An agent writes something: the customer is told that, and no word of it."""
        conversation = self._readable(request, pk)
        if not request.user.has_perm("chat.answer_conversation"):
            raise PermissionDenied
        desk.agent_types(conversation, request.user)
        return HttpResponse(status=204)

    def live(self, request: HttpRequest, pk: UUID) -> JsonResponse:
        """What was said after the message `after`: the page asks every other second while somebody looks at it."""
        conversation = self._readable(request, pk)
        if request.user.has_perm("chat.answer_conversation"):
            desk.present(request.user)
        try:
            after = UUID(request.GET.get("after", ""))
        except ValueError:
            after = UUID(int=0)
        rows = conversation.messages.filter(pk__gt=after).select_related("author").order_by("pk")[:100]
        # Up to the first answer that is still being written: a later message must not push it out of sight.
        settled = takewhile(is_settled, rows)
        state, typing = conversation.get_state_display(), desk.is_customer_typing(conversation.pk)
        return JsonResponse({"state": state, "typing": typing, "messages": [as_line(row) for row in settled]})

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """The filtered list as a file."""
        if not request.user.has_perm("chat.export_conversation") or form not in ("csv", "jsonl"):
            raise PermissionDenied
        changelist: ChangeList = self.get_changelist_instance(request)
        chosen = Conversation.objects.filter(pk__in=changelist.get_queryset(request).order_by().values("pk"))
        answers = exports.answers_of(chosen)
        count = answers.count()
        if count > exports.MAX_ANSWERS:
            messages.error(
                request,
                f"{count:,} answers are too many for one file; narrow the list to {exports.MAX_ANSWERS:,} or fewer.",
            )
            return HttpResponseRedirect(reverse("admin:chat_conversation_changelist") + "?" + request.GET.urlencode())
        self.log_export(request, form, count)
        write, kind = (exports.as_csv, "text/csv") if form == "csv" else (exports.as_jsonl, "application/x-ndjson")
        response = StreamingHttpResponse(write(answers.iterator(chunk_size=500)), content_type=f"{kind}; charset=utf-8")
        stamp = timezone.localtime().strftime("%Y-%m-%d-%H%M")
        response["Content-Disposition"] = f'attachment; filename="conversations-{stamp}.{form}"'
        return response

    def log_export(self, request: HttpRequest, form: str, count: int) -> None:
        """Every export is written down: who, when, from where, how many, with which filters."""
        filters = f"filters: {request.GET.urlencode()[:300] or 'none'}"
        about = {"kind": "chat.conversation", "object": f"{count} answers as {form}"}
        audit.record("exported", request=request, detail=filters, **about)
