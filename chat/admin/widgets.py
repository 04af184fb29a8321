"""The places where the chat is shown, and what customers left there when nobody was on duty."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.http import HttpRequest

from chat.models import ContactRequest, Widget
from chat.widget_settings import ASKED_FIRST, LANGUAGES


class Lines(SimpleArrayField):
    """A text a line; empty lines are none."""

    def to_python(self, value: Any) -> list[Any]:
        return super().to_python("\n".join(line for line in value.splitlines() if line.strip()) if value else value)


class WidgetForm(forms.ModelForm):
    suggestions = Lines(
        forms.CharField(max_length=120), delimiter="\n", max_length=4, required=False,
        widget=forms.Textarea(attrs={"rows": 4}), help_text="Up to four questions, one a line.",
    )  # fmt: skip
    languages = forms.MultipleChoiceField(
        choices=list(LANGUAGES.items()), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=Widget._meta.get_field("languages").help_text,
    )  # fmt: skip
    ask_first = forms.MultipleChoiceField(
        choices=list(ASKED_FIRST.items()), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=Widget._meta.get_field("ask_first").help_text,
    )  # fmt: skip


@admin.register(Widget)
class WidgetAdmin(admin.ModelAdmin):
    form = WidgetForm
    list_display = ("name", "key", "active")
    fieldsets = (
        (None, {"fields": ("name", "key", "active", "on_help_pages", "allowed_origins")}),
        ("Looks", {"fields": ("heading", "accent", "accent_dark", "theme", "placement")}),
        ("Words", {"fields": ("greeting", "suggestions", "languages", "only_language", "audience", "privacy_url")}),
        ("The team", {"fields": ("opening_hours", "time_zone", "ask_first", "ask_first_required")}),
        (
            "Known customers",
            {"fields": ("identity_secret", "identity_secret_before", "identity_issuer", "on_sign_in")},
        ),
    )


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
