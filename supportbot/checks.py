"""Relations between settings, checked at every start."""

from collections.abc import Sequence

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.urls import URLResolver, get_resolver

LEAST_TOKEN_CHARS = 16


@register()
def answer_deadlines(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    """The engine must give its first word up before the whole answer is given up."""
    if settings.CHAT_FIRST_TOKEN_SECONDS < settings.CHAT_ANSWER_SECONDS:
        return []
    return [
        Error(
            "CHAT_FIRST_TOKEN_SECONDS must be less than CHAT_ANSWER_SECONDS",
            hint="Otherwise an answer is cut off before the passage could be shown in its place.",
            id="supportbot.E001",
        )
    ]


@register()
def lease_outlives_sweep(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    """A lease is renewed at a third of its length; a shorter one than the sweep would be taken from the living."""
    if settings.CHAT_LEASE_SECONDS > settings.SWEEP_SECONDS:
        return []
    return [
        Error(
            "CHAT_LEASE_SECONDS must be more than SWEEP_SECONDS",
            hint="Raise CHAT_LEASE_SECONDS, or sweep more often.",
            id="supportbot.E002",
        )
    ]


@register()
def visitor_within_address(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    if settings.CHAT_QUESTIONS_PER_MINUTE <= settings.CHAT_ADDRESS_QUESTIONS_PER_MINUTE:
        return []
    return [
        Error(
            "CHAT_QUESTIONS_PER_MINUTE must not be more than CHAT_ADDRESS_QUESTIONS_PER_MINUTE",
            hint="One visitor would be refused for the sake of the address before the visitor's own limit is met.",
            id="supportbot.E003",
        )
    ]


@register()
def admin_has_a_place_of_its_own(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    """The pages of staff would hide others, or be hidden by them."""
    if settings.ADMIN_PATH.partition("/")[0] not in _first_words():
        return []
    return [
        Error(
            f"ADMIN_PATH={settings.ADMIN_PATH} is where other pages of the site are",
            hint="Choose a word that the site does not use, such as back-office/.",
            id="supportbot.E005",
        )
    ]


def _first_words() -> set[str]:
    """What the addresses of all other pages begin with."""
    entries = list(get_resolver().url_patterns)
    words = {settings.STATIC_URL.strip("/")}
    while entries:
        entry = entries.pop()
        route = str(entry.pattern)
        if isinstance(entry, URLResolver) and not route:
            entries += entry.url_patterns
        elif getattr(entry, "app_name", None) != "admin" and getattr(entry, "name", None) != "try-question":
            words.add(route.partition("/")[0])
    return words


@register(deploy=True)
def proxy_is_named(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    """Our web server speaks no TLS, so a proxy does; unless it is believed, all the world is one address, and http."""
    if settings.TRUSTED_PROXIES or not settings.HTTPS:
        return []
    return [
        Warning(
            "PUBLIC_URL is https, and TRUSTED_PROXIES is empty",
            hint="Name the proxy that speaks TLS. Otherwise its every request is sent round in circles to https, and "
            "limits and lock-outs take all customers and staff for one.",
            id="supportbot.W002",
        )
    ]


@register(deploy=True)
def public_address(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    if settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Warning(
            "PUBLIC_URL does not begin with https://",
            hint="Set it to the address that customers' browsers use; cookies and the widget depend on it.",
            id="supportbot.W001",
        )
    ]


@register()
def metrics_token_is_long(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    if not settings.METRICS_TOKEN or len(settings.METRICS_TOKEN) >= LEAST_TOKEN_CHARS:
        return []
    return [
        Error(
            f"METRICS_TOKEN has fewer than {LEAST_TOKEN_CHARS} characters",
            hint="Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
            id="supportbot.E004",
        )
    ]
