"""The alarm on the admin's first page."""

from django import template

from supportbot import status
from supportbot.status import State

register = template.Library()


@register.inclusion_tag("admin/supportbot/alarm.html")
def status_alarm() -> dict[str, object]:
    """What is stuck, if anything is."""
    return {"stuck": [part for group in status.recent() for part in group.parts if part.state == State.STUCK]}
