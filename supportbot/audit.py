"""What staff did, written down once and for all: who, when, from where, and what it was done to.

Sign-ins, exports and second factors are noted by calls of `record`. Whatever the admin notes of itself (its LogEntry:
additions, changes, deletions, and the desk's, the imports' and the spaces' own lines) is copied by a trigger in the
database (migrations 0002 and 0003), in the same transaction, whichever process writes it. What customers wrote is not
here.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from supportbot.addresses import address_of_request
from supportbot.log import get_logger
from supportbot.models import AuditEntry

logger = get_logger(__name__)

LEAST_KEEP_DAYS = 30  # the database itself lets nobody delete what is younger
MOST_DETAIL_CHARS = 2000
UNKNOWN = "(no such person)"  # a password typed into the wrong field must not be kept

LABELS = {
    "signed_in": "Signed in",
    "signed_out": "Signed out",
    "sign_in_failed": "Sign-in failed",
    "locked_out": "Locked out",
    "unlocked": "Unlocked",
    "password_changed": "Changed their password",  # nosec B105 # a sentence
    "second_factor_added": "Second factor added",
    "second_factor_removed": "Second factor removed",
    "recovery_code_used": "Recovery code used",
    "recovery_codes_made": "Recovery codes made",
    "exported": "Exported",
    "confirmed": "Confirmed",
    "added": "Added",
    "changed": "Changed",
    "deleted": "Deleted",
}


def record(
    act: str,
    *,
    request: HttpRequest | None = None,
    by: Any = None,
    who: str = "",
    kind: str = "",
    object_id: str = "",
    object: str = "",
    detail: str = "",
) -> None:
    """`by` is the person, the request's own if nobody is given; without either, `who` names a command."""
    if by is None and request is not None and getattr(request, "user", None) and request.user.is_authenticated:
        by = request.user
    AuditEntry.objects.create(
        at=timezone.now(),
        who=(by.get_username() if by is not None else who)[:150],
        user_id=by.pk if by is not None else None,
        address=address_of_request(request)[:45] if request is not None else "",
        act=act,
        kind=kind[:80],
        object_id=object_id[:64],
        object=object[:200],
        detail=detail[:MOST_DETAIL_CHARS],
    )


def says_from_where(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """While this page of staff does something, its connection knows who is at work and where: the trigger copies it."""

    @wraps(view)
    def at_work(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        _at_work(f"{request.user.pk} {address_of_request(request)}")
        try:
            return view(request, *args, **kwargs)
        finally:
            _at_work("")  # the connection goes back to a pool that others use

    return at_work


def _at_work(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('supportbot.at_work', %s, false)", [text])


def forget_old() -> int:
    """Delete what is older than AUDIT_KEEP_DAYS; gives how many."""
    before = timezone.now() - timedelta(days=settings.AUDIT_KEEP_DAYS)
    return AuditEntry.objects.filter(at__lt=before).delete()[0]


def listen() -> None:
    """Django tells of sign-ins, and django-axes of lock-outs, wherever they happen."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")
    user_locked_out.connect(_locked_out, dispatch_uid="audit")


def _signed_in(sender: object, request: HttpRequest, user: Any, **_: object) -> None:
    device = getattr(user, "otp_device", None)
    record("signed_in", request=request, by=user, detail="with a second factor" if device else "")


def _signed_out(sender: object, request: HttpRequest, user: Any, **_: object) -> None:
    if user is not None:
        record("signed_out", request=request, by=user)


def _failed(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: object) -> None:
    """One line an attempt; those of a locked door are not counted again, so that nobody fills the table."""
    if request is None or _was_locked_before(request):
        return
    logger.warning("sign_in_failed")
    person = _named(credentials)
    step = "wrong code" if credentials.get("step") == "code" else ""
    record("sign_in_failed", request=request, by=person, who=UNKNOWN, detail=step)


def _locked_out(sender: object, request: HttpRequest, username: str | None, **_: object) -> None:
    if _was_locked_before(request):
        return
    logger.warning("locked_out")
    person = _named({"username": username})
    detail = f"for {settings.STAFF_LOCK_MINUTES} minutes, at this address"
    record("locked_out", request=request, by=person, who=UNKNOWN, detail=detail)


def _was_locked_before(request: HttpRequest) -> bool:
    """django-axes counts an attempt only if it was not locked before it."""
    return bool(getattr(request, "axes_locked_out", False)) and not getattr(request, "axes_failures_since_start", None)


def _named(credentials: dict[str, Any]) -> Any:
    return get_user_model().objects.filter(username=credentials.get("username") or "").first()
