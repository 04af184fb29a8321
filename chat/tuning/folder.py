"""An adapter's folder: weights as bfloat16 safetensors, peft's config, and a manifest that binds them to their base."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from chat.prompts import PROMPT_VERSION
from chat.tuning.plan import Plan
from chat.tuning.train import Outcome
from chat.tuning.trial import Scores
from supportbot.inference.adapter_files import CONFIG, MANIFEST, WEIGHTS
from supportbot.inference.weights import file_sha256

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class NotOurs(Exception):
    """The sentence says why nothing can be written to the folder."""


def check_place(folder: Path) -> None:
    """Before an hour of work, not after it. NotOurs where something stands that is no adapter, or nothing may stand."""
    if not NAME.fullmatch(folder.name):
        raise NotOurs(f"{folder}: its name may hold lower-case letters, digits, dots, dashes and underscores")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir()) and not (folder / WEIGHTS).is_file()):
        raise NotOurs(f"{folder} holds something else than an adapter: name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise NotOurs(f"{folder.parent} cannot be written to: {error.strerror}") from None


def write_adapter(
    folder: Path,
    model: Any,
    plan: Plan,
    outcome: Outcome,
    scores: dict[str, Scores | None],
    *,
    base: str,
    base_sha256: str,
) -> dict[str, Any]:
    """Write `folder` whole or not at all, in the place of one of the same name; gives the manifest."""
    draft = folder.with_name(f".draft-{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _save_weights(draft, model, base)
    weights = draft / WEIGHTS
    manifest = {
        "name": folder.name,
        "base": base,
        "base_sha256": base_sha256,
        "prompt_version": PROMPT_VERSION,
        "started_from": plan.started_from,
        "data_sha256": plan.data_sha256,
        "datasets": plan.asked(outcome.steps),
        "examples": sum(int(one["examples"]) for one in plan.asked(outcome.steps)),
        "steps": outcome.steps,
        "seconds": round(outcome.seconds),
        "seed": plan.recipe.seed,
        "hyperparameters": asdict(plan.recipe),
        "scores": {when: one.told() for when, one in scores.items() if one},
        "sha256": file_sha256(weights),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _replace(draft, folder)
    return manifest


def _save_weights(draft: Path, model: Any, base: str) -> None:
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = {name: value.to(torch.bfloat16).contiguous() for name, value in get_peft_model_state_dict(model).items()}
    save_file(state, draft / WEIGHTS, metadata={"format": "pt"})
    (draft / WEIGHTS).chmod(0o644)  # the library writes it for its owner alone
    config = model.peft_config["default"].to_dict()
    config.update(base_model_name_or_path=base, inference_mode=True)
    config["target_modules"] = sorted(config["target_modules"])
    text = json.dumps(config, indent=2, sort_keys=True, default=str)
    (draft / CONFIG).write_text(text + "\n", encoding="utf-8")


def _replace(draft: Path, folder: Path) -> None:
    old = folder.with_name(f".old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(draft, folder)
    shutil.rmtree(old, ignore_errors=True)
