"""Small adapters made on the fly, and every way to spoil one that the server must refuse."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from supportbot.inference.adapter_files import CONFIG, FILES, MANIFEST, WEIGHTS, expected_shapes
from supportbot.inference.digests import file_sha256

BASE, PROMPT = "b" * 64, "p1"
RANK = 4
SETTINGS = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 8, "bias": "none", "auto_mapping": None,
    "target_modules": ["q_proj", "v_proj", "down_proj"], "base_model_name_or_path": "owner/tiny", "use_dora": False,
}  # fmt: skip
Parts = dict[str, tuple[str, list[int], bytes]]  # of a safetensors file: dtype, shape, bytes


def make_adapter(
    folder: Path,
    base: Mapping[str, Any],
    seed: int = 1,
    size: float = 0.1,
    told: Mapping[str, str] | None = None,
    **settings: Any,
) -> Path:
    """A whole adapter with random values in float32, for a base with this config; `told` goes into its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(seed)
    shapes = expected_shapes(SETTINGS | settings, base)
    parts = {
        name: ("F32", list(shape), dice.normal(0, size, shape).astype("<f4").tobytes())
        for name, shape in shapes.items()
    }
    (folder / CONFIG).write_text(json.dumps(SETTINGS | settings))
    (folder / MANIFEST).write_text(json.dumps(told or {}))
    write_parts(folder, parts)
    return folder


def sign(folder: Path, **changes: object) -> None:
    """Bind the manifest to the weights as they are, keeping what else it says."""
    told = {"base_sha256": BASE, "prompt_version": PROMPT} | json.loads((folder / MANIFEST).read_text())
    told |= {"sha256": file_sha256(folder / WEIGHTS)} | changes
    (folder / MANIFEST).write_text(json.dumps(told))


def packed(parts: Parts) -> tuple[dict[str, Any], bytes]:
    """The header and the data of a safetensors file."""
    header, data = {}, b""
    for name, (dtype, shape, content) in parts.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return header, data


def joined(header: bytes, data: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def overwrite(folder: Path, content: bytes) -> None:
    """Signed, so that only the content can be to blame."""
    (folder / WEIGHTS).write_bytes(content)
    sign(folder)


def write_parts(folder: Path, parts: Parts) -> None:
    header, data = packed(parts)
    overwrite(folder, joined(json.dumps(header).encode(), data))


def parts_of(folder: Path) -> Parts:
    content = (folder / WEIGHTS).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    return {
        name: (told["dtype"], told["shape"], content[start + told["data_offsets"][0] : start + told["data_offsets"][1]])
        for name, told in json.loads(content[8:start]).items()
    }


def edit_parts(folder: Path, change: Callable[[Parts, str], object]) -> None:
    """`change` gets the parts and the name of the first."""
    parts = parts_of(folder)
    change(parts, next(iter(parts)))
    write_parts(folder, parts)


def edit_header(folder: Path, change: Callable[[dict[str, Any], str, str], object], tail: bytes = b"") -> None:
    """`change` gets the header and the names of the first two tensors."""
    header, data = packed(parts_of(folder))
    first, second, *_ = header
    change(header, first, second)
    overwrite(folder, joined(json.dumps(header).encode(), data + tail))


def raw_header(folder: Path, header: bytes) -> None:
    overwrite(folder, joined(header, packed(parts_of(folder))[1]))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def shift(header: dict[str, Any], name: str, start: Any, end: Any) -> None:
    place = header[name]["data_offsets"]
    header[name]["data_offsets"] = [place[0] + start, place[1] + end]


def with_value(dtype: str, bits: bytes) -> Callable[[Path], None]:
    """The last number of the first tensor becomes `bits`; the file is all of `dtype`."""

    def spoil(folder: Path) -> None:
        size = len(bits)
        parts: Parts = {
            n: (dtype, shape, b"\0" * (len(c) // 4 * size)) for n, (_, shape, c) in parts_of(folder).items()
        }
        first = next(iter(parts))
        parts[first] = (*parts[first][:2], parts[first][2][:-size] + bits)
        write_parts(folder, parts)

    return spoil


def zipped() -> bytes:
    """As torch.save writes."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": [1, 2, 3]}, 2))
    return file.getvalue()


def linked(folder: Path, name: str) -> None:
    """The file lies outside, and a link to it in the folder."""
    outside = folder.parent.parent / f"outside-{name}"
    os.replace(folder / name, outside)
    (folder / name).symlink_to(outside)


def piped(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)


def made_a_folder(folder: Path) -> None:
    (folder / CONFIG).unlink()
    (folder / CONFIG).mkdir()


def only_a_pickle(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")


def truncate(folder: Path, size: int) -> None:
    os.truncate(folder / WEIGHTS, size)
    sign(folder)


def many_parts(folder: Path) -> None:
    overwrite(folder, joined(json.dumps({f"t{n}": {} for n in range(5000)}).encode(), b""))


def twins(folder: Path) -> None:
    header = json.dumps(packed(parts_of(folder))[0])
    raw_header(folder, (header[:-1] + ", " + header[1:]).encode())


DEEP = b"[" * 100_000
# What is done to the folder of a good adapter, and words of the sentence: which file, what is wrong.
FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "no manifest": (lambda f: (f / MANIFEST).unlink(), (MANIFEST, "has no")),
    "no config": (lambda f: (f / CONFIG).unlink(), (CONFIG, "has no")),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), (WEIGHTS, "has no")),
    "a pickle by its own name": (only_a_pickle, ("adapter_model.bin", "pickle", "run code")),
    "manifest is not JSON": (lambda f: (f / MANIFEST).write_text("{"), (MANIFEST, "not JSON")),
    "manifest is a list": (lambda f: (f / MANIFEST).write_text("[]"), (MANIFEST, "object")),
    "manifest is deep": (lambda f: (f / MANIFEST).write_bytes(DEEP), (MANIFEST, "not JSON")),
    "manifest is empty": (lambda f: (f / MANIFEST).write_text(""), (MANIFEST, "0 bytes")),
    "manifest is huge": (lambda f: (f / MANIFEST).write_bytes(b" " * 300_000), (MANIFEST, "bytes")),
    "manifest says no digest": (lambda f: sign(f, sha256=None), (MANIFEST, "sha256")),
    "manifest says numbers": (lambda f: sign(f, prompt_version=7), (MANIFEST, "prompt_version")),
    "config is not text": (lambda f: (f / CONFIG).write_bytes(b"\xff\xfe{}"), (CONFIG, "not JSON")),
    "another base": (lambda f: sign(f, base_sha256="c" * 64), (MANIFEST, "another base model")),
    "another prompt": (lambda f: sign(f, prompt_version="p0"), (MANIFEST, "another version of the prompt", "p0")),
    "another digest": (lambda f: sign(f, sha256="0" * 64), (WEIGHTS, "sha256")),
    "cut in the header": (lambda f: truncate(f, 500), (WEIGHTS, "cut short")),
    "cut in the data": (lambda f: truncate(f, (f / WEIGHTS).stat().st_size - 1), (WEIGHTS, "cut short")),
    "no bytes": (lambda f: overwrite(f, b""), (WEIGHTS, "0 bytes")),
    "five bytes": (lambda f: overwrite(f, b"hello"), (WEIGHTS, "5 bytes")),
    "too many bytes": (lambda f: truncate(f, FILES[WEIGHTS] + 1), (WEIGHTS, "allowed")),
    "a pickle": (lambda f: overwrite(f, pickle.dumps({"weight": [1, 2, 3]})), (WEIGHTS, "pickle", "run code")),
    "an old pickle": (lambda f: overwrite(f, pickle.dumps({"weight": [1]}, 2)), (WEIGHTS, "pickle", "run code")),
    "torch.save": (lambda f: overwrite(f, zipped()), (WEIGHTS, "pickle", "torch.save")),
    "GGUF": (lambda f: overwrite(f, b"GGUF\3\0\0\0" + b"\0" * 64), (WEIGHTS, "GGUF")),
    "huge header": (lambda f: overwrite(f, (2**62).to_bytes(8, "little") + b"{}"), (WEIGHTS, "header")),
    "header over its bound": (lambda f: overwrite(f, joined(b" " * 2**21, b"")), (WEIGHTS, "header")),
    "header is not JSON": (lambda f: raw_header(f, b"{oh"), (WEIGHTS, "header", "not JSON")),
    "header is a list": (lambda f: raw_header(f, b"[]"), (WEIGHTS, "header", "object")),
    "header is deep": (lambda f: raw_header(f, DEEP), (WEIGHTS, "header", "not JSON")),
    "one name twice": (twins, (WEIGHTS, "twice")),
    "thousands of tensors": (many_parts, (WEIGHTS, "5000 tensors")),
    "overlapping tensors": (lambda f: edit_header(f, lambda h, a, b: shift(h, b, -4, -4)), (WEIGHTS, "overlap")),
    "tensor beyond the end": (
        lambda f: edit_header(f, lambda h, a, b: shift(h, a, 2**40, 2**40)),
        (WEIGHTS, "cut short"),
    ),
    "tensor before the start": (lambda f: edit_header(f, lambda h, a, b: shift(h, a, -8, -8)), (WEIGHTS, "offsets")),
    "gap between tensors": (lambda f: edit_header(f, lambda h, a, b: h.pop(b)), (WEIGHTS, "no tensor")),
    "bytes after the tensors": (lambda f: edit_header(f, lambda h, a, b: None, b"\0" * 64), (WEIGHTS, "no tensor")),
    "offsets that are not whole": (
        lambda f: edit_header(f, lambda h, a, b: shift(h, a, 0.5, 0.5)),
        (WEIGHTS, "offsets"),
    ),
    "no offsets": (lambda f: edit_header(f, lambda h, a, b: h[a].pop("data_offsets")), (WEIGHTS, "offsets")),
    "three offsets": (lambda f: edit_header(f, lambda h, a, b: h[a]["data_offsets"].append(9)), (WEIGHTS, "offsets")),
    "no object": (lambda f: edit_header(f, lambda h, a, b: h.update({a: 7})), (WEIGHTS, "offsets")),
    "negative shape": (lambda f: edit_header(f, lambda h, a, b: h[a].update(shape=[-4, -32])), (WEIGHTS, "shape")),
    "many axes": (lambda f: edit_header(f, lambda h, a, b: h[a].update(shape=[1] * 99)), (WEIGHTS, "shape")),
    "another size": (lambda f: edit_header(f, lambda h, a, b: h[a].update(shape=[4, 31])), (WEIGHTS, "size")),
    "whole numbers": (lambda f: edit_header(f, lambda h, a, b: h[a].update(dtype="I32")), (WEIGHTS, "I32")),
    "dtype is a list": (lambda f: edit_header(f, lambda h, a, b: h[a].update(dtype=["F32"])), (WEIGHTS, "reads")),
    "not a number": (with_value("F32", b"\x01\x00\x80\x7f"), (WEIGHTS, "not finite")),
    "infinite": (with_value("F32", b"\x00\x00\x80\xff"), (WEIGHTS, "not finite")),
    "not a number in bfloat16": (with_value("BF16", b"\xc0\x7f"), (WEIGHTS, "not finite")),
    "infinite in float16": (with_value("F16", b"\x00\x7c"), (WEIGHTS, "not finite")),
    "wrong shape": (lambda f: edit_parts(f, lambda p, a: p.update({a: ("F32", [32, 4], p[a][2])})), (WEIGHTS, "shape")),
    "missing tensor": (lambda f: edit_parts(f, lambda p, a: p.pop(a)), (WEIGHTS, "missing")),
    "unknown tensor": (lambda f: edit_parts(f, lambda p, a: p.update(a=("F32", [1], b"\0" * 4))), (WEIGHTS, "unknown")),
    "control characters": (
        lambda f: edit_parts(f, lambda p, a: p.update({"\x1b[2J\n": ("F32", [0], b"")})),
        (WEIGHTS, r"'\x1b[2J\n'"),
    ),
    "no tensors": (lambda f: write_parts(f, {}), (WEIGHTS, "missing")),
    "other rank": (lambda f: edit_config(f, r=8), (WEIGHTS, "shape")),
    "absurd rank": (lambda f: edit_config(f, r=100_000), (CONFIG, "rank")),
    "rank is yes": (lambda f: edit_config(f, r=True), (CONFIG, "rank")),
    "not LoRA": (lambda f: edit_config(f, peft_type="IA3"), (CONFIG, "LoRA")),
    "infinite alpha": (lambda f: edit_config(f, lora_alpha=float("inf")), (CONFIG, "lora_alpha")),
    "alpha is no number": (lambda f: edit_config(f, lora_alpha=float("nan")), (CONFIG, "lora_alpha")),
    "alpha is yes": (lambda f: edit_config(f, lora_alpha=True), (CONFIG, "lora_alpha")),
    "embeddings": (lambda f: edit_config(f, target_modules=["embed_tokens"]), (CONFIG, "target_modules")),
    "a pattern": (lambda f: edit_config(f, target_modules=".*"), (CONFIG, "target_modules")),
    "biases": (lambda f: edit_config(f, bias="all"), (CONFIG, "bias")),
    "DoRA": (lambda f: edit_config(f, use_dora=True), (CONFIG, "use_dora")),
    "more layers": (lambda f: edit_config(f, layer_replication=[[0, 2], [0, 2]]), (CONFIG, "layer_replication")),
    "changed base": (lambda f: edit_config(f, init_lora_weights="pissa"), (CONFIG, "init_lora_weights")),
    "a path": (lambda f: edit_config(f, base_model_name_or_path="/etc/models"), (CONFIG, "path")),
    "a path up": (lambda f: edit_config(f, base_model_name_or_path="../../models"), (CONFIG, "path")),
    "a path at home": (lambda f: edit_config(f, base_model_name_or_path="~/models"), (CONFIG, "path")),
    "an address": (lambda f: edit_config(f, base_model_name_or_path="https://evil.example/m"), (CONFIG, "path")),
    "a path in a list": (lambda f: edit_config(f, base_model_name_or_path=["/"]), (CONFIG, "path")),
    "a class": (lambda f: edit_config(f, auto_mapping={"parent_library": "os"}), (CONFIG, "code", "auto_mapping")),
    "remote code": (lambda f: edit_config(f, trust_remote_code=True), (CONFIG, "code", "trust_remote_code")),
    "a module": (lambda f: edit_config(f, auto_map={"AutoModel": "m.M"}), (CONFIG, "code", "auto_map")),
    "linked weights": (lambda f: linked(f, WEIGHTS), (WEIGHTS, "link")),
    "linked manifest": (lambda f: linked(f, MANIFEST), (MANIFEST, "link")),
    "a link to nothing": (
        lambda f: ((f / CONFIG).unlink(), (f / CONFIG).symlink_to("/nowhere/x")),
        (CONFIG, "link"),
    ),
    "a pipe": (piped, (WEIGHTS, "plain file")),
    "a folder in place of a file": (made_a_folder, (CONFIG, "plain file")),
}
