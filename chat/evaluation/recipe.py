"""How answers were made, as far as it decides what they say: rows of two recipes are never mixed."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from chat.dial import weights_of
from chat.prompts import PROMPT_VERSION
from knowledge.embedding import default_recipe

ANSWER_PATH = "chat.answering"
OWN = ("chat", "knowledge")
SETTINGS = (
    "CHAT_PASSAGES",
    "CHAT_MAX_ANSWER_TOKENS",
    "CHAT_ANSWERABLE_FLOOR",
    "CHAT_EXTRACT_FLOOR",
    "CHAT_SUPPORT_FLOOR",
    "CHAT_CHOICE_FLOOR",
    "CHAT_MOST_WRONG_PERCENT",
    "RERANK_PASSAGES",
    "RERANK_MODEL",
    "MODEL_WEIGHTS",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an evaluation of answers was asked to do. `engine` is empty for the server at MODEL_URL."""

    audience: str
    answerer: str
    gate: bool
    passages: str  # retrieved, gold or none
    model: str
    engine: str = ""
    refusal_chance: bool = False


def recipe_of(wanted: Wanted) -> dict[str, Any]:
    """For the file of rows. The address of an engine is kept without what may be secret in it."""
    told: dict[str, Any] = {
        "audience": wanted.audience,
        "answerer": wanted.answerer,
        "gate": "on" if wanted.gate else "off",
        "passages": wanted.passages,
        "settings": {name: getattr(settings, name) for name in SETTINGS if hasattr(settings, name)},
        "embedding": default_recipe().fingerprint,
        "code": code_of(ANSWER_PATH),
    }
    if wanted.answerer != "extract":
        told |= {"model": wanted.model, "weights": weights_of(wanted.model), "prompt": PROMPT_VERSION}
        told |= {"engine": _place_of(wanted.engine)} if wanted.engine else {}
        told |= {"refusal chance": True} if wanted.refusal_chance else {}
    return told


def unlike(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """The names of what differs."""
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


@cache
def code_of(module: str) -> str:
    """A fingerprint of the source of a module and of all of ours that it imports, directly or not.

    Read once: what is edited afterwards does not run in this process.
    """
    digest = hashlib.sha256()
    for path in sorted(_sources(module)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _place_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _sources(module: str) -> set[Path]:
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = settings.BASE_DIR.joinpath(*waiting.pop().split(".")).with_suffix(".py")
        if path.is_file() and path not in found:
            found.add(path)
            waiting += _imported(ast.parse(path.read_bytes()))
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    """The modules of ours that a module names, and what it takes from a package, which may be one too."""
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        yield from (name for name in names if name.split(".")[0] in OWN)
