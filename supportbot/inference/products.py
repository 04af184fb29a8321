"""The products of a model's layers: a weight in the model's precision, maybe in 8 bits too, and what adapters add."""

from collections.abc import Callable, Mapping
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


class Product:
    """`rows` [n, in] -> [n, out]. `bytes` are the weight in 8 bits, with a scale for each output, if it has them."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, *, int8: bool) -> None:
        self.out, self.size = weight.shape
        self.weight: Tensor | None = cast(weight, dtype)  # [out, in]
        self.bias = None if bias is None else cast(bias, dtype)
        self.bytes: Tensor | None = None
        self.scales: Tensor | None = None
        if int8:
            self.bytes, self.scales = to_bytes(weight)

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
    tensors: Mapping[str, Tensor], layers: int, sizes: tuple[tuple[int, ...], ...], scaling: float, dtype: torch.dtype
) -> Adapter:
    """From the tensors of a peft file, whose names and shapes were checked. `sizes` are the outputs of MODULES."""
    return Adapter(
        tuple(
            tuple(
                _low_rank(
                    tensors, [f"base_model.model.model.layers.{layer}.{name}" for name in names], outs, scaling, dtype
                )
                for names, outs in zip(MODULES, sizes, strict=True)
            )
            for layer in range(layers)
        )
    )


def _low_rank(
    tensors: Mapping[str, Tensor], names: list[str], outs: tuple[int, ...], scaling: float, dtype: torch.dtype
) -> LowRank | None:
    """Of modules that stand one under the other in a product: each writes its own outputs, and zeros elsewhere."""
    downs, ups = [], []
    for name, before, out in zip(names, accumulate(outs, initial=0), outs, strict=False):
        down, up = tensors.get(f"{name}.lora_A.weight"), tensors.get(f"{name}.lora_B.weight")
        if down is not None and up is not None:
            downs.append(down.float())
            ups.append(F.pad(scaling * up.float().T, (before, sum(outs) - before - out)))
    return LowRank(cast(torch.cat(downs), dtype), cast(torch.cat(ups), dtype)) if downs else None


def to_bytes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[out, in] in 8 bits and the scale of each row in float32; a row's largest value becomes 127."""
    scales = weight.detach().float().abs().amax(1).clamp(min=SMALLEST) / 127
    return (weight.detach().float() / scales[:, None]).round().to(torch.int8), scales


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy of its own: the model that it came from may go."""
    return weight.detach().to(dtype).contiguous().clone()
