"""The keys and values of running sequences, one slot each; slots in use are always 0..n-1."""

import math
from collections.abc import Sequence as Tokens

import numpy
import torch

SHORTEST_SHARED_PREFIX = 16  # tokens; copying less than this is not worth the search


class KeyValueCache:
    """`keys` and `values`: [layers, slots, kv_heads, length, head_dim].

    The memory is reserved, not touched: the system gives pages when a slot is first written that far. It reads as
    zeros, since the masked places of a shorter sequence are still multiplied by 0, and 0 times NaN is not 0.
    Each slot also remembers the tokens it holds, so that a new prompt can copy what it shares with an older one,
    running or finished: the system prompt at least.
    """

    def __init__(self, layers: int, slots: int, heads: int, length: int, width: int, dtype: torch.dtype) -> None:
        shape = (layers, slots, heads, length, width)
        self.keys, self.values = _untouched_zeros(shape, dtype), _untouched_zeros(shape, dtype)
        self.tokens: list[list[int]] = [[] for _ in range(slots)]

    def reuse(self, slot: int, prompt: Tokens[int]) -> int:
        """Fill `slot` with the longest known prefix of `prompt`; how many tokens that is. The last is never copied:
        its forward pass gives the first word."""
        best_slot, best = slot, 0
        for other, known in enumerate(self.tokens):
            shared = _shared(known, prompt)
            if shared > best:
                best_slot, best = other, shared
        best = min(best, len(prompt) - 1)
        if best < SHORTEST_SHARED_PREFIX:
            best = 0
        if best and best_slot != slot:
            self._copy(best_slot, slot, best)
        self.tokens[slot] = list(prompt[:best])
        return best

    def move(self, source: int, target: int) -> None:
        """Close a gap: the sequence in `source` goes on in `target`."""
        held = self.tokens[source]
        self._copy(source, target, len(held))
        self.tokens[target] = list(held)

    def _copy(self, source: int, target: int, length: int) -> None:
        self.keys[:, target, :, :length] = self.keys[:, source, :, :length]
        self.values[:, target, :, :length] = self.values[:, source, :, :length]


def _untouched_zeros(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """numpy asks the system for zeroed pages; torch.zeros would write them, and take them all at once."""
    return torch.from_numpy(numpy.zeros(math.prod(shape) * dtype.itemsize, numpy.uint8)).view(dtype).view(shape)


def _shared(first: Tokens[int], second: Tokens[int]) -> int:
    count = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        count += 1
    return count
