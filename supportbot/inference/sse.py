"""What an OpenAI-compatible server streams, read strictly: bounded, one JSON object an event."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

MAX_LINE_BYTES = 1 << 20


class MalformedStream(Exception):
    """The server sent something that is not a stream of chat completion events."""


@dataclass(frozen=True, slots=True)
class Delta:
    """One event: some text, perhaps the reason of the end, perhaps the token counts."""

    text: str
    reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


async def read_deltas(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Delta, None]:
    """Events until `[DONE]` or the end of the bytes. Lines end at line feeds only: JSON may hold other breaks."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise MalformedStream
        for line in lines:
            field, _, data = line.strip().partition(b":")
            if field != b"data":
                continue  # comments, blank lines and fields that we have no use for
            if data.strip() == b"[DONE]":
                return
            yield parse_delta(data)


def parse_delta(data: bytes) -> Delta:
    """One event's JSON; MalformedStream when its shape is not that of a chat completion chunk."""
    try:
        event = json.loads(data)
    except ValueError as error:
        raise MalformedStream from error
    if not isinstance(event, dict) or not isinstance(event.get("choices"), list):
        raise MalformedStream
    usage = event.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    text, reason = _choice(event["choices"])
    return Delta(text, reason, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _choice(choices: list[Any]) -> tuple[str, str | None]:
    """The text and reason of the one choice that we ask for; the event that brings the usage has none."""
    if not choices:
        return "", None
    choice = choices[0]
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(delta, dict):
        raise MalformedStream
    text, reason = delta.get("content") or "", choice.get("finish_reason")
    if not isinstance(text, str) or not isinstance(reason, str | None):
        raise MalformedStream
    return text, reason


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) else None
