"""One sentence encoder: a folder in the form of sentence-transformers, or a bare transformer, whose mean is taken.

What a folder asks for beyond the mean or the first token, at length 1, is refused rather than left out.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer
from transformers.modeling_outputs import BaseModelOutput

from supportbot.inference.weights import WeightsError

MAX_TOKENS = 512  # of one text, whatever the encoder could read: longer ones would keep chats waiting
KNOWN_STEPS = {"Transformer", "Pooling", "Normalize"}


class Encoder:
    """`tokenize` may be used from any thread, `vectors` by the one that computes.

    Raises WeightsError, OSError and ValueError for a folder that cannot be used.
    """

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self._first_token = _pools_first_token(folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder, dtype=dtype, use_safetensors=True).eval()
        self.dimensions: int = self._model.config.hidden_size
        self.length = _length(folder, self._tokenizer.model_max_length, self._model.config.max_position_embeddings)

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids, cut to what the encoder reads."""
        return self._tokenizer(texts, truncation=True, max_length=self.length)["input_ids"]

    @torch.inference_mode()
    def vectors(self, tokens: list[list[int]]) -> list[list[float]]:
        """One vector a text, at length 1."""
        padded = self._tokenizer.pad({"input_ids": tokens}, return_tensors="pt")
        output: BaseModelOutput = self._model(**padded)
        hidden = output.last_hidden_state.float()
        pooled = hidden[:, 0] if self._first_token else _mean(hidden, padded["attention_mask"])
        return torch.nn.functional.normalize(pooled, dim=-1).tolist()


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Of each text's real tokens: [texts, dimensions]."""
    weights = mask.unsqueeze(-1).float()
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def _pools_first_token(folder: Path) -> bool:
    steps = {str(step.get("type", "")).rpartition(".")[2] for step in _read(folder / "modules.json", [])}
    if unknown := steps - KNOWN_STEPS:
        raise WeightsError(f"{folder} asks for {', '.join(sorted(unknown))}, which this server does not do.")
    asked = {name for name, on in _read(folder / "1_Pooling" / "config.json", {}).items() if "_mode_" in name and on}
    if asked - {"pooling_mode_cls_token", "pooling_mode_mean_tokens"} or len(asked) > 1:
        raise WeightsError(
            f"{folder} asks for {', '.join(sorted(asked))}: this server takes the mean or the first token."
        )
    return asked == {"pooling_mode_cls_token"}


def _length(folder: Path, tokenizer_length: int, positions: int) -> int:
    """The least of what the folder, its tokenizer, its positions and this server allow."""
    told = _read(folder / "sentence_bert_config.json", {}).get("max_seq_length")
    return min(MAX_TOKENS, tokenizer_length, positions, told if isinstance(told, int) else MAX_TOKENS)


def _read(path: Path, missing: Any) -> Any:
    if not path.is_file():
        return missing
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, type(missing)):
        raise WeightsError(f"{path} is not of the form that was expected.")
    return found
