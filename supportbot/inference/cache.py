"""The keys and values of sequences: of those that run, and of some that ended, whose beginnings new prompts share."""

import math
import mmap
from collections.abc import Iterable
from collections.abc import Sequence as Tokens

import torch

SHORTEST_SHARED_PREFIX = 16  # tokens; copying less than this is not worth the search
KEPT_BYTES = 192 * 2**20  # of sequences that ended: 4,096 tokens of the model that ships, or 8,192 in bfloat16


class States:
    """`keys` and `values`: [layers, kv_heads, capacity, head_dim], and the `tokens` that they are of.

    The memory is reserved for the longest that the sequence can become, but on a processor the system gives a page only
    when it is first written, and takes all of them back at the end. `reader` is what read the tokens: nobody else may
    share them.
    """

    def __init__(
        self, shape: tuple[int, int, int, int], dtype: torch.dtype, reader: object, device: torch.device
    ) -> None:
        self.keys, self.values = _reserve(shape, dtype, device), _reserve(shape, dtype, device)
        self.reader = reader
        self.tokens: list[int] = []

    @property
    def bytes(self) -> int:
        """What the tokens take of the memory."""
        return 2 * self.keys[:, :, : len(self.tokens)].nbytes

    def copy(self, other: "States", length: int) -> None:
        """Begin with the first `length` tokens of another sequence that the same reader read."""
        self.keys[:, :, :length] = other.keys[:, :, :length]
        self.values[:, :, :length] = other.values[:, :, :length]
        self.tokens = other.tokens[:length]


class Kept:
    """States of sequences that ended, the latest used last, at most KEPT_BYTES altogether."""

    def __init__(self) -> None:
        self._kept: list[States] = []

    @property
    def tokens(self) -> int:
        return sum(len(states.tokens) for states in self._kept)

    def keep(self, states: States) -> None:
        """The oldest make room; one that says no more than the new one goes too."""
        told = states.tokens
        self._kept = [
            old for old in self._kept if old.reader is not states.reader or old.tokens != told[: len(old.tokens)]
        ]
        self._kept.append(states)
        while sum(old.bytes for old in self._kept) > KEPT_BYTES:
            self._kept.pop(0)

    def begin(self, states: States, prompt: Tokens[int], running: Iterable[States]) -> int:
        """Fill new states with the longest beginning of `prompt` that is known, here or in a running sequence.

        How many tokens that is. The last is never copied: its forward pass gives the first word.
        """
        best, length = states, 0
        for known in [*self._kept, *running]:
            if known.reader is states.reader and (shared := _shared(known.tokens, prompt)) > length:
                best, length = known, shared
        length = min(length, len(prompt) - 1)
        if length < SHORTEST_SHARED_PREFIX:
            return 0
        if best in self._kept:
            self._kept.append(self._kept.pop(self._kept.index(best)))
        states.copy(best, length)
        return length


def _reserve(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Zeros that take no memory until they are written. Freed memory of torch's own would stay with the process."""
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    return torch.frombuffer(mmap.mmap(-1, math.prod(shape) * dtype.itemsize), dtype=dtype).view(shape)


def _shared(first: Tokens[int], second: Tokens[int]) -> int:
    count = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        count += 1
    return count
