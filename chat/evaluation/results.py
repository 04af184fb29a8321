"""Where results are written: known to be writable before hours of work, not after them."""

import json
from pathlib import Path
from typing import Any

from knowledge.evaluation import EvaluationFailed


def check_writable(path: Path | None) -> None:
    """Raises EvaluationFailed."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise EvaluationFailed(f"{path} cannot be written: {error.strerror}.") from error


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    if path is not None:
        write_text(path, json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Raises EvaluationFailed."""
    try:
        path.write_text(text)
    except OSError as error:
        raise EvaluationFailed(f"{path} cannot be written: {error.strerror}.") from error
