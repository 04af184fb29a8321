"""The environment, read loudly: a value that cannot be used stops the start with a sentence."""

import os
import re
from ipaddress import ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

PLACE = re.compile(r"[\w-]+(?:/[\w-]+)*", re.ASCII)
SITE = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
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


def env_place(name: str, default: str) -> str:
    """A path of our own pages, such as `admin/`: words with slashes between them, and one behind."""
    value = env_str(name, default)
    place = value.strip("/")
    if not PLACE.fullmatch(place):
        raise ImproperlyConfigured(f"{name}={value!r} is not a path of letters, digits, - and _, such as back-office/")
    return f"{place}/"


def env_networks(name: str, *words: str) -> list[str]:
    """Comma-separated addresses and networks; or one of `words`."""
    rows = env_list(name)
    for row in rows:
        if row in words:
            continue
        try:
            network = ip_network(row, strict=False)
        except ValueError:
            told = f"{name}: {row!r} is no address such as 10.0.0.1 and no network such as 172.16.0.0/12"
            raise ImproperlyConfigured(told) from None
        if not network.prefixlen:
            raise ImproperlyConfigured(f"{name}: {row} is everybody; name the proxies alone")
    return rows


def env_site(name: str) -> str:
    """The address of a site as browsers write it, `https://name` or `http://name:port`; "" if it is not set."""
    value = env_str(name).rstrip("/")
    if value and not SITE.fullmatch(value):
        raise ImproperlyConfigured(f"{name}={value!r} is not of the form https://name or https://name:port")
    return value.lower()


def host_of(site: str) -> str:
    """The name in the address of a site, without its port."""
    return re.sub(r":[0-9]+$", "", site.partition("://")[2])


def env_path(name: str, default: Path | None) -> Path | None:
    value = env_str(name)
    return Path(value).expanduser().absolute() if value else default
