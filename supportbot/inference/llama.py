"""A forward pass of the Llama family written for a processor: few, large operations and a cache with slots.

transformers spends most of a decode step in Python and small kernels; here q, k and v are one product, gate and up are
one, and the rotation is three operations for queries and keys together.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from supportbot.inference.cache import KeyValueCache

FAMILIES = ("llama", "qwen2")  # qwen2 is Llama with biases on q, k and v


class UnsupportedModel(Exception):
    """The base model's architecture is not one that this engine computes."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block's weights; a product's weight is [out, in]."""

    attention_norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    output: Tensor
    feed_norm: Tensor
    gate_up: Tensor
    down: Tensor


class Llama:
    """The weights of one merged model, and the ways to run them."""

    def __init__(
        self, model: PreTrainedModel, *, dtype: torch.dtype, context: int, shared: "Llama | None" = None
    ) -> None:
        """Takes the weights of a transformers model, cast to `dtype`.

        `context` bounds a sequence's length; `shared` is a model whose embeddings are the same, kept once.
        """
        config = model.config
        if config.model_type not in FAMILIES:
            raise UnsupportedModel(f"The engine runs {' and '.join(FAMILIES)} models, not {config.model_type}.")
        self.dtype = dtype
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.group = self.heads // self.kv_heads  # query heads that share a key head
        self.width = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.epsilon = config.rms_norm_eps
        self.context = min(context, config.max_position_embeddings)
        self.layers = [self._layer(block) for block in model.model.layers]
        self.norm = self._cast(model.model.norm.weight)
        if shared is None:
            self.embeddings = self._cast(model.model.embed_tokens.weight)
            tied = model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
            self.head = self.embeddings if tied else self._cast(model.lm_head.weight)
        else:
            self.embeddings, self.head = shared.embeddings, shared.head
        self.cosines, self.sines = self._rotations(model)

    def new_cache(self, slots: int) -> KeyValueCache:
        """An empty cache that fits this model."""
        return KeyValueCache(len(self.layers), slots, self.kv_heads, self.context, self.width, self.dtype)

    @torch.inference_mode()
    def prefill(self, tokens: list[int], cache: KeyValueCache, slot: int, *, last: bool) -> Tensor | None:
        """Read `tokens` into `slot`, behind what it holds; the logits [vocabulary] after the final one if `last`."""
        hidden = self._read(tokens, cache, slot)
        return self._logits(hidden[-1:])[0] if last else None

    @torch.inference_mode()
    def verify(self, tokens: list[int], cache: KeyValueCache, slot: int) -> Tensor:
        """The same, with the logits [n, vocabulary] after each token."""
        return self._logits(self._read(tokens, cache, slot))

    @torch.inference_mode()
    def decode(self, tokens: list[int], cache: KeyValueCache) -> Tensor:
        """One step for the sequences in slots 0..n-1, whose newest tokens are `tokens`; logits [n, vocabulary]."""
        count = len(tokens)
        lengths = [len(cache.tokens[slot]) for slot in range(count)]
        longest = max(lengths) + 1
        positions, slots = torch.tensor(lengths), torch.arange(count)
        hidden = F.embedding(torch.tensor(tokens), self.embeddings)
        cosines, sines = self.cosines[positions].unsqueeze(1), self.sines[positions].unsqueeze(1)
        mask = None
        if min(lengths) + 1 < longest:
            mask = (torch.arange(longest) <= positions.unsqueeze(1)).view(count, 1, 1, longest)
        for index, layer in enumerate(self.layers):
            queries, keys, values = self._project(layer, hidden, cosines, sines)
            cache.keys[index][slots, :, positions] = keys
            cache.values[index][slots, :, positions] = values
            attended = F.scaled_dot_product_attention(  # a group of query heads asks its key head like several rows
                queries.view(count, self.kv_heads, self.group, self.width),
                cache.keys[index, :count, :, :longest],
                cache.values[index, :count, :, :longest],
                attn_mask=mask,
            )
            hidden = self._finish(layer, hidden, attended.reshape(count, -1))
        for slot, token in enumerate(tokens):
            cache.tokens[slot].append(token)
        return self._logits(hidden)

    def _read(self, tokens: list[int], cache: KeyValueCache, slot: int) -> Tensor:
        """The last block's output [n, hidden] for new tokens of one sequence."""
        count, start = len(tokens), len(cache.tokens[slot])
        end = start + count
        hidden = F.embedding(torch.tensor(tokens), self.embeddings)
        cosines, sines = self.cosines[start:end].unsqueeze(1), self.sines[start:end].unsqueeze(1)
        mask = torch.ones(count, end, dtype=torch.bool).tril(diagonal=start).repeat(self.group, 1) if start else None
        for index, layer in enumerate(self.layers):
            queries, keys, values = self._project(layer, hidden, cosines, sines)
            all_keys, all_values = cache.keys[index, slot, :, :end], cache.values[index, slot, :, :end]
            all_keys[:, start:] = keys.transpose(0, 1)
            all_values[:, start:] = values.transpose(0, 1)
            if mask is None:
                attended = self._attend_from_start(queries, all_keys, all_values)
            else:
                attended = self._attend(queries, all_keys, all_values, mask)
            hidden = self._finish(layer, hidden, attended)
        cache.tokens[slot].extend(tokens)
        return hidden

    def _attend_from_start(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """A prompt's first part sees itself only: [n, heads * width]. The causal kernel skips half of the work."""
        keys, values = (states.repeat_interleave(self.group, dim=0).unsqueeze(0) for states in (keys, values))
        rows = queries.transpose(0, 1).unsqueeze(0)
        attended = F.scaled_dot_product_attention(rows, keys, values, is_causal=True)
        return attended[0].transpose(0, 1).reshape(len(queries), -1)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """New tokens see older ones too. The query heads of a group ask their key head like more rows: no copies."""
        count = len(queries)
        rows = queries.view(count, self.kv_heads, self.group, self.width).permute(1, 2, 0, 3)
        rows = rows.reshape(1, self.kv_heads, self.group * count, self.width)
        attended = F.scaled_dot_product_attention(rows, keys.unsqueeze(0), values.unsqueeze(0), attn_mask=mask)
        return attended.view(self.kv_heads, self.group, count, self.width).permute(2, 0, 1, 3).reshape(count, -1)

    def _project(self, layer: Layer, hidden: Tensor, cosines: Tensor, sines: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries [n, heads, width], rotated keys and plain values [n, kv_heads, width]."""
        normed = F.rms_norm(hidden, hidden.shape[-1:], layer.attention_norm, self.epsilon)
        mixed = F.linear(normed, layer.qkv, layer.qkv_bias).view(len(hidden), -1, self.width)
        turned, values = mixed.split([self.heads + self.kv_heads, self.kv_heads], dim=1)
        turned = torch.addcmul(turned * cosines, turned.roll(self.width // 2, -1), sines)
        queries, keys = turned.split([self.heads, self.kv_heads], dim=1)
        return queries, keys, values

    def _finish(self, layer: Layer, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + F.linear(attended, layer.output)
        normed = F.rms_norm(hidden, hidden.shape[-1:], layer.feed_norm, self.epsilon)
        gate, up = F.linear(normed, layer.gate_up).chunk(2, dim=-1)
        return hidden + F.linear(F.silu(gate) * up, layer.down)

    def _logits(self, hidden: Tensor) -> Tensor:
        normed = F.rms_norm(hidden, hidden.shape[-1:], self.norm, self.epsilon)
        return F.linear(normed, self.head).float()

    def _layer(self, block: torch.nn.Module) -> Layer:
        attention, feed = block.self_attn, block.mlp
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        biases = [part.bias for part in parts if part.bias is not None]
        return Layer(
            attention_norm=self._cast(block.input_layernorm.weight),
            qkv=self._cast(torch.cat([part.weight for part in parts])),
            qkv_bias=self._cast(torch.cat(biases)) if biases else None,
            output=self._cast(attention.o_proj.weight),
            feed_norm=self._cast(block.post_attention_layernorm.weight),
            gate_up=self._cast(torch.cat([feed.gate_proj.weight, feed.up_proj.weight])),
            down=self._cast(feed.down_proj.weight),
        )

    def _rotations(self, model: PreTrainedModel) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines [context, width], by the model's own rotary embedding (scaled ones included).

        rotate_half(x) = (-x2, x1); here it is (x2, x1) with the sign moved into the sines.
        """
        positions = torch.arange(self.context).unsqueeze(0)
        with torch.inference_mode():
            cosines, sines = model.model.rotary_emb(torch.zeros(1, 1, dtype=torch.float32), positions)
        half = self.width // 2
        signed = torch.cat([-sines[0, :, :half], sines[0, :, half:]], dim=-1)
        return self._cast(cosines[0]), self._cast(signed)

    def _cast(self, weight: Tensor) -> Tensor:
        return weight.detach().to(self.dtype).contiguous().clone()
