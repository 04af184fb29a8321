"""The company's signed word about a known customer: a JWT from its own server. docs/identity.md is the contract."""

from dataclasses import dataclass
from math import isfinite
from time import time
from typing import Any

import jwt

from chat.events import clean
from chat.models import Widget
from chat.tokens import MAX_TOKEN_CHARS, BadToken

ALGORITHMS = ("HS256",)  # ours to say, and never the token's
LIFETIME_SECONDS = 5 * 60
LEEWAY_SECONDS = 60  # by which the company's clock and ours may differ
MAX_SUBJECT_CHARS = 200
MAX_NAME_CHARS = 120


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer whom the company's own server vouches for. `subject` is what the company knows them by."""

    subject: str
    name: str


def read_identity(widget: Widget, token: str) -> Identity:
    """Who signs in at this widget. Raises BadToken, and never says why: the log of the company's server can."""
    if len(token) > MAX_TOKEN_CHARS:
        raise BadToken
    claims = _signed(widget, token)
    if widget.identity_issuer and claims.get("iss") != widget.identity_issuer:
        raise BadToken
    if not all(_is_moment(claims[name]) for name in ("exp", "nbf", "iat") if name in claims):
        raise BadToken
    if claims["exp"] > time() + LIFETIME_SECONDS + LEEWAY_SECONDS:
        raise BadToken  # a word for so long would be a password
    subject, name = claims["sub"], claims.get("name")
    if not 0 < len(subject) <= MAX_SUBJECT_CHARS or clean(subject) != subject:
        raise BadToken
    return Identity(subject, clean(name)[:MAX_NAME_CHARS] if isinstance(name, str) else "")


def _signed(widget: Widget, token: str) -> dict[str, Any]:
    """The claims, if one of the widget's keys signed them, for this widget and for now."""
    for key in widget.identity_keys:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=widget.key,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "aud", "sub"], "strict_aud": True},
            )
        except jwt.InvalidSignatureError:
            continue  # the other key's, perhaps
        except (jwt.PyJWTError, ValueError, TypeError):
            raise BadToken from None
    raise BadToken


def _is_moment(value: object) -> bool:
    """A number of seconds, as JSON writes one; PyJWT would also read "17" and true."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
