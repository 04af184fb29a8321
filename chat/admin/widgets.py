"""The places where the chat is shown, and what customers left there when nobody was on duty."""

from django.contrib import admin
from django.http import HttpRequest

from chat.models import ContactRequest, Widget


@admin.register(Widget)
class WidgetAdmin(admin.ModelAdmin):
    list_display = ("name", "key", "active")
    fields = (
        "name", "key", "active", "allowed_origins", "greeting", "suggestions", "only_language", "identity_secret"
    )  # fmt: skip


@admin.register(ContactRequest)
class ContactRequestAdmin(admin.ModelAdmin):
    list_display = ("created", "email", "short_note", "handled")
    list_filter = ("handled", "created")
    list_editable = ("handled",)
    search_fields = ("email", "note")
    readonly_fields = ("created", "email", "note", "conversation", "widget")

    @admin.display(description="Note")
    def short_note(self, request: ContactRequest) -> str:
        return request.note[:80]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
