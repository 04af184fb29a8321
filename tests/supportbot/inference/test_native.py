"""The compiled step is a help that may be missing: whatever goes wrong with it is said in a sentence."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from supportbot.inference import native
from supportbot.inference.llama import Llama


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(native, "OPTIONS", ("-O0", "-fopenmp", "-shared", "-fPIC"))


def libraries(folder: Path) -> list[Path]:
    return sorted(folder.glob("native-*"))


def test_it_is_built_once_and_again_when_its_source_or_options_change(native_llama, tmp_path, monkeypatch):
    native.build(tmp_path / "new")
    first = libraries(tmp_path / "new")[0].stat().st_mtime_ns
    native.build(tmp_path / "new")
    assert [path.stat().st_mtime_ns for path in libraries(tmp_path / "new")] == [first]
    monkeypatch.setattr(native, "OPTIONS", (*native.OPTIONS, "-g"))
    native.build(tmp_path / "new")
    assert len(libraries(tmp_path / "new")) == 2


def test_a_library_that_others_may_write_is_built_again(native_llama, tmp_path):
    native.build(tmp_path)
    (path,) = libraries(tmp_path)
    path.unlink()
    path.write_bytes(b"something else")
    path.chmod(0o666)
    native.build(tmp_path)
    assert path.read_bytes()[1:4] == b"ELF"
    assert not path.stat().st_mode & 0o077


def test_a_source_that_does_not_compile_is_no_library(native_llama, tmp_path, monkeypatch):
    monkeypatch.setattr(native, "OPTIONS", ("--no-such-option",))
    with pytest.raises(native.Unavailable, match="does not compile"):
        native.build(tmp_path)
    assert libraries(tmp_path) == []


def test_without_a_compiler_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(native, "COMPILERS", ("no-such-compiler",))
    with pytest.raises(native.Unavailable, match="no C compiler"):
        native.build(tmp_path)


def test_a_model_of_other_sizes_is_left_to_torch(native_llama, built):
    config = LlamaConfig(
        vocab_size=50, hidden_size=24, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2
    )
    model = Llama(LlamaForCausalLM(config), dtype=torch.float32, context=32)
    with pytest.raises(native.Unavailable, match="multiples of 16"):
        native.Native(native.build(built), model, int8=False, threads=1)
