"""The base with an adapter merged in, in 16 bits, for engines that serve no adapters: as a folder, as a GGUF file."""

import shutil
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from supportbot.inference.gguf_file import write_gguf


def merged(base: Path, adapter: Path | None) -> PreTrainedModel:
    """In float32; the base alone where no adapter is given."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is None:
        return model
    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)


def save_gguf(model: PreTrainedModel, source: Path, target: Path) -> None:
    """`source`: the GGUF file that the base came from. Raises NotConvertible."""
    write_gguf(source, {name: weight.numpy() for name, weight in model.state_dict().items()}, target)


def save_folder(model: PreTrainedModel, base: Path, target: Path) -> None:
    """Weights, tokenizer and chat template, as transformers takes them. A kill in the middle leaves only a draft."""
    draft = target.with_name(f".draft-{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    model.to(torch.bfloat16).save_pretrained(draft)
    AutoTokenizer.from_pretrained(base).save_pretrained(draft)
    draft.rename(target)
