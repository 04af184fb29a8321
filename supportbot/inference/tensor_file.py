"""A safetensors file that somebody else made: its header read strictly, its numbers looked at, nothing run. No torch.

The library that loads such files believes more of a header than a stranger's file deserves, and says less about what
is wrong with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, TypeGuard

import numpy as np

from supportbot.inference.refusals import AdapterRefused

MAX_HEADER_BYTES = 2**20
MAX_TENSORS = 4096
MAX_AXES = 4
# Bytes of one number, and the bits that are all set in infinities and in what is not a number.
DTYPES: Mapping[str, tuple[int, int]] = {"F32": (4, 0x7F800000), "BF16": (2, 0x7F80), "F16": (2, 0x7C00)}
DISGUISED = {  # by their first bytes
    b"PK\x03\x04": "a zip archive with a pickle, as torch.save writes it; pickles can run code and are never opened",
    **{bytes((0x80, protocol)): "a pickle; pickles can run code and are never opened" for protocol in range(2, 6)},
    b"GGUF": "a GGUF file",
}
SAVE_AGAIN = "save the adapter as safetensors (peft's save_pretrained does)"
COPY_AGAIN = "copy the adapter again"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where the numbers of one tensor lie in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(name: str, content: bytes) -> dict[str, Tensor]:
    """The tensors of the file `name`, which lie side by side from the header to the end. Raises AdapterRefused."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > MAX_HEADER_BYTES:
        raise AdapterRefused(f"{name} {_no_header(content, length)}.")
    start = 8 + length
    if start > len(content):
        raise AdapterRefused(f"{name} is cut short: it ends within its safetensors header; {COPY_AGAIN}.")
    told = _json(name, content[8:start])
    told.pop("__metadata__", None)
    if len(told) > MAX_TENSORS:
        raise AdapterRefused(
            f"{name} names {len(told)} tensors, and an adapter has at most {MAX_TENSORS}: train again."
        )
    tensors = {key: _tensor(name, key, value, start) for key, value in told.items()}
    _check_places(name, tensors, start, len(content))
    return tensors


def check_finite(name: str, content: bytes, tensors: Mapping[str, Tensor]) -> None:
    """Raises AdapterRefused when any number is infinite or none."""
    for key, tensor in tensors.items():
        size, mask = DTYPES[tensor.dtype]
        bits = np.frombuffer(content, f"<u{size}", (tensor.end - tensor.start) // size, tensor.start)
        if ((bits & mask) == mask).any():
            raise AdapterRefused(
                f"{name} holds values in {quoted(key)} that are not finite numbers: its training went wrong, "
                "train it again."
            )


def quoted(text: object) -> str:
    """Words from a stranger's file for a log or a page: one short line without control characters."""
    shown = ascii(text)
    return shown if len(shown) <= 80 else f"{shown[:80]}…"


def _no_header(content: bytes, length: int) -> str:
    for first, what in DISGUISED.items():
        if content.startswith(first):
            return f"is not a safetensors file but {what}: {SAVE_AGAIN}"
    if len(content) < 8:
        return f"has only {len(content)} bytes and no safetensors header: {COPY_AGAIN}"
    return (
        f"is not a safetensors file: its header would have {length} bytes, and {MAX_HEADER_BYTES} are allowed; "
        f"{SAVE_AGAIN}"
    )


def _json(name: str, header: bytes) -> dict[str, Any]:
    try:
        told = json.loads(header.decode("utf-8"), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        reason = "names a tensor twice" if isinstance(error, Twins) else "is not JSON"
        raise AdapterRefused(f"{name} has a safetensors header that {reason}: {SAVE_AGAIN}.") from error
    if not isinstance(told, dict):
        raise AdapterRefused(f"{name} has a safetensors header that is not a JSON object: {SAVE_AGAIN}.")
    return told


class Twins(ValueError):
    """One key twice: two readers would take two different values."""


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise Twins
    return found


def _tensor(name: str, key: str, told: object, start: int) -> Tensor:
    told = told if isinstance(told, dict) else {}
    dtype, shape, place = told.get("dtype"), told.get("shape"), told.get("data_offsets")
    if not _are_counts(shape, MAX_AXES) or not _are_counts(place, 2) or len(place) != 2:
        raise AdapterRefused(
            f"{name} does not say where {quoted(key)} lies or how large it is (shape, data_offsets): {SAVE_AGAIN}."
        )
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise AdapterRefused(
            f"{name} holds {quoted(key)} as {quoted(dtype)}, and the engine reads {', '.join(DTYPES)}: "
            f"{SAVE_AGAIN}, in one of these."
        )
    if place[1] - place[0] != prod(shape) * DTYPES[dtype][0]:
        raise AdapterRefused(f"{name} gives {quoted(key)} another size than its shape has: {SAVE_AGAIN}.")
    return Tensor(dtype, tuple(shape), start + place[0], start + place[1])


def _are_counts(value: object, most: int) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) <= most and all(type(n) is int and 0 <= n < 2**48 for n in value)


def _check_places(name: str, tensors: Mapping[str, Tensor], start: int, end: int) -> None:
    """Side by side and to the end: no byte read twice, and none that nobody reads."""
    spans = sorted((tensor.start, tensor.end) for tensor in tensors.values())
    if any(left[1] > right[0] for left, right in pairwise(spans)):
        raise AdapterRefused(f"{name} has tensors that overlap (data_offsets): {SAVE_AGAIN}.")
    last = spans[-1][1] if spans else start
    if last > end:
        raise AdapterRefused(f"{name} is cut short: it has {end} bytes and its tensors need {last}; {COPY_AGAIN}.")
    if last < end or any(left[1] < right[0] for left, right in pairwise([(start, start), *spans])):
        raise AdapterRefused(f"{name} holds bytes that belong to no tensor (data_offsets): {SAVE_AGAIN}.")
