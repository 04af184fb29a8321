"""The widget that this installation's own pages carry: `{% own_widget as widget %}`."""

from django import template
from django.db import DatabaseError

from chat.models import Widget
from supportbot.log import get_logger

logger = get_logger(__name__)
register = template.Library()


@register.simple_tag
def own_widget() -> Widget | None:
    """None where there is none; pages that say what is wrong need no database."""
    try:
        return Widget.objects.filter(active=True).order_by("-on_help_pages", "pk").first()
    except DatabaseError as error:
        logger.warning("page without its widget", error=type(error).__name__)
        return None
