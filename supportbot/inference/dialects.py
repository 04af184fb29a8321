"""What other engines refuse of a request, and the same request without it. Learnt from an engine's own words, once.

A refusal that names what it does not take is answered by asking again without that. Everything is kept in memory only:
a server that was updated is asked in full by the next process.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """`said` is how a refusal names it; `fits` tells whether a request has it; `made` is the request without it."""

    said: re.Pattern[str]
    fits: Callable[[Body], bool]
    made: Callable[[Body], dict[str, Any]]


def spoken(url: str, body: Body) -> dict[str, Any]:
    """The request as this server understands it."""
    for change in CHANGES:
        if change in _learnt.get(url, ()) and change.fits(body):
            body = change.made(body)
    return dict(body)


def learn(url: str, sent: Body, status: int, words: str) -> bool:
    """Whether the refusal of what was `sent` names something that another try can do without."""
    if status not in (400, 422):
        return False
    named = [change for change in CHANGES if change.fits(sent) and change.said.search(words)]
    _learnt.setdefault(url, set()).update(named)
    return bool(named)


def advice(status: int, words: str) -> str:
    """What a person can do about a refusal: a sentence that repeats nothing of the request."""
    if status in (401, 403):
        return " Does MODEL_API_KEY hold its key?"
    if status == 404:
        return " Does the URL end in /v1, and is the model's name one that the server knows?"
    if _NO_TEMPLATE.search(words):
        return " It has no chat template for this model: start it with one."
    if _TOO_LONG.search(words):
        return " The prompt is longer than the context that the server was started with."
    return ""


def _without(name: str) -> Callable[[Body], dict[str, Any]]:
    return lambda body: {key: value for key, value in body.items() if key != name}


def _without_chances(body: Body) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("logprobs", "top_logprobs")}


def _has(name: str) -> Callable[[Body], bool]:
    return lambda body: name in body


def _renamed(body: Body) -> dict[str, Any]:
    return {"max_completion_tokens" if key == "max_tokens" else key: value for key, value in body.items()}


def _begins_with_system(body: Body) -> bool:
    roles = [message["role"] for message in body.get("messages", ())[:2]]
    return roles == ["system", "user"]


def _folded(body: Body) -> dict[str, Any]:
    """Some chat templates know no system: its words go before the first of the customer's message."""
    system, first, *rest = body["messages"]
    told = {"role": "user", "content": f"{system['content']}\n\n{first['content']}"}
    return {**body, "messages": [told, *rest]}


_NO_TEMPLATE = re.compile(r"chat[ _-]template", re.IGNORECASE)
_TOO_LONG = re.compile(r"context[ _](?:length|size|window)|too many tokens", re.IGNORECASE)
CHANGES = (
    Change(re.compile("stream_options"), _has("stream_options"), _without("stream_options")),
    Change(
        re.compile(r"not supported.{0,80}max_completion_tokens", re.IGNORECASE | re.DOTALL),
        _has("max_tokens"),
        _renamed,
    ),
    Change(
        re.compile(r"temperature.{0,80}(?:not support|unsupported|deprecated)|unsupported.{0,40}temperature", re.I),
        _has("temperature"),
        _without("temperature"),
    ),
    Change(re.compile("logprobs"), _has("logprobs"), _without_chances),
    Change(re.compile("encoding_format|base64"), _has("encoding_format"), _without("encoding_format")),
    Change(
        re.compile(r"system role|role.{0,10}system|roles must alternate", re.IGNORECASE), _begins_with_system, _folded
    ),
)
_learnt: dict[str, set[Change]] = {}  # by address; only those of the settings are ever asked
