"""The encoders that this server has, by the names that requests call them by. Each is loaded when it is first wanted.

While one encoder is replaced by another, both are asked: the old one for questions, the new one for passages.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError

from supportbot.inference.encoder import CPU, Encoder
from supportbot.inference.refusals import NotReady, UnknownModel
from supportbot.inference.weights import WeightsError, verified

MOST = 4  # held in memory at once: the one in use, the one before, and one that is tried


class Encoders:
    """`find` gives the folders by name, the one to begin with first; a folder that is added later is found too."""

    def __init__(self, find: Callable[[], dict[str, Path]], dtype: torch.dtype, device: torch.device = CPU) -> None:
        self._find, self._dtype, self._device = find, dtype, device
        self._loaded: dict[str, Encoder] = {}
        self._lock = threading.Lock()

    def compute_in(self, dtype: torch.dtype) -> None:
        """From now on, what is loaded already too. Vectors of both precisions have a cosine of 0.995 at least."""
        self._dtype = dtype
        for encoder in self._loaded.values():
            encoder.to(dtype)

    @property
    def names(self) -> list[str]:
        return list(self._find())

    def first(self) -> Encoder:
        """The one that a start begins with. Raises WeightsError, OSError, ValueError."""
        name, folder = next(iter(self._find().items()))
        if name not in self._loaded:
            self._loaded[name] = self._load(folder)
        return self._loaded[name]

    def get(self, name: str) -> Encoder:
        """Loading takes seconds the first time: call it where waiting is allowed."""
        if name in self._loaded:
            return self._loaded[name]
        folders = self._find()
        if name not in folders:
            raise UnknownModel(f"The embedding models here are {', '.join(folders)}.")
        with self._lock:
            if name not in self._loaded:
                if len(self._loaded) >= MOST:
                    raise NotReady(f"{MOST} encoders are loaded already: start the model server again.")
                try:
                    self._loaded[name] = self._load(folders[name])
                except (WeightsError, SafetensorError, OSError, ValueError) as error:
                    raise NotReady(f"The encoder {name} cannot be loaded: {error}") from error
            return self._loaded[name]

    def _load(self, folder: Path) -> Encoder:
        """Hashed meanwhile: vectors of an encoder that changed would be compared with those of the one that it was."""
        with verified(folder):
            return Encoder(folder, self._dtype, self._device)
