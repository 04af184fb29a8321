"""What is written for llama.cpp is the model itself: read back by transformers, it has the same weights."""

import numpy as np
import pytest
import torch
from gguf import GGUFReader, GGUFWriter
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from supportbot.inference.gguf_file import NotConvertible, pairs_from_halves, transformers_name, write_gguf
from tests.supportbot.inference.gguf_source import write_tiny_gguf


@pytest.fixture(scope="module")
def tiny_gguf(tiny, tmp_path_factory):
    return write_tiny_gguf(tiny, tmp_path_factory.mktemp("gguf"))


def test_every_weight_comes_back_and_the_words_of_the_source_with_it(tiny, tiny_gguf):
    again = AutoModelForCausalLM.from_pretrained(tiny_gguf.parent, gguf_file=tiny_gguf.name, dtype=torch.float32)
    wanted = tiny.state_dict()
    assert again.state_dict().keys() == wanted.keys()
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, wanted[name].to(torch.bfloat16).float()), name
    assert GGUFReader(tiny_gguf).fields["general.name"].contents() == "tiny"


def test_another_family_is_refused(tmp_path, tiny):
    writer = GGUFWriter(tmp_path / "other.gguf", "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    for write in (
        writer.write_header_to_file,
        writer.write_kv_data_to_file,
        writer.write_tensors_to_file,
        writer.close,
    ):
        write()
    with pytest.raises(NotConvertible, match="mamba"):
        write_gguf(tmp_path / "other.gguf", {}, tmp_path / "target.gguf")


def test_a_tensor_that_the_weights_lack_is_named(tmp_path, tiny_gguf):
    with pytest.raises(NotConvertible, match="holds token_embd.weight"):
        write_gguf(tiny_gguf, {}, tmp_path / "target.gguf")
    assert not (tmp_path / "target.gguf").exists()


def test_a_shape_that_differs_is_named(tmp_path, tiny, tiny_gguf):
    weights = {name: weight.numpy() for name, weight in tiny.state_dict().items()}
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"][:-1]
    with pytest.raises(NotConvertible, match=r"token_embd\.weight has another shape"):
        write_gguf(tiny_gguf, weights, tmp_path / "target.gguf")


@pytest.mark.parametrize("name", ["rope_freqs.weight", "blk.0.attn_q_norm.weight", "blk.x.attn_q.weight"])
def test_what_has_no_place_in_transformers_has_no_name_there(name):
    assert transformers_name(name) is None


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 3))
def test_the_rows_of_a_head_change_places_and_none_is_lost(heads, half, columns):
    rows = np.arange(heads * 2 * half * columns, dtype=np.float32).reshape(heads * 2 * half, columns)
    turned = pairs_from_halves(rows, heads)
    for head in range(heads):
        own = slice(2 * half * head, 2 * half * (head + 1))
        assert np.array_equal(turned[own][0::2], rows[own][:half])
        assert np.array_equal(turned[own][1::2], rows[own][half:])
