"""Who is speaking: our own signed visitor tokens, and the company's signed word about a known customer.

A visitor's row is made at the first question, so the token carries an id of its own until then.
"""

from dataclasses import dataclass
from time import time
from uuid import UUID

import jwt
from django.conf import settings
from django.core import signing
from uuid6 import uuid7

SALT = "chat.visitor"
MAX_TOKEN_CHARS = 4096
IDENTITY_SECONDS = 5 * 60
LEEWAY_SECONDS = 60


class BadToken(Exception):
    """The token is forged, expired, of another widget, or was ended by a log-out."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The visitor that a token names."""

    visitor: UUID
    generation: int

    @classmethod
    def stranger(cls) -> "Bearer":
        return cls(UUID(str(uuid7())), 1)


def make_token(widget_key: str, bearer: Bearer) -> str:
    return signing.dumps([widget_key, str(bearer.visitor), bearer.generation], salt=SALT)


def read_token(widget_key: str, token: str) -> Bearer:
    """Raises BadToken. The generation is compared with the visitor's row by the caller."""
    if len(token) > MAX_TOKEN_CHARS:
        raise BadToken
    try:
        key, visitor, generation = signing.loads(token, salt=SALT, max_age=settings.TOKEN_DAYS * 86400)
        bearer = Bearer(UUID(visitor), int(generation))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise BadToken from None
    if key != widget_key:
        raise BadToken
    return bearer


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer whom the company's own server vouches for."""

    subject: str
    name: str


def read_identity(widget_key: str, secret: str, token: str) -> Identity:
    """The JWT made by the company's server (HS256 with the widget's secret). Raises BadToken."""
    if not secret or len(token) > MAX_TOKEN_CHARS:
        raise BadToken
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=widget_key,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "aud", "sub"]},
        )
        lives_too_long = int(claims["exp"]) > time() + IDENTITY_SECONDS + LEEWAY_SECONDS
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadToken from None
    subject = claims["sub"]
    if lives_too_long or not isinstance(subject, str) or not 0 < len(subject) <= 200 or "\0" in subject:
        raise BadToken
    name = claims.get("name")
    return Identity(subject, name.replace("\0", "")[:120] if isinstance(name, str) else "")
