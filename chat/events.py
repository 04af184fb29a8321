"""Frames of the socket: what a client may say, checked, and what the server says. docs/protocol.md is the contract."""

import json
import unicodedata
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from chat.tokens import MAX_TOKEN_CHARS

PROTOCOL = 1
MAX_FRAME_BYTES = 65_536
MOST_ABOUT = 8

# Every frame the server sends, and its fields; those marked with ? may be absent.
SERVER_FRAMES: dict[str, tuple[str, ...]] = {
    "welcome": ("protocol", "token", "conversation", "messages", "resumed", "greeting", "suggestions", "known?"),
    "accepted": ("id", "message", "reply", "conversation"),
    "stage": ("reply", "stage", "position?"),
    "sources": ("reply", "epoch", "seq", "sources"),
    "delta": ("reply", "epoch", "seq", "text"),
    "done": ("reply", "epoch", "seq", "text", "outcome", "reason", "citations", "nearest", "follow_ups"),
    "failed": ("reply", "epoch", "seq", "code", "text", "retry"),
    "restart": ("reply", "epoch"),
    "rated": ("reply", "score"),
    "message": ("id", "role", "text", "created", "status", "outcome", "epoch", "seq", "sources", "name?"),
    "agent": ("name", "state", "conversation?"),
    "typing": ("name",),
    "conversations": ("conversations",),
    "pong": ("n",),
    "error": ("code", "text", "id?"),
}
CLIENT_FRAMES: dict[str, tuple[str, ...]] = {
    "hello": ("protocol", "token", "identity?", "conversation?", "last_seen?", "locale?", "page?"),
    "ask": ("id", "text", "about?"),
    "stop": ("reply",),
    "rate": ("reply", "score", "comment?"),
    "handover": ("reason?",),
    "conversations": (),
    "typing": (),
    "logout": (),
    "ping": ("n",),
}
SENTENCES = {
    "bad_frame": "This message could not be read.",
    "unknown_type": "This server does not know that kind of message.",
    "hello_first": "Say hello first.",
    "too_long": "Your question is too long. Please use at most {limit} characters.",
    "empty": "Please write a question.",
    "not_found": "That answer does not exist, or has already ended.",
    "rate_limited": "That was a lot at once. Please wait a minute and try again.",
    "bad_token": "Your session has ended. A new one can begin.",  # nosec B105 # a sentence
    "busy": "The assistant cannot take a question right now. Please try again in a moment.",
}


class Refused(Exception):
    """A frame that is answered with an `error`; the socket stays open."""

    def __init__(self, code: str, about: UUID | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.about = about

    def frame(self) -> dict[str, Any]:
        text = SENTENCES[self.code].format(limit=f"{settings.CHAT_MAX_QUESTION_CHARS:,}")
        return frame("error", code=self.code, text=text, **({"id": str(self.about)} if self.about else {}))


@dataclass(frozen=True, slots=True)
class Seen:
    reply: UUID
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Hello:
    token: str | None
    identity: str | None
    conversation: UUID | None
    last_seen: Seen | None
    locale: str
    page_url: str
    page_title: str


@dataclass(frozen=True, slots=True)
class Ask:
    id: UUID
    text: str
    about: dict[str, str] = field(default_factory=dict)  # what the visitor or the page says of itself; nobody vouches


@dataclass(frozen=True, slots=True)
class Stop:
    reply: UUID


@dataclass(frozen=True, slots=True)
class Rate:
    reply: UUID
    score: int
    comment: str


@dataclass(frozen=True, slots=True)
class Handover:
    reason: str


@dataclass(frozen=True, slots=True)
class Past:
    """`conversations`: which were there before?"""


@dataclass(frozen=True, slots=True)
class Typing:
    pass


@dataclass(frozen=True, slots=True)
class Logout:
    pass


@dataclass(frozen=True, slots=True)
class Ping:
    n: int


ClientFrame = Hello | Ask | Stop | Rate | Handover | Past | Typing | Logout | Ping


def frame(kind: str, **fields: Any) -> dict[str, Any]:
    """A server's frame. Its fields are those of SERVER_FRAMES: a slip here is a bug, not something to send."""
    known = {name.rstrip("?") for name in SERVER_FRAMES[kind]}
    needed = {name for name in SERVER_FRAMES[kind] if not name.endswith("?")}
    if not needed <= fields.keys() <= known:
        raise ValueError(f"{kind} has the fields {sorted(fields)}, not {SERVER_FRAMES[kind]}")
    return {"type": kind, **fields}


def clean(text: str) -> str:
    """Without what cannot be stored or shown: control characters (NUL too) and lone surrogates."""
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def parse(raw: str) -> ClientFrame:
    """Raises Refused."""
    try:
        data = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refused("bad_frame") from None
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise Refused("bad_frame")
    kind = data["type"]
    if kind not in CLIENT_FRAMES:
        raise Refused("unknown_type")
    return PARSERS[kind](data)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _uuid(data: dict[str, Any], name: str) -> UUID:
    value = data.get(name)
    if not isinstance(value, str) or not 32 <= len(value) <= 36:
        raise Refused("bad_frame")
    try:
        return UUID(value)
    except ValueError:
        raise Refused("bad_frame") from None


def _text(data: dict[str, Any], name: str, most: int) -> str:
    """An optional text, cleaned and cut to `most` characters."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused("bad_frame")
    return clean(value[: 2 * most])[:most]


def _number(data: dict[str, Any], name: str, least: int = 0, most: int = 2**31 - 1) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused("bad_frame")
    return value


def _secret(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused("bad_frame")
    if not value or len(value) > MAX_TOKEN_CHARS:
        raise Refused("bad_token")
    return value


def _hello(data: dict[str, Any]) -> Hello:
    if _number(data, "protocol") != PROTOCOL:
        raise Refused("bad_frame")
    seen, page = data.get("last_seen"), data.get("page") or {}
    if not isinstance(page, dict) or not isinstance(seen, dict | None):
        raise Refused("bad_frame")
    return Hello(
        token=_secret(data, "token"),
        identity=_secret(data, "identity"),
        conversation=_uuid(data, "conversation") if data.get("conversation") is not None else None,
        last_seen=Seen(_uuid(seen, "reply"), _number(seen, "epoch"), _number(seen, "seq")) if seen else None,
        locale=_text(data, "locale", 16),
        page_url=_text(page, "url", 500),
        page_title=_text(page, "title", 200),
    )


def _ask(data: dict[str, Any]) -> Ask:
    key, text = _uuid(data, "id"), data.get("text")
    if not isinstance(text, str):
        raise Refused("bad_frame", key)
    text = clean(text)
    if len(text) > settings.CHAT_MAX_QUESTION_CHARS:
        raise Refused("too_long", key)
    if all(c.isspace() or unicodedata.category(c) == "Cf" for c in text):
        raise Refused("empty", key)
    return Ask(key, text, _about(data))


def _about(data: dict[str, Any]) -> dict[str, str]:
    """The first few entries that are short texts; what else a page puts there is left out."""
    about = data.get("about") or {}
    if not isinstance(about, dict):
        raise Refused("bad_frame")
    texts = [(clean(name[:40]), clean(said[:200])) for name, said in about.items() if isinstance(said, str)]
    return dict([(name, said) for name, said in texts if name and said][:MOST_ABOUT])


def _rate(data: dict[str, Any]) -> Rate:
    reply, score = _uuid(data, "reply"), _number(data, "score", -1, 1)
    if score == 0:
        raise Refused("bad_frame")
    return Rate(reply, score, _text(data, "comment", 1000))


PARSERS: dict[str, Any] = {
    "hello": _hello,
    "ask": _ask,
    "stop": lambda data: Stop(_uuid(data, "reply")),
    "rate": _rate,
    "handover": lambda data: Handover(_text(data, "reason", 300)),
    "conversations": lambda data: Past(),
    "typing": lambda data: Typing(),
    "logout": lambda data: Logout(),
    "ping": lambda data: Ping(_number(data, "n")),
}
