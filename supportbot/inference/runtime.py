"""The state of the server: what is to be loaded, whether it is there, and what /health says. Imports torch only when
it loads, so that the server answers from its first moment on."""

import gc
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supportbot.inference.refusals import NotReady
from supportbot.inference.stages import Stages
from supportbot.inference.weights import WeightsError, generator_folder, verified

if TYPE_CHECKING:
    from supportbot.inference.models import Models

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load, under which names in the API, and how much of the machine to use."""

    base: str
    chat: str
    embedding: str
    adapter_dirs: tuple[Path, ...]
    threads: int
    max_batch: int
    max_waiting: int
    weights: str  # of the words that are written: auto, bf16, int8 or fp32
    built: Path  # where the compiled step is kept
    prompt_version: str = ""  # that adapters must be trained for; empty: any
    device: str = "cpu"  # as torch names it


@dataclass(frozen=True, slots=True)
class Health:
    """`status` is ready, loading, failed or stuck; `reason` is a sentence."""

    status: str
    reason: str


class Runtime:
    """Made at once; usable when `load` is through."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stages = Stages()
        self.loaded: Models | None = None
        self._failure = ""

    def load(self) -> None:
        """Load everything and start to compute. What goes wrong is kept as the sentence that `health` gives."""
        from safetensors import SafetensorError

        gc.disable()  # a million objects are made that stay: to look for garbage among them takes a fifth of the start
        try:
            self.stages.begin("weights")
            folder = generator_folder()
            with verified(folder):
                self.stages.begin("libraries")
                from supportbot.inference.models import Models

                loaded = Models(self.plan, folder, self.stages)
                self.stages.begin("check of the files")
            loaded.start()
            self.loaded = loaded
        except (WeightsError, SafetensorError, OSError, ValueError) as error:
            self._failure = f"The models could not be loaded: {error}"
            logger.error("models not loaded: %s", error)
        finally:
            gc.enable()
            self.stages.begin("")
            if self.loaded is None:  # whatever ended the load: who asks must not be told for ever that it goes on
                self._failure = self._failure or "The models could not be loaded; the end of the log says why."

    @property
    def models(self) -> "Models":
        """The loaded models; NotReady says why there are none."""
        if self.loaded is None or self.dead:
            raise NotReady(self.health().reason)
        return self.loaded

    @property
    def dead(self) -> bool:
        """The computing thread ended by a fault: only a new process helps."""
        return self.loaded is not None and not self.loaded.scheduler.is_alive()

    def health(self) -> Health:
        if self._failure:
            return Health("failed", self._failure)
        if self.loaded is None:
            now = f" ({self.stages.now})" if self.stages.now else ""
            return Health(
                "loading", f"The models are being loaded{now}; a first start converts them, which takes a minute."
            )
        if self.dead:
            return Health("failed", "The computing thread ended; see the log.")
        if stuck := self.loaded.scheduler.stuck_seconds:
            return Health("stuck", f"Work waits, but no step was made for {stuck:.0f} s.")
        return Health("ready", "")

    def stop(self) -> None:
        """Let the computing thread end after its step."""
        if self.loaded is not None:
            self.loaded.stop()
