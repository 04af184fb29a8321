"""A forward pass of the Llama family written for a processor: few, large operations over the rows of all that is read.

transformers spends most of a decode step in Python and small kernels; here q, k and v are one product, gate and up are
one, the rotation is three operations for queries and keys together, and a prompt's part, the newest words of running
answers and guesses to be checked are all rows of one batch, each with the adapter of its sequence.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from supportbot.inference.cache import States
from supportbot.inference.digests import WeightsError
from supportbot.inference.products import (
    DOWN,
    GATE_UP,
    OUTPUT,
    QKV,
    Adapter,
    Kinds,
    Multiply,
    Product,
    cast,
    read_adapter,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel

FAMILIES = ("llama", "qwen2")  # qwen2 is Llama with biases on q, k and v
SPARE_ROWS = 9  # checking 8 guesses takes 1.6 times a single word


class UnsupportedModel(WeightsError):
    """The base model's architecture is not one that this engine computes."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block's weights; the products in the order of products.py."""

    attention_norm: Tensor
    feed_norm: Tensor
    products: tuple[Product, Product, Product, Product]


@dataclass(frozen=True, slots=True)
class Part:
    """New tokens of one sequence, behind what its states hold, and the adapter that reads them."""

    tokens: list[int]
    states: States
    adapter: Adapter | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Where a part stands: its rows in the batch [first, first + count), its positions [start, end)."""

    part: Part
    first: int
    start: int
    mask: Tensor | None  # [group * count, end] where several new tokens see older ones and each other

    @property
    def count(self) -> int:
        return len(self.part.tokens)


Step = Callable[[Sequence[Part]], Tensor]  # rows of parts -> logits [rows, vocabulary] in float32


class Llama:
    """The weights of a model, with an adapter or without, and the ways to run them."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        dtype: torch.dtype,
        context: int,
        kinds: Kinds = Kinds(),  # noqa: B008 (frozen)
    ) -> None:
        """Takes the weights of a transformers model, cast to `dtype`, or in 8 bits, as `kinds` says, on its device.

        `context` bounds a sequence's length.
        """
        config = model.config
        if config.model_type not in FAMILIES:
            raise UnsupportedModel(f"The engine runs {' and '.join(FAMILIES)} models, not {config.model_type}.")
        self.dtype = dtype
        self.device: torch.device = model.lm_head.weight.device
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        self.group = self.heads // self.kv_heads  # query heads that share a key head
        self.width: int = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.hidden: int = config.hidden_size
        self.wide: int = config.intermediate_size
        self.epsilon: float = config.rms_norm_eps
        self.context: int = min(context, config.max_position_embeddings)
        self.layers = [self._layer(block, kinds) for block in model.model.layers]
        self.norm = cast(model.model.norm.weight, dtype)
        self.head = Product([model.lm_head.weight], [], dtype, kinds)
        tied = model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
        shared = self.head.weight if tied else None
        self.embeddings = cast(model.model.embed_tokens.weight, dtype) if shared is None else shared
        self.cosines, self.sines = self._rotations(model)  # in float32
        self.adapter: Adapter | None = None
        self.multiply: Multiply = Product.plainly  # how prompts are computed fastest, and
        self.step: Step = self.torch_step  # how a few rows are: machine.py may choose other ways
        self.spare_rows = SPARE_ROWS  # so many rows cost little more than one

    def tuned(self, tensors: Mapping[str, Tensor], scaling: float) -> Llama:
        """The same model read through an adapter, given by the tensors of its peft file. All weights are shared."""
        model = copy.copy(self)
        queries, keys = self.heads * self.width, self.kv_heads * self.width
        sizes = ((queries, keys, keys), (self.hidden,), (self.wide, self.wide), (self.hidden,))
        model.adapter = read_adapter(tensors, len(self.layers), sizes, scaling, self.norm)
        return model

    @property
    def has_bytes(self) -> bool:
        """Whether it was made with weights in 8 bits too."""
        return self.head.bytes is not None

    def forget(self, *, plain: bool = False, int8: bool = False) -> None:
        """Let go of weights that nothing here is computed by."""
        for product in [self.head, *(product for layer in self.layers for product in layer.products)]:
            if plain:
                product.weight = None
            if int8:
                product.bytes = product.scales = None

    def new_states(self, capacity: int) -> States:
        """Room for a sequence of at most `capacity` tokens that this model reads."""
        shape = (len(self.layers), self.kv_heads, capacity, self.width)
        return States(shape, self.dtype, self.adapter, self.device)

    @torch.inference_mode()
    def prefill(self, part: Part, *, last: bool) -> Tensor | None:
        """Read a part of a prompt; the logits [1, vocabulary] after its final token if `last`."""
        hidden = self._read([part], self.multiply)
        return self._logits(hidden[-1:], self.multiply) if last else None

    def decode(self, parts: Sequence[Part]) -> Tensor:
        """The logits [rows, vocabulary] after each token of each part, of sequences that all differ."""
        return self.step(parts)

    @torch.inference_mode()
    def torch_step(self, parts: Sequence[Part]) -> Tensor:
        """One step in the model's own precision."""
        return self._logits(self._read(parts, Product.plainly), Product.plainly)

    @torch.inference_mode()
    def int8_step(self, parts: Sequence[Part]) -> Tensor:
        """One step by the weights in 8 bits, for models that were made with them."""
        return self._logits(self._read(parts, Product.by_bytes), Product.by_bytes)

    def _read(self, parts: Sequence[Part], multiply: Multiply) -> Tensor:
        """The last block's output [rows, hidden]; the states of each part then hold its tokens too."""
        spans = self._spans(parts)
        places = [place for span in spans for place in range(span.start, span.start + span.count)]
        positions = torch.tensor(places, device=self.device)
        tokens = torch.tensor([token for part in parts for token in part.tokens], device=self.device)
        hidden = F.embedding(tokens, self.embeddings)
        cosines = self.cosines[positions].unsqueeze(1).to(self.dtype)
        sines = self.sines[positions].unsqueeze(1).to(self.dtype)
        groups = _groups(spans)
        for index, layer in enumerate(self.layers):

            def times(which: int, rows: Tensor, layer: Layer = layer, index: int = index) -> Tensor:
                made = multiply(layer.products[which], rows)
                for adapter, first, last in groups:
                    if (low_rank := adapter.layers[index][which]) is not None:
                        low_rank.add(rows[first:last], made[first:last])
                return made

            normed = F.rms_norm(hidden, hidden.shape[-1:], layer.attention_norm, self.epsilon)
            mixed = times(QKV, normed).view(len(hidden), -1, self.width)
            turned, values = mixed.split([self.heads + self.kv_heads, self.kv_heads], dim=1)
            turned = torch.addcmul(turned * cosines, turned.roll(self.width // 2, -1), sines)
            hidden = hidden + times(OUTPUT, self._seen(index, spans, turned, values))
            normed = F.rms_norm(hidden, hidden.shape[-1:], layer.feed_norm, self.epsilon)
            gate, up = times(GATE_UP, normed).chunk(2, dim=-1)
            hidden = hidden + times(DOWN, F.silu(gate) * up)
        for part in parts:
            part.states.tokens.extend(part.tokens)
        return hidden

    def _spans(self, parts: Sequence[Part]) -> list[Span]:
        spans, first = [], 0
        for part in parts:
            start, count = len(part.states.tokens), len(part.tokens)
            mask = None
            if start and count > 1:
                mask = torch.ones(count, start + count, dtype=torch.bool, device=self.device)
                mask = mask.tril(diagonal=start).repeat(self.group, 1)
            spans.append(Span(part, first, start, mask))
            first += count
        return spans

    def _seen(self, index: int, spans: list[Span], turned: Tensor, values: Tensor) -> Tensor:
        """What each row's heads attend to [rows, heads * width], once the new keys and values are in their states."""
        seen = []
        for span in spans:
            rows, end = slice(span.first, span.first + span.count), span.start + span.count
            states = span.part.states
            all_keys, all_values = states.keys[index, :, :end], states.values[index, :, :end]
            all_keys[:, span.start :] = turned[rows, self.heads :].transpose(0, 1)
            all_values[:, span.start :] = values[rows].transpose(0, 1)
            queries = turned[rows, : self.heads]
            if span.start == 0 and span.count > 1:
                seen.append(self._attend_from_start(queries, all_keys, all_values))
            else:
                seen.append(self._attend(queries, all_keys, all_values, span.mask))
        return seen[0] if len(seen) == 1 else torch.cat(seen)

    def _attend_from_start(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """A prompt's first part sees itself only. The causal kernel skips half of the work."""
        keys, values = (states.repeat_interleave(self.group, dim=0).unsqueeze(0) for states in (keys, values))
        rows = queries.transpose(0, 1).unsqueeze(0)
        attended = F.scaled_dot_product_attention(rows, keys, values, is_causal=True)
        return attended[0].transpose(0, 1).reshape(len(queries), -1)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """New tokens see older ones too. The query heads of a group ask their key head like more rows: no copies."""
        count = len(queries)
        rows = queries.view(count, self.kv_heads, self.group, self.width).permute(1, 2, 0, 3)
        rows = rows.reshape(1, self.kv_heads, self.group * count, self.width)
        attended = F.scaled_dot_product_attention(rows, keys.unsqueeze(0), values.unsqueeze(0), attn_mask=mask)
        return attended.view(self.kv_heads, self.group, count, self.width).permute(2, 0, 1, 3).reshape(count, -1)

    def _logits(self, hidden: Tensor, multiply: Multiply) -> Tensor:
        normed = F.rms_norm(hidden, hidden.shape[-1:], self.norm, self.epsilon)
        return multiply(self.head, normed).float()

    def _layer(self, block: torch.nn.Module, kinds: Kinds) -> Layer:
        attention, feed = block.self_attn, block.mlp
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        biases = [part.bias for part in parts if part.bias is not None]
        return Layer(
            attention_norm=cast(block.input_layernorm.weight, self.dtype),
            feed_norm=cast(block.post_attention_layernorm.weight, self.dtype),
            products=(
                Product([part.weight for part in parts], biases, self.dtype, kinds),
                Product([attention.o_proj.weight], [], self.dtype, kinds),
                Product([feed.gate_proj.weight, feed.up_proj.weight], [], self.dtype, kinds),
                Product([feed.down_proj.weight], [], self.dtype, kinds),
            ),
        )

    def _rotations(self, model: PreTrainedModel) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines [context, width], by the model's own rotary embedding (scaled ones included).

        rotate_half(x) = (-x2, x1); here it is (x2, x1) with the sign moved into the sines.
        """
        positions = torch.arange(self.context, device=self.device).unsqueeze(0)
        with torch.inference_mode():
            cosines, sines = model.model.rotary_emb(torch.zeros(1, 1, device=self.device), positions)
        half = self.width // 2
        signed = torch.cat([-sines[0, :, :half], sines[0, :, half:]], dim=-1)
        return cast(cosines[0], torch.float32), cast(signed, torch.float32)


def _groups(spans: list[Span]) -> list[tuple[Adapter, int, int]]:
    """Neighbouring rows that one adapter reads, and which they are."""
    groups: list[tuple[Adapter, int, int]] = []
    for span in spans:
        adapter, end = span.part.adapter, span.first + span.count
        if adapter is None:
            continue
        if groups and groups[-1][0] is adapter and groups[-1][2] == span.first:
            groups[-1] = (adapter, groups[-1][1], end)
        else:
            groups.append((adapter, span.first, end))
    return groups
