"""How fast this machine reads its memory just now: no engine can write words faster than it can read its weights."""

import time
from collections.abc import Callable
from typing import Any

from supportbot.inference.bench.talking import Answer, talk

SIDE = 8192  # of a square of float32: 256 MiB, more than any cache holds
TIMES = 4


def load(given: dict[str, Any]) -> tuple[dict[str, Any], Answer]:
    import torch

    torch.set_num_threads(given["threads"])
    device = given["device"]
    matrix, vector = torch.ones(SIDE, SIDE, device=device), torch.ones(SIDE, device=device)
    other = torch.empty_like(matrix)
    size = matrix.numel() * matrix.element_size()
    ways: dict[str, tuple[int, Callable[[], Any]]] = {
        "copy": (2 * size, lambda: other.copy_(matrix)),
        "product": (size, lambda: torch.mv(matrix, vector)),
    }
    wait = torch.cuda.synchronize if device == "cuda" else _nothing
    return {}, lambda _work: {name: _best(size, act, wait) for name, (size, act) in ways.items()}


def _nothing() -> None:
    """A processor is through when the call is."""


def _best(size: int, act: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """Bytes a second; whatever else the machine does only makes it slower, so the best counts."""
    act()
    wait()
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        act()
        wait()
        seconds.append(time.perf_counter() - start)
    return size / min(seconds)


if __name__ == "__main__":
    talk(load)
