"""LoRA adapters: found in folders, checked before they may serve, read beside the base when first used.

An adapter that serves goes on until another has passed every check in its place: a folder that changed for the worse
changes nothing but the list of what was refused.
"""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import safetensors.torch
import torch

from supportbot.inference.adapter_files import Stamp, base_of, is_adapter, read_adapter, stamp_of
from supportbot.inference.llama import Llama, Part
from supportbot.inference.refusals import AdapterRefused, UnknownModel
from supportbot.inference.tensor_file import quoted

MAX_LOADED = 8  # in memory, about 12 MB each; the one unused for longest goes first
MAX_FOLDERS = 200  # in each parent; more are not looked at
REFUSED_SECONDS = 60.0  # then it is looked at again, since full memory or a slow disk may have been to blame
GONE_SECONDS = 10.0  # a folder that is exchanged is away for a moment; later than this it was meant
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A folder that passed the checks, or the reason why it did not."""

    name: str
    folder: Path
    sha256: str = ""
    prompt_version: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a folder was found to be, and when."""

    stamp: Stamp
    at: float
    adapter: Adapter


class AdapterStore:
    """The adapters in some folders, and the base as the last used ones read it. May be used from any thread."""

    def __init__(
        self,
        folders: list[Path],
        base_folder: Path,
        base_sha256: str,
        base: Llama,
        *,
        prompt_version: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = folders
        self._fits = base_of(base_folder, base_sha256, prompt_version)
        self._base = base
        self._clock = clock
        self._checked: dict[Path, Checked] = {}
        self._served: dict[str, Adapter] = {}  # by name: the last that was loaded
        self._missed: dict[str, float] = {}  # since when the folder of a served one is away
        self._loaded: OrderedDict[str, Llama] = OrderedDict()  # by sha256 of the adapter's weights
        self._state = threading.Lock()  # held for moments
        self._loading = threading.Lock()  # held while files are read, and never needed for what is loaded already

    def all(self) -> list[Adapter]:
        """Every adapter folder, checked again when its files change. An earlier parent's name hides a later one's."""
        adapters: dict[str, Adapter] = {}
        for folder in self._adapter_folders():
            adapters.setdefault(folder.name, self._check(folder))
        return list(adapters.values())

    def find(self, name: str) -> Adapter | None:
        """The adapter of this name, as the folders are now."""
        if not NAME.fullmatch(name):
            return None
        return next((self._check(parent / name) for parent in self._folders if is_adapter(parent / name)), None)

    def served(self, name: str) -> Adapter | None:
        """The one that answers by this name now, whatever its folder has become since."""
        return self._served.get(name)

    def model(self, name: str) -> Llama:
        """What answers by this name: the newest good adapter. Raises UnknownModel and AdapterRefused."""
        adapter = self.find(name)
        ready = self._before(name, away=adapter is None)
        if adapter is not None:
            try:
                return self.load(adapter)
            except AdapterRefused:
                if ready is None:
                    raise
        if ready is None:
            raise UnknownModel(f"No adapter of this name is in {' or '.join(str(folder) for folder in self._folders)}.")
        return ready

    def load(self, adapter: Adapter) -> Llama:
        """The base with the adapter beside it; its files are read on first use. AdapterRefused if it cannot serve."""
        if adapter.refusal:
            raise AdapterRefused(adapter.refusal)
        if (model := self._known(adapter)) is not None:
            return model
        with self._loading:
            if (model := self._known(adapter)) is not None:
                return model
            try:
                model = self._tuned(adapter)
            except AdapterRefused as refusal:
                self._refuse(adapter, str(refusal))
                raise
            self._keep(adapter, model)
            return model

    def _adapter_folders(self) -> Iterator[Path]:
        for parent in self._folders:
            try:
                names = sorted(islice((path for path in parent.iterdir() if path.name[:1] != "."), MAX_FOLDERS))
            except OSError as error:
                if parent.exists():
                    logger.warning("adapters in %s cannot be listed: %s", parent, error.strerror)
                continue
            yield from (folder for folder in names if is_adapter(folder))

    def _check(self, folder: Path) -> Adapter:
        stamp, now = stamp_of(folder), self._clock()
        with self._state:
            known = self._checked.get(folder)
        if known and known.stamp == stamp and (not known.adapter.refusal or now - known.at < REFUSED_SECONDS):
            return known.adapter
        adapter = self._read(folder)
        if adapter.refusal and (known is None or known.adapter != adapter):
            logger.warning("adapter %s refused: %s", adapter.name, adapter.refusal)
        with self._state:
            if len(self._checked) > 2 * MAX_FOLDERS:  # folders that came and went
                self._checked.clear()
            self._checked[folder] = Checked(stamp, now, adapter)
        return adapter

    def _read(self, folder: Path) -> Adapter:
        if not NAME.fullmatch(folder.name):
            reason = "Its folder's name may hold letters, digits, dots, hyphens and underscores only: rename it."
            return Adapter(quoted(folder.name), folder, refusal=reason)
        try:
            files = read_adapter(folder, self._fits)
        except AdapterRefused as refusal:
            return Adapter(folder.name, folder, refusal=str(refusal))
        return Adapter(folder.name, folder, files.sha256, files.prompt_version)

    def _before(self, name: str, *, away: bool) -> Llama | None:
        """The model that answered by this name before; forgotten when its folder has been away for long."""
        with self._state:
            serving = self._served.get(name)
            if not away or serving is None:
                self._missed.pop(name, None)
            elif self._clock() - self._missed.setdefault(name, self._clock()) > GONE_SECONDS:
                self._missed.pop(name)
                self._loaded.pop(self._served.pop(name).sha256, None)
                serving = None
            return self._loaded.get(serving.sha256) if serving else None

    def _refuse(self, adapter: Adapter, reason: str) -> None:
        """Remember what only the first try could find, so that it is not tried again for each request."""
        logger.warning("adapter %s refused: %s", adapter.name, reason)
        with self._state:
            known = self._checked.get(adapter.folder)
            if known is not None and known.adapter == adapter:
                refused = Adapter(adapter.name, adapter.folder, refusal=reason)
                self._checked[adapter.folder] = Checked(known.stamp, self._clock(), refused)

    def _known(self, adapter: Adapter) -> Llama | None:
        with self._state:
            model = self._loaded.get(adapter.sha256)
            if model is not None:
                self._loaded.move_to_end(adapter.sha256)
                self._served[adapter.name] = adapter
            return model

    def _keep(self, adapter: Adapter, model: Llama) -> None:
        """In the place of the one before; at most MAX_LOADED, and what cannot be read again is the last to go."""
        with self._state:
            before = self._served.get(adapter.name)
            self._served[adapter.name] = adapter
            serving = {served.sha256 for served in self._served.values()}
            if before is not None and before.sha256 not in serving:
                self._loaded.pop(before.sha256, None)
            self._loaded[adapter.sha256] = model
            there = {known.adapter.sha256 for folder, known in self._checked.items() if known.stamp == stamp_of(folder)}
            order = sorted(self._loaded, key=lambda sha256: (sha256 == adapter.sha256, sha256 in serving - there))
            for sha256 in order[: max(0, len(order) - MAX_LOADED)]:
                del self._loaded[sha256]

    def _tuned(self, adapter: Adapter) -> Llama:
        """From files that are read, and checked, once more: they may have changed since. Then it is tried."""
        files = read_adapter(adapter.folder, self._fits)
        if files.sha256 != adapter.sha256:
            raise AdapterRefused("Its files changed after they were checked: ask again.")
        try:
            model = self._base.tuned(safetensors.torch.load(files.content), files.scale)
            tried = model.prefill(Part([0, 1], model.new_states(2), model.adapter), last=True)
        except (RuntimeError, MemoryError) as error:
            raise AdapterRefused(f"It could not be put beside the base ({error}): look at the memory.") from error
        if tried is None or not torch.isfinite(tried).all():
            raise AdapterRefused(
                "adapter_model.safetensors gives values that are not finite numbers in a first try: train it again, "
                "with smaller steps."
            )
        return model
