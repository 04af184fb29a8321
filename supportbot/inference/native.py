"""native.c, built by the system's compiler where there is one, and called with the tensors of a model.

Nothing needs it: without a compiler, or where its results differ, torch computes the same several times slower.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from supportbot.inference.llama import Llama, Part
from supportbot.inference.products import Adapter, Product

SOURCE = Path(__file__).with_name("native.c")
COMPILERS = ("cc", "gcc", "clang")
OPTIONS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC")
BUILD_SECONDS = 60
NAMES, ABLE = ("model name", "CPU part"), ("flags", "Features")  # of /proc/cpuinfo, by the kind of processor
FLOAT32, BFLOAT16, INT8 = range(3)
LANES, MOST_WIDTH, MOST_RANK = 16, 256, 768  # as in native.c
SPARE_ROWS = 16  # rows that cost little more than one


class Unavailable(Exception):
    """The native step cannot be had; the sentence says why."""


class _Matrix(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("weights", "scales", "bias")] + [
        (name, ctypes.c_int64) for name in ("out", "in")
    ]


class _LowRank(ctypes.Structure):
    _fields_ = [("down", ctypes.c_void_p), ("up", ctypes.c_void_p), ("rank", ctypes.c_int64)]


class _AdapterLayer(ctypes.Structure):
    _fields_ = [("products", _LowRank * 4)]


class _Layer(ctypes.Structure):
    _fields_ = [("products", _Matrix * 4), ("attention_norm", ctypes.c_void_p), ("feed_norm", ctypes.c_void_p)]


class _Model(ctypes.Structure):
    _fields_ = [
        ("layers", ctypes.POINTER(_Layer)),
        *((name, ctypes.c_void_p) for name in ("norm", "cosines", "sines")),
        ("head", _Matrix),
        *(
            (name, ctypes.c_int64)
            for name in ("count", "hidden", "wide", "heads", "kv_heads", "width", "context", "kind", "fine")
        ),
        ("epsilon", ctypes.c_double),
        ("threads", ctypes.c_int64),
    ]


class _Row(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("keys", "values", "adapter")] + [
        (name, ctypes.c_int64) for name in ("layer_stride", "head_stride", "position")
    ]


class Native:
    """A model as native.c wants it. Belongs to the thread that computes."""

    def __init__(self, library: ctypes.CDLL, model: Llama, *, int8: bool, threads: int) -> None:
        """`int8` takes the weights in 8 bits, of a model that has them; else those in its own precision."""
        _check(model)
        self._library, self._embeddings, self._dtype = library, model.embeddings, model.dtype
        self._held: list[object] = []  # what native.c points to
        self._adapters: WeakKeyDictionary[Adapter, ctypes.Array[_AdapterLayer]] = WeakKeyDictionary()
        self._int8 = int8
        fine = BFLOAT16 if model.dtype is torch.bfloat16 else FLOAT32
        layers = (_Layer * len(model.layers))()
        for layer, own in zip(layers, model.layers, strict=True):
            layer.products = (_Matrix * 4)(*(self._matrix(product) for product in own.products))
            layer.attention_norm, layer.feed_norm = self._floats(own.attention_norm), self._floats(own.feed_norm)
        self._model = _Model(
            layers=layers, norm=self._floats(model.norm), cosines=self._floats(model.cosines),
            sines=self._floats(model.sines), head=self._matrix(model.head), count=len(model.layers),
            hidden=model.hidden, wide=model.wide, heads=model.heads, kv_heads=model.kv_heads, width=model.width,
            context=model.context, kind=INT8 if int8 else fine, fine=fine, epsilon=model.epsilon, threads=threads,
        )  # fmt: skip
        self._held.append(layers)
        self._scratch = torch.empty(0)

    @torch.inference_mode()
    def step(self, parts: Sequence[Part]) -> Tensor:
        """Logits [rows, vocabulary] after each token of each part; their states then hold them too."""
        rows = (_Row * sum(len(part.tokens) for part in parts))()
        index = 0
        for part in parts:
            keys, values, adapter = part.states.keys, part.states.values, self._adapter(part.adapter)
            strides = keys.stride(0), keys.stride(1)
            start = len(part.states.tokens)
            for position in range(start, start + len(part.tokens)):
                rows[index] = _Row(keys.data_ptr(), values.data_ptr(), adapter, *strides, position)
                index += 1
        hidden = F.embedding(torch.tensor([token for part in parts for token in part.tokens]), self._embeddings).float()
        logits = torch.empty(len(rows), self._model.head.out)
        needed = self._library.scratch_floats(ctypes.byref(self._model), len(rows))
        if len(self._scratch) < needed:
            self._scratch = torch.empty(needed)
        self._library.step(
            ctypes.byref(self._model), rows, len(rows), hidden.data_ptr(), logits.data_ptr(), self._scratch.data_ptr()
        )
        for part in parts:
            part.states.tokens.extend(part.tokens)
        return logits

    def by_halves(self, product: Product, rows: Tensor) -> Tensor:
        """As `Product.by_halves`, with all that is around the product of bytes in two passes."""
        assert product.bytes is not None and product.scales is not None
        wide, threads = rows.float().contiguous(), self._model.threads
        count, size = wide.shape
        halves, units = torch.empty(2 * count, size, dtype=torch.int8), torch.empty(count)
        self._library.halve(wide.data_ptr(), count, size, threads, halves.data_ptr(), units.data_ptr())
        both = torch._int_mm(halves, product.bytes.T)
        made = torch.empty(count, product.out)
        bias = None if product.bias is None else product.bias.float()
        self._library.join(
            both.data_ptr(), units.data_ptr(), product.scales.data_ptr(), bias.data_ptr() if bias is not None else 0,
            count, product.out, threads, made.data_ptr(),
        )  # fmt: skip
        return made.to(rows.dtype)

    def _adapter(self, adapter: Adapter | None) -> int:
        if adapter is None:
            return 0
        if adapter not in self._adapters:
            layers = (_AdapterLayer * len(adapter.layers))()
            for layer, parts in zip(layers, adapter.layers, strict=True):
                layer.products = (_LowRank * 4)(
                    *(
                        _LowRank(0, 0, 0)
                        if part is None
                        else _LowRank(part.down.data_ptr(), part.up.data_ptr(), len(part.down))
                        for part in parts
                    )
                )
            self._adapters[adapter] = layers
        return ctypes.addressof(self._adapters[adapter])

    def _matrix(self, product: Product) -> _Matrix:
        bias = self._floats(product.bias) if product.bias is not None else 0
        if not self._int8:
            assert product.weight is not None
            return _Matrix(product.weight.data_ptr(), 0, bias, product.out, product.size)
        assert product.bytes is not None and product.scales is not None
        self._held += [product.bytes, product.scales]
        return _Matrix(product.bytes.data_ptr(), product.scales.data_ptr(), bias, product.out, product.size)

    def _floats(self, tensor: Tensor) -> int:
        held = tensor.float().contiguous()
        self._held.append(held)
        return held.data_ptr()


def library(folder: Path) -> Path:
    """The compiled step, kept in `folder` for this processor and this source; Unavailable says why there is none."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise Unavailable("there is no C compiler")
    target = folder / f"native-{_stamp(compiler)}.so"
    if not _own(target):
        folder.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        command = [compiler, *OPTIONS, "-o", str(draft), str(SOURCE), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=BUILD_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            draft.unlink(missing_ok=True)
            raise Unavailable(f"{compiler} does not compile it: {type(error).__name__}") from error
        draft.chmod(0o700)
        draft.replace(target)
    return target


def build(folder: Path) -> ctypes.CDLL:
    """The compiled step, loaded; Unavailable says why there is none."""
    target = library(folder)
    try:
        loaded = ctypes.CDLL(str(target))
    except OSError as error:
        raise Unavailable(f"{target.name} cannot be loaded") from error
    loaded.scratch_floats.argtypes = [ctypes.POINTER(_Model), ctypes.c_int64]
    loaded.scratch_floats.restype = ctypes.c_int64
    loaded.step.argtypes = [ctypes.POINTER(_Model), ctypes.POINTER(_Row), ctypes.c_int64, *[ctypes.c_void_p] * 3]
    number, place = ctypes.c_int64, ctypes.c_void_p
    loaded.halve.argtypes = [place, number, number, number, place, place]
    loaded.join.argtypes = [place, place, place, place, number, number, number, place]
    loaded.step.restype = loaded.halve.restype = loaded.join.restype = None
    return loaded


def _check(model: Llama) -> None:
    sizes = (model.hidden, model.wide, model.width, model.heads * model.width)
    if any(size % LANES for size in sizes) or model.width > MOST_WIDTH:
        raise Unavailable(f"the model's sizes {sizes} are not multiples of {LANES}")


def _own(path: Path) -> bool:
    """A library that somebody else could have written is built again."""
    if not path.is_file():
        return False
    stat = path.stat()
    return stat.st_uid == os.geteuid() and not stat.st_mode & 0o022


def processor() -> str:
    """Its name and what it can do."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.is_file() else []
    told = [next((line for line in lines if line.startswith(names)), "") for names in (NAMES, ABLE)]
    return "\n".join([platform.machine(), platform.processor(), *told])


def _stamp(compiler: str) -> str:
    """Of everything that the result depends on, with what the processor can do."""
    told = "\n".join([SOURCE.read_text(), str(Path(compiler).resolve()), *OPTIONS, processor()])
    return hashlib.sha256(told.encode()).hexdigest()[:16]
