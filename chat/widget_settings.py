"""What a widget's row says about its looks and manners, and the public part of it as the widget reads it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from chat.hours import is_open, next_opening, parse_hours

LANGUAGES = {
    "en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "ar": "العربية", "ja": "日本語",
}  # fmt: skip
ASKED_FIRST = {"name": "Name", "email": "Email address"}
ADDRESS = RegexValidator(
    r"\A(?:https?://|/(?![/\\]))[^\s\\]*\Z",
    "Write a whole address, https://…, or one of this server that begins with /.",
)
COLOUR = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "Write a colour as #rrggbb, for example #1d4ed8.")


def check_hours(text: str) -> None:
    try:
        parse_hours(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def check_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"“{name[:40]}” is no time zone. Write for example Europe/Berlin.")


class WidgetSettings(models.Model):
    """Every default stands in the database too: a process of the version before knows nothing of these."""

    class Theme(models.TextChoices):
        AUTO = "auto", "As the page"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    class Placement(models.TextChoices):
        END = "end", "At the end of the line (right, in English)"
        START = "start", "At the beginning of the line (left, in English)"

    class Reach(models.TextChoices):
        PUBLIC = "public", "Public articles alone"
        CUSTOMERS = "customers", "Public articles, and for known customers those for customers"

    heading = models.CharField(max_length=60, blank=True, default="", db_default="", help_text="The panel's title.")
    accent = models.CharField(
        max_length=7, blank=True, default="", db_default="", validators=[COLOUR], help_text="As #rrggbb."
    )
    accent_dark = models.CharField(
        "accent on dark pages", max_length=7, blank=True, default="", db_default="", validators=[COLOUR],
        help_text="A lighter one reads better there. Empty: the same.",
    )  # fmt: skip
    theme = models.CharField(max_length=5, choices=Theme.choices, default=Theme.AUTO, db_default=Theme.AUTO)
    placement = models.CharField(
        max_length=5, choices=Placement.choices, default=Placement.END, db_default=Placement.END
    )
    languages = ArrayField(
        models.CharField(max_length=2, choices=list(LANGUAGES.items())), default=list, db_default=[], blank=True,
        help_text="Those that visitors may read the widget in, the first for all others. None: all of them.",
    )  # fmt: skip
    audience = models.CharField(
        "quotes", max_length=9, choices=Reach.choices, default=Reach.CUSTOMERS, db_default=Reach.CUSTOMERS
    )
    ask_first = ArrayField(
        models.CharField(max_length=5, choices=list(ASKED_FIRST.items())), default=list, db_default=[], blank=True,
        help_text="What a visitor is asked before the first question.",
    )  # fmt: skip
    ask_first_required = models.BooleanField(
        "must be answered", default=False, db_default=False, help_text="Otherwise a visitor may leave it out."
    )
    opening_hours = models.TextField(
        blank=True, default="", db_default="", max_length=1000, validators=[check_hours],
        help_text="When people of your team are there, one rule a line: mon-fri 09:00-17:00. Empty: nothing is said.",
    )  # fmt: skip
    time_zone = models.CharField(
        max_length=60, blank=True, default="", db_default="", validators=[check_zone],
        help_text="Of the opening hours, such as Europe/Berlin. Empty: the server's.",
    )  # fmt: skip

    privacy_url = models.CharField(
        "privacy notice", max_length=300, blank=True, default="", db_default="", validators=[ADDRESS],
        help_text="Its address: a link in the menu of the widget, and below the help pages.",
    )  # fmt: skip
    on_help_pages = models.BooleanField(
        "on the help pages", default=False, db_default=False,
        help_text="The help centre carries this widget and its name. If none says so, the first active one.",
    )  # fmt: skip

    class Meta:
        abstract = True

    def public(self, now: datetime) -> dict[str, Any]:
        """For every visitor's eyes."""
        accent = [self.accent, self.accent_dark or self.accent] if self.accent else []
        return {
            "heading": self.heading,
            "theme": self.theme,
            "placement": self.placement,
            "accent": [[colour, ink_on(colour)] for colour in accent],
            "languages": self.languages,
            "ask_first": self.ask_first,
            "ask_first_required": self.ask_first_required,
            "privacy": self.privacy_url,
            "back": self.back(now),
        }

    def back(self, now: datetime) -> str | None:
        """When the team is there again, if it is not now."""
        spans, here = parse_hours(self.opening_hours), now.astimezone(ZoneInfo(self.time_zone or settings.TIME_ZONE))
        opening = None if is_open(spans, here) else next_opening(spans, here)
        return opening.isoformat() if opening else None


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on it (WCAG's contrast)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "#fff"
