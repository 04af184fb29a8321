"""The environment, read loudly: a value that cannot be used stops the start with a sentence."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def load_dotenv(path: Path) -> None:
    """Take `NAME=value` lines of a file into the environment; what is set already wins."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ImproperlyConfigured(f"{path.name}, line {number}: {line!r} is not NAME=value")
        os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def env_str(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
    value = env_str(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name}={number} is not between {least} and {most}")
    return number


def env_float(name: str, default: float, *, least: float = 0.0, most: float = 1e9) -> float:
    value = env_str(name, str(default))
    try:
        number = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a number") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name}={number} is not between {least} and {most}")
    return number


def env_bool(name: str, default: bool = False) -> bool:
    value = env_str(name, "yes" if default else "no").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no")


def env_choice(name: str, *choices: str) -> str:
    """One of some words; the first when it is not set."""
    value = env_str(name, choices[0]).lower()
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(choices)}")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """Comma-separated words."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_table(name: str) -> dict[str, str]:
    """Comma-separated `key=value`."""
    table = {}
    for part in env_list(name):
        key, equals, value = part.partition("=")
        if not (key.strip() and equals and value.strip()):
            raise ImproperlyConfigured(f"{name}: {part!r} is not of the form name=value")
        table[key.strip()] = value.strip()
    return table


def env_path(name: str, default: Path | None) -> Path | None:
    value = env_str(name)
    return Path(value).expanduser().absolute() if value else default
