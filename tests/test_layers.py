"""Imports point one way: supportbot <- knowledge <- chat; torch lives in the model server and in tuning alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
FORBIDDEN = {"supportbot": {"knowledge", "chat"}, "knowledge": {"chat"}}
# The outermost doors know everything: addresses, the ASGI application, and the command that starts all.
DOORS = {"supportbot/urls.py", "supportbot/asgi.py", "supportbot/management/commands/up.py"}
HEAVY = {"torch", "transformers", "peft", "safetensors", "gguf"}
MAY_BE_HEAVY = ("supportbot/inference/", "chat/tuning/")


def sources() -> Iterator[Path]:
    for app in ("supportbot", "knowledge", "chat"):
        yield from (path for path in (PROJECT / app).rglob("*.py") if "migrations" not in path.parts)


def imported(path: Path) -> set[str]:
    """The full dotted names that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_imports_point_one_way() -> None:
    wrong = []
    for path in sources():
        name = str(path.relative_to(PROJECT))
        if name in DOORS:
            continue
        forbidden = FORBIDDEN.get(name.split("/")[0], set())
        wrong += [f"{name} imports {module}" for module in imported(path) if module.split(".")[0] in forbidden]
    assert wrong == []


def test_torch_lives_in_one_place() -> None:
    wrong = []
    for path in sources():
        name = str(path.relative_to(PROJECT))
        if not name.startswith(MAY_BE_HEAVY):
            wrong += [f"{name} imports {module}" for module in imported(path) if module.split(".")[0] in HEAVY]
    assert wrong == []


def test_the_client_of_the_model_server_is_light_and_knows_no_model() -> None:
    modules = {module.split(".")[0] for module in imported(PROJECT / "supportbot/inference/client.py")}
    assert not modules & HEAVY
    for path in (PROJECT / "supportbot/inference").glob("*.py"):
        assert not any(name.startswith("django.db") for name in imported(path)), path.name


def test_no_signal_hooks() -> None:
    wrong = [
        str(path) for path in sources() if any(name.startswith("django.db.models.signals") for name in imported(path))
    ]
    assert wrong == []
