"""The audit log for managers and administrators: to read and to filter, and nothing else."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from supportbot import audit
from supportbot.models import AuditEntry


class ActFilter(admin.SimpleListFilter):
    title, parameter_name = "what", "act"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return list(audit.LABELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(act=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(admin.ModelAdmin):
    list_display = ("moment", "person", "deed", "thing", "what", "address")
    fields = (*list_display, "object_id")
    list_filter = (ActFilter, ("at", admin.DateFieldListFilter))
    search_fields = ("=who", "=address", "=object_id", "object")
    search_help_text = "A person's name, an address or an id, exactly; or words of what it was done to."
    list_per_page = 100
    show_full_result_count = False
    actions = None

    class Media:
        css = {"all": ("admin/supportbot/audit.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        room = {"title": "What staff did", "is_nav_sidebar_enabled": False}
        return super().changelist_view(request, room | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @admin.display(description="when", ordering="at")
    def moment(self, entry: AuditEntry) -> str:
        return f"{timezone.localtime(entry.at):%d %b %Y %H:%M:%S}"

    @admin.display(description="who", ordering="who")
    def person(self, entry: AuditEntry) -> str:
        return entry.who or "—"

    @admin.display(description="what", ordering="act")
    def deed(self, entry: AuditEntry) -> str:
        return audit.LABELS.get(entry.act, entry.act)

    @admin.display(description="to what")
    def thing(self, entry: AuditEntry) -> str:
        kind = entry.kind.partition(".")[2]
        return f"{kind}: {entry.object}" if kind and entry.object else entry.object or kind or "—"

    @admin.display(description="in detail")
    def what(self, entry: AuditEntry) -> str:
        """The admin writes its own as JSON, which a LogEntry puts into words."""
        return LogEntry(change_message=entry.detail).get_change_message() or "—"
