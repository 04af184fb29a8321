"""A GGUF file of the base model with an adapter merged in, in 16 bits: what llama.cpp needs to say what we say.

The words, the template and the shape of the model are those of the GGUF file that the weights came from; only its
quantised tensors are replaced. llama.cpp turns pairs of neighbours where transformers turns halves of a head, so the
rows of queries and keys change places.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.quants import quantize

ARCHITECTURE = "llama"
_OUR_OWN = ("GGUF.", "general.architecture", "general.file_type", "general.quantization_version")
_WHOLE = {
    "token_embd": "model.embed_tokens",  # nosec B105 # a layer's name
    "output_norm": "model.norm",
    "output": "lm_head",
}
IN_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_BLOCK = re.compile(r"blk\.(\d+)\.(\w+)\.weight")


class NotConvertible(Exception):
    """The sentence says which file holds what cannot be written as GGUF."""


def write_gguf(source: Path, weights: Mapping[str, np.ndarray], target: Path) -> None:
    """`target` becomes `source` with these weights: float32, by their names in transformers. NotConvertible."""
    reader = GGUFReader(source)
    told = {name: field.contents() for name, field in reader.fields.items()}
    if told["general.architecture"] != ARCHITECTURE:
        raise NotConvertible(f"{source.name} is of the {told['general.architecture']} family; only llama is written.")
    heads = {"attn_q": told["llama.attention.head_count"], "attn_k": told["llama.attention.head_count_kv"]}
    draft = target.with_name(f".draft-{target.name}")
    writer = GGUFWriter(draft, ARCHITECTURE)
    for name, field in reader.fields.items():
        if not name.startswith(_OUR_OWN):
            inner = field.types[-1] if field.types[0] is GGUFValueType.ARRAY else None
            writer.add_key_value(name, told[name], field.types[0], sub_type=inner)
    writer.add_file_type(LlamaFileType.MOSTLY_BF16)
    for tensor in reader.tensors:
        values = _turned(tensor.name, weights, heads, source)
        if list(values.shape) != list(reversed(tensor.shape.tolist())):
            raise NotConvertible(f"{tensor.name} has another shape in {source.name} than in the weights.")
        kind = GGMLQuantizationType.BF16 if values.ndim > 1 else GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(target)


def transformers_name(name: str) -> str | None:
    """What a tensor of a GGUF file is called in transformers; None for one that has no place there."""
    if block := _BLOCK.fullmatch(name):
        inner = IN_BLOCK.get(block[2])
        return f"model.layers.{block[1]}.{inner}.weight" if inner else None
    whole = _WHOLE.get(name.removesuffix(".weight"))
    return f"{whole}.weight" if whole else None


def pairs_from_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """[heads * width, n]: in each head, row i of the first half goes beside row i of the second."""
    return rows.reshape(heads, 2, -1, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def _turned(name: str, weights: Mapping[str, np.ndarray], heads: Mapping[str, int], source: Path) -> np.ndarray:
    known = transformers_name(name)
    if known is None or known not in weights:
        raise NotConvertible(f"{source.name} holds {name}, for which the weights have nothing.")
    block = _BLOCK.fullmatch(name)
    values = weights[known]
    return pairs_from_halves(values, heads[block[2]]) if block and block[2] in heads else values
