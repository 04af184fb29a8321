"""One sentence encoder: a folder in the form of sentence-transformers, or a bare transformer, whose mean is taken.

What a folder asks for beyond the mean or the first token, at length 1, is refused rather than left out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, BatchEncoding
from transformers.modeling_outputs import BaseModelOutput

from supportbot.inference.weights import WeightsError

CPU = torch.device("cpu")
MAX_TOKENS = 512  # of one text, whatever the encoder could read: longer ones would keep chats waiting
KNOWN_STEPS = {"Transformer", "Pooling", "Normalize"}
COMMONEST = ("the", "\u2581the")  # the first word of a vocabulary that is ordered by how common its words are
DIGIT_RANK = 1000  # single digits stand before all words, and tell more than "the"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text as the encoder reads it: token ids with the marks around them; where the pieces of the text stand among
    them, and where in the text each begins."""

    ids: list[int]
    places: list[int]
    starts: list[int]

    @property
    def own_ids(self) -> list[int]:
        return [self.ids[place] for place in self.places]


class Encoder:
    """`tokenize` may be used from any thread, `vectors` by the one that computes.

    Raises WeightsError, OSError and ValueError for a folder that cannot be used.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, device: torch.device = CPU) -> None:
        self._first_token = _pools_first_token(folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        known = self._tokenizer.get_vocab()
        self._first_word: int = next((known[word] for word in COMMONEST if word in known), 0)
        self._model = AutoModel.from_pretrained(folder, dtype=dtype, use_safetensors=True).eval().to(device)
        self.dimensions: int = self._model.config.hidden_size
        self.length = _length(folder, self._tokenizer.model_max_length, self._model.config.max_position_embeddings)

    def to(self, dtype: torch.dtype) -> None:
        """Compute in another precision; the vectors stay nearly the same."""
        self._model.to(dtype)

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids, cut to what the encoder reads."""
        return self._tokenizer(texts, truncation=True, max_length=self.length)["input_ids"]

    def pieces(self, texts: list[str]) -> list[Pieces]:
        """As `tokenize`, piece by piece."""
        read = self._tokenizer(
            texts, truncation=True, max_length=self.length, return_offsets_mapping=True, return_special_tokens_mask=True
        )
        found = []
        for ids, spans, marks in zip(
            read["input_ids"], read["offset_mapping"], read["special_tokens_mask"], strict=True
        ):
            places = [place for place, mark in enumerate(marks) if not mark]
            found.append(Pieces(ids, places, [spans[place][0] for place in places]))
        return found

    def ranks(self, ids: Sequence[int]) -> list[int]:
        """How common each piece is: 1 is the commonest word, and 0 is no word."""
        pieces = self._tokenizer.convert_ids_to_tokens(list(ids))
        return [
            DIGIT_RANK if text.isdigit() and piece < self._first_word else max(0, piece - self._first_word + 1)
            for piece, text in zip(ids, pieces, strict=True)
        ]

    @torch.inference_mode()
    def piece_vectors(self, texts: Sequence[Pieces]) -> list[Tensor]:
        """For each text a vector of length 1 a piece: [2, pieces, dimensions], a third of the way up and at the top."""
        padded = self._padded([text.ids for text in texts])
        states = self._model(**padded, output_hidden_states=True).hidden_states
        both = torch.stack([states[(len(states) - 1) // 3], states[-1]], 1)
        both = torch.nn.functional.normalize(both.float(), dim=-1).to(both.dtype).cpu()
        return [both[row][:, text.places] for row, text in enumerate(texts)]

    @torch.inference_mode()
    def vectors(self, tokens: list[list[int]]) -> list[list[float]]:
        """One vector a text, at length 1."""
        padded = self._padded(tokens)
        output: BaseModelOutput = self._model(**padded)
        hidden = output.last_hidden_state.float()
        pooled = hidden[:, 0] if self._first_token else _mean(hidden, padded["attention_mask"])
        return torch.nn.functional.normalize(pooled, dim=-1).tolist()

    def _padded(self, tokens: list[list[int]]) -> BatchEncoding:
        return self._tokenizer.pad({"input_ids": tokens}, return_tensors="pt").to(self._model.device)


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
