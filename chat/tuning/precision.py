"""Where a run computes, and how exactly: products in bfloat16 where the machine has them, sums in float32."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def device_to_take() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def has_bfloat16(device: str) -> bool:
    """Whether it multiplies bfloat16 itself: half the time of float32 where it does, far more where not."""
    if device != "cpu":
        return True
    info = Path("/proc/cpuinfo")
    return info.is_file() and any(flag in info.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def mixed(model: Any) -> torch.autocast:
    """A block in which the model's products are bfloat16, whatever its weights are."""
    import torch

    device = model.device.type
    return torch.autocast(device, dtype=torch.bfloat16, enabled=has_bfloat16(device))
