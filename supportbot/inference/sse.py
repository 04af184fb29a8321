"""What an OpenAI-compatible server answers, as a stream of events or whole: bounded, and strict in what counts.

Engines differ in what they leave out. A role without text, no usage, comments that keep the line open, ends of line of
either kind, `[DONE]` or none are all understood; what has another shape is malformed.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

MAX_LINE_BYTES = 1 << 20
_BY_LENGTH = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_BROKEN = frozenset({"error", "abort", "cancelled", "content_filter"})


class MalformedStream(Exception):
    """The server sent something that is not a stream of chat completion events."""


class StreamRefused(Exception):
    """The server told of an error after it had begun to answer; `status` is that of HTTP, 500 where it told none."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Delta:
    """One event: some text, perhaps the reason of the end (stop or length), perhaps the token counts."""

    text: str
    reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    done: bool = False  # the server said that nothing follows


async def read_deltas(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Delta, None]:
    """Events until `[DONE]` or the end of the bytes. Lines end at line feeds only: JSON may hold other breaks.

    Raises MalformedStream and StreamRefused.
    """
    rest, held = b"", ""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise MalformedStream
        for line in lines:
            field, _, data = line.strip().partition(b":")
            if field not in (b"data", b"error"):
                continue  # comments, blank lines and fields that we have no use for
            if data.strip() == b"[DONE]":
                yield Delta("", done=True)
                return
            delta = parse_delta(data, failed=field == b"error")
            text, held = _joined(held + delta.text)
            yield replace(delta, text=text)


async def read_whole(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Delta, None]:
    """The one Delta of a server that answers at once although a stream was asked for."""
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_LINE_BYTES:
            raise MalformedStream
    yield parse_whole(_object(body))


def parse_delta(data: bytes, *, failed: bool = False) -> Delta:
    """One event's JSON; MalformedStream when its shape is not that of a chat completion chunk."""
    event = _object(data)
    _check(event, failed=failed)
    choices, usage = event.get("choices"), _usage(event)
    if choices is None and usage:
        choices = []  # some tell the counts alone
    if not isinstance(choices, list):
        raise MalformedStream
    if not choices:  # the event that brings the usage
        return Delta("", None, *_counts(usage))
    text, reason = _said(choices[0], "delta")
    return Delta(text, reason, *_counts(usage))


def parse_whole(reply: Any) -> Delta:
    """The body of a whole reply, as the one event of a stream. Raises MalformedStream and StreamRefused."""
    if not isinstance(reply, dict):
        raise MalformedStream
    _check(reply)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedStream
    text, reason = _said(choices[0], "message")
    return Delta(_joined(text)[0], reason or "stop", *_counts(_usage(reply)), done=True)


def _object(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedStream from error
    if not isinstance(event, dict):
        raise MalformedStream
    return event


def _check(event: Mapping[str, Any], *, failed: bool = False) -> None:
    """StreamRefused for an error in any of the forms in which engines send one."""
    error = event.get("error") or (event if failed or event.get("object") == "error" else None)
    if error:
        code = str(error.get("code", error.get("status"))) if isinstance(error, dict) else ""
        status = int(code) if code.isdecimal() and len(code) == 3 else 0
        raise StreamRefused(status if 400 <= status <= 599 else 500)


def _said(choice: Any, name: str) -> tuple[str, str | None]:
    """The text and reason of the one choice that we ask for."""
    said = choice.get(name) if isinstance(choice, dict) else None
    if not isinstance(said, dict | None) or (said is None and not isinstance(choice, dict)):
        raise MalformedStream
    text, reason = (said or {}).get("content") or "", choice.get("finish_reason") or None
    if not isinstance(text, str) or not isinstance(reason, str | None) or (said is None and reason is None):
        raise MalformedStream
    if reason in _BROKEN:
        raise StreamRefused(500)
    return text, reason and ("length" if reason in _BY_LENGTH else "stop")


def _joined(text: str) -> tuple[str, str]:
    """Text that can be stored, and the half of a character whose other half comes with the next event.

    JSON can escape the two halves of one character apart, and carry ones that have no other half.
    """
    if text.isascii() and "\x00" not in text:
        return text, ""
    held = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    whole = text.removesuffix(held).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", ""), held


def _usage(event: Mapping[str, Any]) -> dict[str, Any]:
    usage = event.get("usage")
    return usage if isinstance(usage, dict) else {}


def _counts(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The tokens of prompt and answer; None for what the server does not tell."""
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return prompt if type(prompt) is int else None, completion if type(completion) is int else None
