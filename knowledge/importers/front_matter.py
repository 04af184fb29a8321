"""Front matter: what a markdown file says of itself, as YAML between `---` or TOML between `+++`."""

import re
import tomllib
from typing import Any

import yaml

from knowledge.importers.documents import BadDocument

MAX_FRONT_CHARS = 64 * 1024
OPENING = re.compile(r"\A\ufeff?(---|\+\+\+)[ \t]*\n")
ENDS = {"---": re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.M), "+++": re.compile(r"^\+\+\+[ \t]*(?:\n|\Z)", re.M)}
SIMPLE_LINE = re.compile(r"([A-Za-z_][\w-]{0,60}):[ \t]+(.{1,1000})")


class WithoutAliases(yaml.SafeLoader):
    """Aliases let a few lines stand for a billion; nobody needs them here."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise BadDocument("The front matter refers to other parts of itself, which is not read.")
        return super().compose_node(parent, index)


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=WithoutAliases)  # nosec B506 # a SafeLoader


def split_front_matter(text: str) -> tuple[dict[str, Any], str, list[str]]:
    """The facts (names in small letters), the body, and notes. No front matter, no facts. Raises BadDocument."""
    opening = OPENING.match(text)
    if opening is None:
        return {}, text, []
    end = ENDS[opening[1]].search(text, opening.end(), opening.end() + MAX_FRONT_CHARS)
    if end is None:
        if opening[1] == "+++":
            raise BadDocument("The front matter has no end.")
        return {}, text, []  # a rule at the top of an ordinary text
    front, body = text[opening.end() : end.start()], text[end.end() :]
    notes: list[str] = []
    try:
        facts = _yaml(front) if opening[1] == "---" else tomllib.loads(front)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        facts = {name: value.strip().strip("\"'") for name, value in SIMPLE_LINE.findall(front)}
        notes = ["The front matter is not valid and was read line by line."]
    except RecursionError:
        raise BadDocument("The front matter is nested too deeply.") from None
    if facts is None:
        return {}, body, notes
    if not isinstance(facts, dict):
        return {}, text, notes  # a paragraph between two rules
    return {_text(name).lower(): value for name, value in facts.items()}, body, notes


def first_text(facts: dict[str, Any], *names: str) -> str:
    """The first of these facts that is there: a text, a number, or the first entry of a list."""
    for name in names:
        value = facts.get(name)
        while isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get("name") or value.get("title")
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and (text := _text(value)):
            return text
    return ""


def is_draft(facts: dict[str, Any]) -> bool:
    if _says(facts.get("draft"), "true", "yes", "1") or _says(facts.get("published"), "false", "no", "0"):
        return True
    return _says(facts.get("status"), "draft", "unpublished", "archived", "hidden", "private") or _says(
        facts.get("state"), "draft", "unpublished", "archived"
    )


def _says(value: object, *words: str) -> bool:
    return value is not None and _text(value).lower() in words


def _text(value: object) -> str:
    """What somebody wrote; "" for a number of thousands of digits, which Python does not write out."""
    try:
        return str(value).strip()
    except ValueError:
        return ""
