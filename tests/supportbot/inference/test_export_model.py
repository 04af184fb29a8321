"""Base and adapter leave as one model: what is written is what was merged, and nothing that is there is overwritten."""

import pytest
import torch
from django.core.management import CommandError, call_command
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from supportbot.inference.adapter_files import MANIFEST
from supportbot.inference.weights import base_sha256
from tests.supportbot.inference.gguf_source import write_tiny_gguf
from tests.supportbot.inference.spoiled import edit_config, sign


@pytest.fixture
def place(tiny, tmp_path, settings):
    """An installation whose base is the tiny model, with an adapter `tiny-v1` that changes what it writes."""
    base = write_tiny_gguf(tiny, tmp_path)
    settings.GENERATOR_WEIGHTS, settings.DATA_DIR = base, tmp_path / "data"
    settings.ADAPTER_DIRS, settings.CHAT_MODEL = [tmp_path / "adapters"], "tiny-v1"
    model = AutoModelForCausalLM.from_pretrained(base.parent, gguf_file=base.name, dtype=torch.float32)
    torch.manual_seed(3)
    wrapped = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"]))
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    folder = tmp_path / "adapters" / "tiny-v1"
    wrapped.save_pretrained(folder)
    edit_config(folder, base_model_name_or_path="tiny", auto_mapping=None)
    (folder / MANIFEST).write_text("{}")
    sign(folder, base_sha256=base_sha256())
    return tmp_path, wrapped.merge_and_unload().state_dict()


def test_a_gguf_file_holds_the_merged_weights(place):
    folder, merged = place
    call_command("export_model", str(folder / "out.gguf"))
    again = AutoModelForCausalLM.from_pretrained(folder, gguf_file="out.gguf", dtype=torch.float32).state_dict()
    assert all(torch.equal(again[name], weight.to(torch.bfloat16).float()) for name, weight in merged.items())


def test_a_folder_holds_the_base_alone_where_it_is_asked_for(place):
    folder, merged = place
    call_command("export_model", str(folder / "out"), adapter="base")
    again = AutoModelForCausalLM.from_pretrained(folder / "out", dtype="auto").state_dict()
    changed = {name for name, weight in merged.items() if not torch.equal(again[name], weight.to(torch.bfloat16))}
    assert changed and all("q_proj" in name or "down_proj" in name for name in changed)


def test_nothing_is_overwritten_and_nobody_unknown_is_merged(place):
    folder, _ = place
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_model", str(folder / "tiny.gguf"))
    with pytest.raises(CommandError, match="No adapter of the name nobody"):
        call_command("export_model", str(folder / "out.gguf"), adapter="nobody")


def test_an_adapter_that_the_server_would_refuse_is_not_merged(place):
    folder, _ = place
    (folder / "adapters" / "tiny-v1" / MANIFEST).unlink()
    with pytest.raises(CommandError, match=r"has no manifest\.json"):
        call_command("export_model", str(folder / "out.gguf"))
    assert not (folder / "out.gguf").exists()
