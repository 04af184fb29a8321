"""The products of a model's layers: a weight in the model's precision, maybe in 8 bits too, and what adapters add."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

QKV, OUTPUT, GATE_UP, DOWN = range(4)  # of a layer, in this order wherever they are listed
HALF = 254  # what the first byte leaves is at most a half of its unit
SMALLEST = torch.finfo(torch.float32).tiny
MODULES = (  # by their names in transformers: those of a product stand one under the other in its weight
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)


@dataclass(frozen=True, slots=True)
class Kinds:
    """In which numbers the weights are kept: the model's own, 8 bits, or both until the faster is known."""

    plain: bool = True
    int8: bool = False


class Product:
    """`rows` [n, in] -> [n, out]. `bytes` are the weight in 8 bits, with a scale for each output, if it has them."""

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor], dtype: torch.dtype, kinds: Kinds) -> None:
        """`weights` [out, in] stand one under the other; `biases` are none, or one for each."""
        self.out, self.size = sum(len(weight) for weight in weights), weights[0].shape[1]
        self.weight: Tensor | None = stacked(weights, dtype) if kinds.plain else None
        self.bias = stacked(biases, dtype) if biases else None
        self.bytes: Tensor | None = None
        self.scales: Tensor | None = None
        if kinds.int8:
            made, scales = zip(*(to_bytes(weight) for weight in weights), strict=True)
            self.bytes, self.scales = stacked(made, torch.int8), stacked(scales, torch.float32)

    def plainly(self, rows: Tensor) -> Tensor:
        """By the weight in the model's precision."""
        assert self.weight is not None
        return F.linear(rows, self.weight, self.bias)

    def by_bytes(self, rows: Tensor) -> Tensor:
        """By the 8-bit weight, for a few rows. The operator is none of torch's public ones: machine.py tries it.

        It is fast for rows in bfloat16 alone.
        """
        assert self.bytes is not None and self.scales is not None
        product = torch._weight_int8pack_mm(rows.bfloat16(), self.bytes, self.scales.bfloat16()).to(rows.dtype)
        return product if self.bias is None else product + self.bias

    def by_halves(self, rows: Tensor) -> Tensor:
        """By the 8-bit weight, for many rows: a product of bytes takes a fifth of the time of one of floats.

        A row is written as two bytes a value, the second for what the first leaves: as exact as 16 bits are. Tried by
        machine.py too.
        """
        assert self.bytes is not None and self.scales is not None
        wide = rows.float()
        unit = wide.abs().amax(1, keepdim=True).clamp(min=SMALLEST) / 127
        wide = wide / unit
        first = wide.round()
        halves = torch.cat([first, (wide - first).mul_(HALF).round_()]).to(torch.int8)
        both = torch._int_mm(halves, self.bytes.T)
        product = both[: len(rows)].float().add_(both[len(rows) :], alpha=1 / HALF).mul_(unit).mul_(self.scales)
        if self.bias is not None:
            product += self.bias
        return product.to(rows.dtype)


Multiply = Callable[[Product, Tensor], Tensor]  # one of the ways above


@dataclass(frozen=True, slots=True)
class LowRank:
    """What an adapter adds to one product: rows times `down` [rank, in], times `up` [rank, out]."""

    down: Tensor
    up: Tensor

    def add(self, rows: Tensor, product: Tensor) -> None:
        product.addmm_(F.linear(rows, self.down), self.up)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Adapter:
    """The low-rank parts of an adapter: for each layer one for each product, None where it leaves it as it is."""

    layers: tuple[tuple[LowRank | None, ...], ...]


def read_adapter(
    tensors: Mapping[str, Tensor], layers: int, sizes: tuple[tuple[int, ...], ...], scaling: float, like: Tensor
) -> Adapter:
    """From the tensors of a peft file, whose names and shapes were checked. `sizes` are the outputs of MODULES; `like`
    is of the precision and on the device that the adapter shall have."""
    return Adapter(
        tuple(
            tuple(
                _low_rank(
                    tensors, [f"base_model.model.model.layers.{layer}.{name}" for name in names], outs, scaling, like
                )
                for names, outs in zip(MODULES, sizes, strict=True)
            )
            for layer in range(layers)
        )
    )


def _low_rank(
    tensors: Mapping[str, Tensor], names: list[str], outs: tuple[int, ...], scaling: float, like: Tensor
) -> LowRank | None:
    """Of modules that stand one under the other in a product: each writes its own outputs, and zeros elsewhere."""
    downs, ups = [], []
    for name, before, out in zip(names, accumulate(outs, initial=0), outs, strict=False):
        down, up = tensors.get(f"{name}.lora_A.weight"), tensors.get(f"{name}.lora_B.weight")
        if down is not None and up is not None:
            downs.append(down.float())
            ups.append(F.pad(scaling * up.float().T, (before, sum(outs) - before - out)))
    if not downs:
        return None
    return LowRank(stacked(downs, like.dtype).to(like.device), stacked(ups, like.dtype).to(like.device))


def to_bytes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[out, in] in 8 bits and the scale of each row in float32; a row's largest value becomes 127."""
    scales = weight.detach().float().abs().amax(1).clamp(min=SMALLEST) / 127
    return (weight.detach().float() / scales[:, None]).round().to(torch.int8), scales


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy of its own: the model that it came from may go."""
    return weight.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)


def stacked(parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """One under the other, copied once: fresh memory is most of what a copy costs."""
    made = torch.empty(sum(len(part) for part in parts), *parts[0].shape[1:], dtype=dtype, device=parts[0].device)
    for place, part in zip(made.split([len(part) for part in parts]), parts, strict=True):
        place.copy_(part.detach())
    return made
