"""A small GGUF file as others publish them: what the converter takes names, words and shapes from."""

from pathlib import Path

import numpy
from gguf import GGUFWriter

from supportbot.inference.gguf_file import IN_BLOCK, transformers_name, write_gguf


def write_tiny_gguf(model, folder: Path) -> Path:
    """The Llama `model` in 16 bits by our converter, from a source that has its shape and other weights."""
    config = model.config
    writer = GGUFWriter(folder / "source.gguf", "llama")
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["t", "1", "t1", *(f"w{number}" for number in range(3, config.vocab_size))])
    writer.add_token_types([1] * config.vocab_size)
    writer.add_token_merges(["t 1"])
    writer.add_eos_token_id(config.eos_token_id)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    blocks = [f"blk.{layer}.{name}.weight" for layer in range(config.num_hidden_layers) for name in IN_BLOCK]
    for name in ["token_embd.weight", "output_norm.weight", *blocks]:
        writer.add_tensor(name, numpy.zeros_like(weights[transformers_name(name)]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_gguf(folder / "source.gguf", weights, folder / "tiny.gguf")
    return folder / "tiny.gguf"
