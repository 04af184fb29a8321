"""Who is speaking: our own signed visitor tokens. The company's word about a known customer is read in `identity`.

A visitor's row is made at the first question, so the token carries an id of its own until then.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from uuid6 import uuid7

SALT = "chat.visitor"
MAX_TOKEN_CHARS = 4096


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


def read_token(widget_key: str, token: str, *, known: bool = False) -> Bearer:
    """Raises BadToken. The generation is compared with the visitor's row by the caller.

    `known`: that row is a known customer's, whose tokens live for hours, since the company's page signs them in anew.
    """
    if len(token) > MAX_TOKEN_CHARS:
        raise BadToken
    seconds = settings.KNOWN_TOKEN_HOURS * 3600 if known else settings.TOKEN_DAYS * 86400
    try:
        key, visitor, generation = signing.loads(token, salt=SALT, max_age=seconds)
        bearer = Bearer(UUID(visitor), int(generation))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise BadToken from None
    if key != widget_key:
        raise BadToken
    return bearer
