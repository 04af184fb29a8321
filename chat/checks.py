"""Relations between the chat's settings and what was measured, checked at every start."""

from collections.abc import Sequence

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from chat.dial import NoCurve, NotReachable, floor_for


@register()
def risk_dial_is_kept(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    """What cannot be promised is said before it is relied on; with a curve of another model the floors stay."""
    percent = settings.CHAT_MOST_WRONG_PERCENT
    if not percent:
        return []
    try:
        floor_for(percent)
    except NotReachable as error:
        hint = "Raise CHAT_MOST_WRONG_PERCENT, or leave it empty: then CHAT_ANSWERABLE_FLOOR decides."
        return [Error(str(error), hint=hint, id="chat.E001")]
    except NoCurve as error:
        return [Warning(str(error), hint="Until then CHAT_MOST_WRONG_PERCENT does nothing.", id="chat.W001")]
    return []
