"""An adapter's three files: read once into memory, and checked before anything is made of them. No torch.

Whatever is checked here is what is used afterwards: nobody can exchange a file between the check and the use. Each
refusal is one sentence that says which file, what is wrong with it, and what to do.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.tensor_file import COPY_AGAIN, SAVE_AGAIN, Tensor, check_finite, quoted, read_header

WEIGHTS, CONFIG, MANIFEST = "adapter_model.safetensors", "adapter_config.json", "manifest.json"
FILES: Mapping[str, int] = {WEIGHTS: 64 * 2**20, CONFIG: 256 * 2**10, MANIFEST: 256 * 2**10}  # the most bytes of each
PICKLE = "adapter_model.bin"  # what peft wrote in former times
MAX_RANK = 256
TARGETS = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
KNOWN_SETTINGS = frozenset({  # checked, or without any effect on a merge; others must be empty
    "r", "lora_alpha", "target_modules", "use_rslora", "peft_type", "task_type", "bias", "init_lora_weights",
    "lora_dropout", "inference_mode", "peft_version", "revision", "base_model_name_or_path", "megatron_core",
    "qalora_group_size",
})  # fmt: skip
CODE_SETTINGS = ("auto_mapping", "auto_map", "trust_remote_code", "custom_modules")
RETRAIN = "train it again with `manage.py tune`"
NO_ACCESS = "let the account of the model server read it"

Stamp = tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """What an adapter has to fit. Without a prompt version any will do."""

    sha256: str
    config: Mapping[str, Any]  # its config.json
    prompt_version: str = ""


def base_of(folder: Path, sha256: str, prompt_version: str = "") -> Base:
    """The base model in `folder`."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Base(sha256, config, prompt_version)


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """A whole adapter that passed every check that needs no model."""

    sha256: str  # of the weights
    prompt_version: str
    rank: int
    alpha: float
    root_scaled: bool  # alpha is divided by the root of the rank (use_rslora)
    tensors: Mapping[str, Tensor]  # by peft's names
    content: bytes  # the file of the weights

    @property
    def scale(self) -> float:
        """What the product of both factors is multiplied by before it is added to the base's weight."""
        return self.alpha / (self.rank**0.5 if self.root_scaled else self.rank)


def is_adapter(folder: Path) -> bool:
    """Whether a folder was meant as one, good or bad."""
    return folder.is_dir() and any(os.path.lexists(folder / name) for name in (WEIGHTS, CONFIG, PICKLE))


def stamp_of(folder: Path) -> Stamp:
    """Changes with the files, and with who may read them."""
    stamps: list[tuple[int, ...] | None] = []
    for path in (folder, *(folder / name for name in FILES)):
        try:
            found = os.lstat(path)
        except OSError:
            stamps.append(None)
        else:
            times = () if path == folder else (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            stamps.append((found.st_ino, found.st_mode, *times))
    return tuple(stamps)


def read_adapter(folder: Path, base: Base) -> AdapterFiles:
    """Everything that can be known of an adapter without running it. AdapterRefused names the first fault."""
    files = _read(folder)
    manifest, settings = _json(MANIFEST, files[MANIFEST]), _json(CONFIG, files[CONFIG])
    _check_manifest(manifest, base)
    _check_settings(settings)
    content = files[WEIGHTS]
    tensors = read_header(WEIGHTS, content)
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest["sha256"]:
        raise AdapterRefused(f"{WEIGHTS} is not the file that {MANIFEST} names, as its sha256 differs: {COPY_AGAIN}.")
    _check_shapes(tensors, expected_shapes(settings, base.config))
    check_finite(WEIGHTS, content, tensors)
    return AdapterFiles(
        sha256=digest,
        prompt_version=manifest["prompt_version"],
        rank=settings["r"],
        alpha=float(settings["lora_alpha"]),
        root_scaled=bool(settings.get("use_rslora")),
        tensors=tensors,
        content=content,
    )


def _read(folder: Path) -> dict[str, bytes]:
    """The three files as they stood at one moment. No link is followed, so nothing outside of the folder is read."""
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise AdapterRefused(_unread("Its folder", error)) from error
    try:
        before = stamp_of(folder)
        if not os.path.lexists(folder / WEIGHTS) and os.path.lexists(folder / PICKLE):
            raise AdapterRefused(
                f"It has {PICKLE} in place of {WEIGHTS}; pickles can run code and are never opened: {SAVE_AGAIN}."
            )
        files = {name: _read_file(place, name, most) for name, most in FILES.items()}
        if stamp_of(folder) != before:
            raise AdapterRefused("Its files changed while they were read: wait until all of them are copied.")
    finally:
        os.close(place)
    return files


def _read_file(place: int, name: str, most: int) -> bytes:
    try:
        # Without O_NONBLOCK a pipe of this name would hold the server until somebody writes into it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    except OSError as error:
        raise AdapterRefused(_unread(name, error)) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise AdapterRefused(f"{name} is not a plain file: {COPY_AGAIN}.")
        if not 0 < found.st_size <= most:
            raise AdapterRefused(f"{name} has {found.st_size} bytes, and 1 to {most} are allowed: {COPY_AGAIN}.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(found.st_size)
    except OSError as error:
        raise AdapterRefused(_unread(name, error)) from error
    finally:
        os.close(descriptor)


def _unread(name: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"It has no {name}; an adapter is {', '.join(FILES)} in one folder: {COPY_AGAIN}."
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return f"{name} is a link, and links are not followed: put the files themselves there."
    advice = NO_ACCESS if error.errno in (errno.EACCES, errno.EPERM) else COPY_AGAIN
    return f"{name} cannot be read ({error.strerror}): {advice}."


def _json(name: str, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise AdapterRefused(f"{name} is not JSON: {COPY_AGAIN}.") from error
    if not isinstance(value, dict):
        raise AdapterRefused(f"{name} is not a JSON object: {COPY_AGAIN}.")
    return value


def _check_manifest(manifest: Mapping[str, Any], base: Base) -> None:
    for key in ("base_sha256", "prompt_version", "sha256"):
        if not isinstance(manifest.get(key), str) or len(manifest[key]) > 100:
            raise AdapterRefused(f"{MANIFEST} does not say {key}: {RETRAIN}, which writes it.")
    if manifest["base_sha256"] != base.sha256:
        raise AdapterRefused(
            f"{MANIFEST} names another base model ({quoted(manifest['base_sha256'][:12])}) than the one that is loaded "
            f"({base.sha256[:12]}): {RETRAIN} on this one, or set GENERATOR_WEIGHTS to the other."
        )
    if base.prompt_version and manifest["prompt_version"] != base.prompt_version:
        raise AdapterRefused(
            f"{MANIFEST} names another version of the prompt ({quoted(manifest['prompt_version'])}) than this release "
            f"asks with ({base.prompt_version}): {RETRAIN}."
        )


def _check_settings(settings: Mapping[str, Any]) -> None:
    """A plain LoRA on the linear layers of the blocks; whatever would change the merge otherwise is refused."""
    if settings.get("peft_type") != "LORA":
        raise AdapterRefused(f"{CONFIG} says that it is not a LoRA adapter (peft_type): {RETRAIN}.")
    _check_no_code(settings)
    rank, targets = settings.get("r"), settings.get("target_modules")
    alpha: Any = settings.get("lora_alpha")
    if type(rank) is not int or not 1 <= rank <= MAX_RANK:
        raise AdapterRefused(f"{CONFIG} gives a rank (r) that is not a whole number from 1 to {MAX_RANK}: {RETRAIN}.")
    if type(alpha) not in (int, float) or not 0 < alpha <= 16 * MAX_RANK:
        raise AdapterRefused(f"{CONFIG} gives a lora_alpha that is not between 0 and {16 * MAX_RANK}: {RETRAIN}.")
    if not isinstance(targets, list) or not targets or not all(isinstance(t, str) and t in TARGETS for t in targets):
        raise AdapterRefused(
            f"{CONFIG} gives target_modules that are not a list of some of {', '.join(sorted(TARGETS))}: {RETRAIN}."
        )
    if settings.get("bias", "none") != "none":
        raise AdapterRefused(f"{CONFIG} trains a bias, which the engine does not merge: {RETRAIN} without it.")
    if settings.get("init_lora_weights", True) not in (True, False, None, "gaussian"):
        raise AdapterRefused(
            f"{CONFIG} was started in a way that changes the base model too (init_lora_weights): {RETRAIN}."
        )
    for key, value in settings.items():
        if value and key not in KNOWN_SETTINGS:
            raise AdapterRefused(f"{CONFIG} sets {quoted(key)}, which the engine does not merge: {RETRAIN} without it.")


def _check_no_code(settings: Mapping[str, Any]) -> None:
    """The base comes from this server alone, and code from its own packages."""
    for key in CODE_SETTINGS:
        if settings.get(key):
            raise AdapterRefused(f"{CONFIG} asks for code of its own ({key}), which is never run: set it to null.")
    name = settings.get("base_model_name_or_path") or ""
    if not isinstance(name, str) or len(name) > 200 or _is_path(name):
        raise AdapterRefused(
            f"{CONFIG} names a path as its base model (base_model_name_or_path), and the base is the server's own: "
            "write the model's name there."
        )


def _is_path(name: str) -> bool:
    """`name` and `owner/name` are names."""
    return name.startswith((".", "~", "/")) or ".." in name or "\\" in name or ":" in name or name.count("/") > 1


def _check_shapes(tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    if wrong := sorted(tensors.keys() ^ expected.keys()):
        fault = "an unknown tensor" if wrong[0] in tensors else "a missing tensor"
        raise AdapterRefused(
            f"{WEIGHTS} does not hold what {CONFIG} and the base ask for: {len(wrong)} differ, the first is "
            f"{fault}, {quoted(wrong[0])}; {RETRAIN}."
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name]:
            raise AdapterRefused(
                f"{WEIGHTS} gives {quoted(name)} the shape {tensor.shape}, but the base and the rank ask for "
                f"{expected[name]}: {RETRAIN}."
            )


def expected_shapes(settings: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """By the base's config: two factors for each linear layer that is trained."""
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
