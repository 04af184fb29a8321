"""An adapter serves only when everything about it is right; otherwise a sentence says why, and the others go on."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from supportbot.inference.adapters import MAX_LOADED, AdapterStore
from supportbot.inference.completion import Sampling
from supportbot.inference.engine import Engine
from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.weights import file_sha256

from .conftest import Client, run

BASE = "b" * 64


def write_adapter(tiny_folder: Path, folder: Path, seed: int = 1, **options) -> Path:
    """A real LoRA with random weights, saved as the tuning job saves it."""
    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    config = LoraConfig(**({"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"]} | options))
    model = get_peft_model(base, config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    sign(folder)
    return folder


def sign(folder: Path, **changes: str) -> None:
    digest = file_sha256(folder / "adapter_model.safetensors")
    manifest = {"name": folder.name, "base_sha256": BASE, "prompt_version": "p1", "sha256": digest} | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def parent(tmp_path) -> Path:
    (tmp_path / "adapters").mkdir()
    return tmp_path / "adapters"


@pytest.fixture
def store(parent, tiny_folder, llama) -> AdapterStore:
    return AdapterStore([parent, parent / "absent"], tiny_folder, BASE, llama)


def test_an_adapter_answers_as_peft_does_beside_its_base(store, parent, tiny_folder, llama, expected):
    folder = write_adapter(tiny_folder, parent / "support-v9")
    prompt, engine = [5, 9, 17, 33], Engine(max_batch=4, max_waiting=4, max_lanes=2)
    adapter = store.find("support-v9")
    assert adapter is not None
    tuned, plain = Client(store.load(adapter), prompt, Sampling(16)), Client(llama, prompt, Sampling(16))
    engine.submit(tuned.sequence)
    engine.submit(plain.sequence)
    run(engine)
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_folder), folder)
    output = peft.generate(
        input_ids=torch.tensor([prompt]), max_new_tokens=16, min_new_tokens=16, do_sample=False, eos_token_id=None
    )
    assert tuned.sequence.output == output[0, len(prompt) :].tolist()
    assert plain.sequence.output == expected(prompt, 16)
    assert tuned.sequence.output != plain.sequence.output


def test_a_new_folder_is_found_without_a_restart_and_an_absent_one_is_not(store, parent, tiny_folder):
    assert store.find("late") is None
    write_adapter(tiny_folder, parent / "late")
    found = store.find("late")
    assert found is not None
    assert found.refusal == ""
    assert found.prompt_version == "p1"


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, change) -> None:
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    sign(folder)


def first(tensors: dict[str, torch.Tensor]) -> str:
    return next(name for name in sorted(tensors) if "lora_A" in name)


def set_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors[first(tensors)][0, 0] = float("nan")


def reshape(tensors: dict[str, torch.Tensor]) -> None:
    tensors[first(tensors)] = torch.zeros(3, 32)


def overwrite(folder: Path, content: bytes) -> None:
    (folder / "adapter_model.safetensors").write_bytes(content)
    sign(folder)


def truncate(folder: Path) -> None:
    os.truncate(folder / "adapter_model.safetensors", 500)
    sign(folder)


FAULTS = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json"),
    "manifest is not JSON": (lambda f: (f / "manifest.json").write_text("{"), "not JSON"),
    "another base": (lambda f: sign(f, base_sha256="c" * 64), "another base"),
    "another digest": (lambda f: sign(f, sha256="0" * 64), "sha256"),
    "cut file": (truncate, "safetensors"),
    "no bytes": (lambda f: overwrite(f, b""), "bytes"),
    "a pickle": (lambda f: overwrite(f, pickle.dumps({"weight": [1, 2, 3]})), "safetensors"),
    "not a number": (lambda f: edit_weights(f, set_nan), "finite"),
    "wrong shape": (lambda f: edit_weights(f, reshape), "shape"),
    "missing tensor": (lambda f: edit_weights(f, lambda t: t.pop(first(t))), "missing"),
    "unknown tensor": (lambda f: edit_weights(f, lambda t: t.update(extra=torch.zeros(1))), "unknown"),
    "other rank": (lambda f: edit_config(f, r=8), "shape"),
    "absurd rank": (lambda f: edit_config(f, r=100_000), "rank"),
    "not LoRA": (lambda f: edit_config(f, peft_type="IA3"), "LoRA"),
    "infinite alpha": (lambda f: edit_config(f, lora_alpha=float("inf")), "lora_alpha"),
    "embeddings": (lambda f: edit_config(f, target_modules=["embed_tokens"]), "target_modules"),
    "a pattern": (lambda f: edit_config(f, target_modules=".*"), "target_modules"),
    "DoRA": (lambda f: edit_config(f, use_dora=True), "use_dora"),
    "more layers": (lambda f: edit_config(f, layer_replication=[[0, 2], [0, 2]]), "layer_replication"),
    "changed base": (lambda f: edit_config(f, init_lora_weights="pissa"), "init_lora_weights"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_adapter_is_refused_with_the_reason_and_the_others_serve(fault, store, parent, tiny_folder):
    spoil, word = FAULTS[fault]
    spoil(write_adapter(tiny_folder, parent / "bad"))
    write_adapter(tiny_folder, parent / "good")
    bad, good = store.find("bad"), store.find("good")
    assert bad is not None
    assert word in bad.refusal
    with pytest.raises(AdapterRefused, match=word):
        store.load(bad)
    assert good is not None
    assert store.load(good) is store.load(good)


def test_a_repaired_adapter_serves(store, parent, tiny_folder):
    folder = write_adapter(tiny_folder, parent / "bad")
    sign(folder, sha256="0" * 64)
    refused = store.find("bad")
    assert refused is not None
    assert refused.refusal
    sign(folder, prompt_version="p2-longer")
    repaired = store.find("bad")
    assert repaired is not None
    assert repaired.refusal == ""


def test_only_a_few_merged_copies_are_kept_and_the_oldest_goes(store, parent, tiny_folder):
    for number in range(MAX_LOADED + 1):
        write_adapter(tiny_folder, parent / f"a{number}", seed=number)
    adapters = store.all()
    models = [store.load(adapter) for adapter in adapters]
    assert store.load(adapters[-1]) is models[-1]
    assert store.load(adapters[0]) is not models[0]


def test_copies_share_the_embeddings_of_the_base(store, parent, tiny_folder, llama):
    write_adapter(tiny_folder, parent / "one")
    adapter = store.find("one")
    assert adapter is not None
    assert store.load(adapter).embeddings is llama.embeddings
