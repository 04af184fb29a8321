"""The second factor of staff: a code of an authenticator app, or one of ten recovery codes.

django-otp keeps the devices and checks codes: none is taken twice, and each wrong one makes the next wait longer.
Recovery codes are kept as keyed hashes, so that a copy of the database opens nothing with them.
"""

import secrets
from base64 import b32encode
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import segno
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.functional import SimpleLazyObject
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

RECOVERY_CODES = 10
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none is mistaken for another
CODE_CHARS = 10  # 49 bits
KEPT_CHARS = 16  # of a hash: all that django-otp's field takes
MOST_FAILURES = 10  # each wrong code makes the next wait twice as long; the tenth 8.5 minutes, and those after it too


def device_of(user: Any) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def begin(user: Any, key: object = None) -> TOTPDevice:
    """A new secret, or the one that this sign-in was shown before: nobody confirms what another may have seen."""
    mine = TOTPDevice.objects.filter(user=user, confirmed=False)
    device = mine.filter(pk=key).first() if key else None
    if device is None:
        mine.delete()
        device = TOTPDevice.objects.create(user=user, name="Authenticator app", confirmed=False)
    return device


def confirm(device: TOTPDevice, code: str) -> bool:
    """The app shows the right code: from now on it is asked for."""
    with transaction.atomic():
        held = TOTPDevice.objects.select_for_update().get(pk=device.pk)
        if not held.verify_token(_plain(code)):
            return False
        held.confirmed = True
        held.save(update_fields=["confirmed"])
    return True


def verify(user: Any, code: str) -> Device | None:
    """The device that this code is of; None for a wrong one. A recovery code is taken once."""
    plain = _plain(code)
    kind, token = (TOTPDevice, plain) if plain.isascii() and plain.isdigit() else (StaticDevice, _kept(user, plain))
    with transaction.atomic():
        for device in kind.objects.select_for_update().filter(user=user, confirmed=True):
            if device.verify_token(token):
                return device
        # Without an end, whoever stole a password could make its owner wait for days with a few codes.
        waits = kind.objects.filter(user=user, throttling_failure_count__gt=MOST_FAILURES)
        waits.update(throttling_failure_count=MOST_FAILURES)
    return None


def end_waits(username: str) -> int:
    """The next code is looked at at once, whatever was tried before; gives how many devices were waiting."""
    waiting = {"user__username": username, "throttling_failure_count__gt": 0}
    none = {"throttling_failure_count": 0, "throttling_failure_timestamp": None}
    return sum(kind.objects.filter(**waiting).update(**none) for kind in (TOTPDevice, StaticDevice))


def make_recovery_codes(user: Any) -> list[str]:
    """Ten new ones, to be shown once; those before end."""
    codes = ["".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_CHARS)) for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="Recovery codes", confirmed=True)
        StaticToken.objects.bulk_create(StaticToken(device=device, token=_kept(user, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def recovery_codes_left(user: Any) -> int:
    return StaticToken.objects.filter(device__user=user).count()


def forget(user: Any) -> bool:
    """Take every device away, as after a lost phone. False when there was none."""
    return any([kind.objects.filter(user=user).delete()[0] for kind in (TOTPDevice, StaticDevice)])


def picture_of(device: TOTPDevice) -> str:
    """The QR code as a `data:` address; dark on light whatever the page's colours are, since cameras want it so."""
    return segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def secret_of(device: TOTPDevice) -> str:
    """For typing: base32 in groups of four."""
    text = b32encode(device.bin_key).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()[:32]


def _kept(user: Any, code: str) -> str:
    return salted_hmac("supportbot.recovery", f"{user.pk}:{code}", algorithm="sha256").hexdigest()[:KEPT_CHARS]


class Required:
    """Where a second factor is required, who has given none is nobody: on every page, whatever the session says.

    After django-otp's own middleware. Nothing is asked of the database before somebody asks who it is.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any | Awaitable[Any]:
        if settings.TWO_FACTOR_REQUIRED:
            request.user = SimpleLazyObject(partial(_known, request.user))
            request.auser = partial(_aknown, request.auser)
        return self.get_response(request)


def _known(user: Any) -> Any:
    return user if not user.is_authenticated or user.is_verified() else AnonymousUser()


async def _aknown(auser: Callable[[], Awaitable[Any]]) -> Any:
    return _known(await auser())
