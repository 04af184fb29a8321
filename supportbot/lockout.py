"""The door after too many wrong passwords or codes: shut for a while, for this name at this address.

django-axes counts in the database, so that a restart forgets nothing, and counts names that nobody has alike. Beside
it an address has a number of failures in all, whatever the names: else every name could be tried from one place.
"""

from datetime import timedelta

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from supportbot import two_factor
from supportbot.addresses import counted_of_request


def is_locked(request: HttpRequest, username: str) -> bool:
    """Whether this name may not try again here just now."""
    return not AxesProxyHandler.is_allowed(request, {"username": username})


def address_is_locked(request: HttpRequest) -> bool:
    recent = AccessAttempt.objects.filter(ip_address=counted_of_request(request), attempt_time__gt=_window())
    failures = recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
    return failures >= settings.STAFF_ADDRESS_FAILURES


def answer(request: HttpRequest, original: HttpResponse | None = None, credentials: object = None) -> HttpResponse:
    """The page of a shut door: the same whether there is such a person or not."""
    context = {"title": "Too many attempts", "minutes": settings.STAFF_LOCK_MINUTES}
    response = render(request, "registration/locked.html", context, status=429)
    response["Retry-After"] = str(settings.STAFF_LOCK_MINUTES * 60)
    response["Cache-Control"] = "no-store"
    return response


def unlock(username: str) -> int:
    """Forget the failures of this name everywhere, and the waits of its codes; gives how many places had some."""
    return AxesProxyHandler.reset_attempts(username=username) + two_factor.end_waits(username)


def forget_old() -> int:
    return AccessAttempt.objects.filter(attempt_time__lt=_window()).delete()[0]


def _window() -> object:
    return timezone.now() - timedelta(minutes=settings.STAFF_LOCK_MINUTES)
