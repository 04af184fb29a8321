"""The encoders that this server has, by the names that requests call them by. Each is loaded when it is first wanted.

While one encoder is replaced by another, both are asked: the old one for questions, the new one for passages.
"""

import threading
from pathlib import Path

import torch
from safetensors import SafetensorError

from supportbot.inference.encoder import Encoder
from supportbot.inference.refusals import NotReady, UnknownModel
from supportbot.inference.weights import WeightsError

MOST = 4  # held in memory at once: the one in use, the one before, and one that is tried


class Encoders:
    """`names` are those that may be asked for."""

    def __init__(self, folders: dict[str, Path], dtype: torch.dtype) -> None:
        self._folders, self._dtype = folders, dtype
        self._loaded: dict[str, Encoder] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        return list(self._folders)

    def first(self) -> Encoder:
        """The one that a start begins with. Raises WeightsError, OSError, ValueError."""
        name = self.names[0]
        if name not in self._loaded:
            self._loaded[name] = Encoder(self._folders[name], self._dtype)
        return self._loaded[name]

    def get(self, name: str) -> Encoder:
        """Loading takes seconds the first time: call it where waiting is allowed."""
        if name not in self._folders:
            raise UnknownModel(f"The embedding models here are {', '.join(self._folders)}.")
        with self._lock:
            if name not in self._loaded:
                if len(self._loaded) >= MOST:
                    raise NotReady(f"{MOST} encoders are loaded already: start the model server again.")
                try:
                    self._loaded[name] = Encoder(self._folders[name], self._dtype)
                except (WeightsError, SafetensorError, OSError, ValueError) as error:
                    raise NotReady(f"The encoder {name} cannot be loaded: {error}") from error
            return self._loaded[name]
