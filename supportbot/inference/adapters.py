"""LoRA adapters: found in folders, checked before they may serve, merged into a copy of the base when first used."""

import json
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, PreTrainedModel

from supportbot.inference.llama import Llama
from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.weights import file_sha256

MAX_LOADED = 3  # merged copies in memory; the one unused for longest goes first
MAX_BYTES = 64 * 2**20  # of the safetensors file
MAX_JSON_BYTES = 256 * 2**10
MAX_RANK = 256
FILES = ("adapter_model.safetensors", "adapter_config.json", "manifest.json")
TARGETS = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
KEPT_SETTINGS = ("r", "lora_alpha", "target_modules", "use_rslora")  # all that a merge needs
KNOWN_SETTINGS = frozenset(KEPT_SETTINGS) | {  # checked, or without any effect on a merge
    "peft_type", "task_type", "bias", "init_lora_weights", "lora_dropout", "inference_mode", "peft_version",
    "auto_mapping", "base_model_name_or_path", "revision", "megatron_core", "qalora_group_size",
}  # fmt: skip

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A folder that passed the checks, or the reason why it did not."""

    name: str
    folder: Path
    sha256: str = ""
    prompt_version: str = ""
    refusal: str = ""


class AdapterStore:
    """The adapters in some folders and the merged models of the last used ones. May be used from any thread."""

    def __init__(
        self,
        folders: list[Path],
        base_folder: Path,
        base_sha256: str,
        base: Llama,
        spare: PreTrainedModel | None = None,
    ) -> None:
        """`spare` is the base in float32, read already and used by nobody else: the first merge takes it."""
        self.spare = spare
        self._folders = folders
        self._base_folder = base_folder
        self._base_sha256 = base_sha256
        self._base = base
        self._found: dict[tuple[object, ...], Adapter] = {}
        self._loaded: OrderedDict[str, Llama] = OrderedDict()  # by sha256 of the adapter's weights
        self._scanning = threading.Lock()
        self._loading = threading.Lock()

    def all(self) -> list[Adapter]:
        """Every adapter folder, checked again when its files change. An earlier parent's name hides a later one's."""
        adapters: dict[str, Adapter] = {}
        with self._scanning:
            for parent in self._folders:
                for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
                    if folder.is_dir() and not folder.name.startswith(".") and (folder / FILES[0]).exists():
                        adapters.setdefault(folder.name, self._checked(folder))
        return list(adapters.values())

    def find(self, name: str) -> Adapter | None:
        """The adapter of this name, as the folders are now."""
        return next((adapter for adapter in self.all() if adapter.name == name), None)

    def load(self, adapter: Adapter) -> Llama:
        """The base with the adapter merged in; seconds on first use. AdapterRefused if it cannot serve."""
        if adapter.refusal:
            raise AdapterRefused(adapter.refusal)
        with self._loading:
            model = self._loaded.get(adapter.sha256)
            if model is None:
                model = self._merge(adapter)
                self._loaded[adapter.sha256] = model
            self._loaded.move_to_end(adapter.sha256)
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
            return model

    def _checked(self, folder: Path) -> Adapter:
        stamp = (folder, *(_stamp(folder / name) for name in FILES))
        if stamp not in self._found:
            try:
                self._found[stamp] = check(folder, self._base_folder, self._base_sha256)
            except AdapterRefused as refusal:
                logger.warning("adapter %s refused: %s", folder.name, refusal)
                self._found[stamp] = Adapter(folder.name, folder, refusal=str(refusal))
        return self._found[stamp]

    def _merge(self, adapter: Adapter) -> Llama:
        """Merged in float32, then cast; only known settings of the adapter's config reach peft."""
        if file_sha256(adapter.folder / FILES[0]) != adapter.sha256:
            raise AdapterRefused("The adapter's weights changed after they were checked; try again.")
        settings = _read_json(adapter.folder / FILES[1])
        config = LoraConfig(task_type="CAUSAL_LM", **{key: settings[key] for key in KEPT_SETTINGS if key in settings})
        base, self.spare = self.spare, None
        if base is None:
            base = AutoModelForCausalLM.from_pretrained(self._base_folder, dtype=torch.float32)
        try:
            merged = PeftModel.from_pretrained(base, str(adapter.folder), config=config).merge_and_unload(
                safe_merge=True
            )
        except ValueError as error:
            raise AdapterRefused("Merged into the base model it gives values that are not finite numbers.") from error
        model = Llama(merged, dtype=self._base.dtype, context=self._base.context, shared=self._base)
        probe = model.prefill([0, 1], model.new_cache(1), 0, last=True)
        if probe is None or not torch.isfinite(probe).all():
            raise AdapterRefused("In a first try it gave values that are not finite numbers.")
        return model


def check(folder: Path, base_folder: Path, base_sha256: str) -> Adapter:
    """Everything that can be known of an adapter without running it. AdapterRefused names the first fault."""
    for name in FILES:
        if not (folder / name).is_file() or (folder / name).is_symlink():
            raise AdapterRefused(f"It has no {name}.")
    manifest = _read_json(folder / FILES[2])
    for key in ("base_sha256", "prompt_version", "sha256"):
        if not isinstance(manifest.get(key), str):
            raise AdapterRefused(f"Its manifest.json does not say {key}.")
    if manifest["base_sha256"] != base_sha256:
        raise AdapterRefused("It was trained on another base model than the one that is loaded.")
    weights = folder / FILES[0]
    if not 0 < weights.stat().st_size <= MAX_BYTES:
        raise AdapterRefused(f"Its weights must have between 1 and {MAX_BYTES} bytes, not {weights.stat().st_size}.")
    digest = file_sha256(weights)
    if digest != manifest["sha256"]:
        raise AdapterRefused("Its weights are not those its manifest names: the sha256 differs.")
    settings = _checked_settings(_read_json(folder / FILES[1]))
    _check_tensors(weights, settings, _read_json(base_folder / "config.json"))
    return Adapter(folder.name, folder, sha256=digest, prompt_version=manifest["prompt_version"])


def _checked_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """A plain LoRA on the linear layers of the blocks; whatever would change the merge otherwise is refused."""
    if settings.get("peft_type") != "LORA":
        raise AdapterRefused("It is not a LoRA adapter (peft_type).")
    rank, alpha, targets = settings.get("r"), settings.get("lora_alpha"), settings.get("target_modules")
    if type(rank) is not int or not 1 <= rank <= MAX_RANK:
        raise AdapterRefused(f"Its rank must be a whole number between 1 and {MAX_RANK}.")
    if not isinstance(alpha, int | float) or not 0 < alpha <= 16 * MAX_RANK:
        raise AdapterRefused("Its lora_alpha is not a sensible number.")
    if not isinstance(targets, list) or not targets or not all(isinstance(t, str) and t in TARGETS for t in targets):
        raise AdapterRefused(f"Its target_modules must be some of {', '.join(sorted(TARGETS))}.")
    if settings.get("bias", "none") != "none":
        raise AdapterRefused("It trains biases, which the engine does not merge.")
    if settings.get("init_lora_weights", True) not in (True, False, "gaussian"):
        raise AdapterRefused("It was started in a way that changes the base model too (init_lora_weights).")
    for key, value in settings.items():
        if value and key not in KNOWN_SETTINGS:
            raise AdapterRefused(f"It sets {key[:60]}, which the engine does not merge.")
    return settings


def _check_tensors(weights: Path, settings: dict[str, Any], base: dict[str, Any]) -> None:
    """Names and shapes by the file's header, against the base's config; then every value."""
    expected = _expected_shapes(settings, base)
    try:
        with safe_open(weights, framework="pt") as file:
            names = set(file.keys())
            if wrong := names ^ expected.keys():
                raise AdapterRefused(f"{len(wrong)} of its tensors are missing or unknown to its config.")
            for name in names:
                shape = tuple(file.get_slice(name).get_shape())
                if shape != expected[name]:
                    raise AdapterRefused(f"{name} has the shape {shape}, but the base model needs {expected[name]}.")
            for name in names:
                if not torch.isfinite(file.get_tensor(name).float()).all():
                    raise AdapterRefused(f"{name} holds values that are not finite numbers.")
    except SafetensorError as error:
        raise AdapterRefused("Its weights are not a whole safetensors file.") from error


def _expected_shapes(settings: dict[str, Any], base: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, heads = base["hidden_size"], base["num_attention_heads"]
    width = base.get("head_dim") or hidden // heads
    queries, keys, wide = heads * width, base["num_key_value_heads"] * width, base["intermediate_size"]
    sizes = {  # in, out
        "self_attn.q_proj": (hidden, queries), "self_attn.k_proj": (hidden, keys), "self_attn.v_proj": (hidden, keys),
        "self_attn.o_proj": (queries, hidden), "mlp.gate_proj": (hidden, wide), "mlp.up_proj": (hidden, wide),
        "mlp.down_proj": (wide, hidden),
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(base["num_hidden_layers"]):
        for module, (size_in, size_out) in sizes.items():
            if module.partition(".")[2] in settings["target_modules"]:
                prefix = f"base_model.model.model.layers.{layer}.{module}"
                shapes[f"{prefix}.lora_A.weight"] = (settings["r"], size_in)
                shapes[f"{prefix}.lora_B.weight"] = (size_out, settings["r"])
    return shapes


def _read_json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise AdapterRefused(f"Its {path.name} is larger than {MAX_JSON_BYTES} bytes.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AdapterRefused(f"Its {path.name} is not JSON.") from error
    if not isinstance(value, dict):
        raise AdapterRefused(f"Its {path.name} is not a JSON object.")
    return value


def _stamp(path: Path) -> tuple[int, int] | None:
    if not path.is_file():
        return None
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
