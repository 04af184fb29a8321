"""The status page: one row for each part, in words, as it is now. It needs no script."""

from collections.abc import Sequence

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from supportbot import audit_admin, people_admin, status  # noqa: F401  (the other pages of staff)
from supportbot.models import Status
from supportbot.status import Part, State

REFRESH_SECONDS = 15
SIGNS = {State.WORKS: "✓", State.STARTING: "…", State.LATE: "!", State.STUCK: "✕", State.UNKNOWN: "?"}
BAD = [State.STUCK, State.LATE, State.UNKNOWN]


@admin.register(Status)
class StatusAdmin(admin.ModelAdmin):
    class Media:
        css = {"all": ("admin/supportbot/status.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_urls(self) -> Sequence[URLPattern]:
        return [path("", self.admin_site.admin_view(self.changelist_view), name="supportbot_status_changelist")]

    def changelist_view(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        """`?still` does not load itself again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        groups = status.recent()
        context = {
            **self.admin_site.each_context(request),
            "title": "Status",
            "opts": self.opts,
            "media": self.media,
            "groups": [(group.title, [_row(part) for part in group.parts]) for group in groups],
            "summary": summary(groups),
            "still": "still" in request.GET,
            "refresh_seconds": REFRESH_SECONDS,
            "now": timezone.now(),
        }
        return TemplateResponse(request, "admin/supportbot/status.html", context)


def summary(groups: Sequence[status.Group]) -> dict[str, object]:
    """How all stands, in a sentence, and the rows that need somebody, the worst first."""
    parts = [part for group in groups for part in group.parts]
    if not parts:
        unknown = State.UNKNOWN
        return {
            "state": unknown,
            "sign": SIGNS[unknown],
            "text": "A look at the parts hangs. See /health/ready.",
            "bad": [],
        }
    bad = [part for state in BAD for part in parts if part.state == state]
    counts = {state: sum(part.state == state for part in parts) for state in State}
    words = [f"{counts[state]} {state.label.lower()}" for state in (*BAD, State.STARTING) if counts[state]]
    text = f"{counts[State.WORKS]} of {len(parts)} parts work; {', '.join(words)}." if words else "Everything works."
    worst = bad[0].state if bad else State.WORKS
    return {"state": worst, "sign": SIGNS[worst], "text": text, "bad": [_row(part) for part in bad]}


def _row(part: Part) -> dict[str, object]:
    """`id` is for links within the page."""
    since = timezone.localtime(part.since)
    return {
        "part": part,
        "id": part.key.replace(":", "-").replace(".", "-"),
        "sign": SIGNS[part.state],
        "is_today": since.date() == timezone.localdate(),
        "remedy": _with_code(part.remedy),
    }


def _with_code(text: str) -> SafeString:
    """What stands between two backticks as code."""
    parts = enumerate(text.split("`"))
    return format_html_join("", "{}", ((format_html("<code>{}</code>", part) if n % 2 else part,) for n, part in parts))
