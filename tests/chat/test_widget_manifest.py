"""What tools are told of the element (custom-elements.json, support-chat.d.ts) is what it has, no more and no less."""

import json
import re
from typing import Any

from chat.widget_files import SOURCE

ELEMENT = (SOURCE / "support-chat.js").read_text()
MIRRORED = ELEMENT.split("const MIRRORED", 1)[1].split("];", 1)[0]  # [property, attribute, values…]
EVERYTHING = "\n".join(path.read_text() for path in sorted(SOURCE.glob("*.js")))
TYPES = (SOURCE / "support-chat.d.ts").read_text()
TOLD = json.loads((SOURCE / "custom-elements.json").read_text())["modules"][0]["declarations"][0]
# What the panel uses of the element, and the platform of every element: not for pages.
INNER = {
    "constructor", "connectedCallback", "disconnectedCallback", "attributeChangedCallback",
    "language", "speak", "panel", "tell", "settings",
}  # fmt: skip


def told(kind: str) -> set[str]:
    return {one["name"] for one in TOLD[kind]}


def members(kind: str) -> dict[str, Any]:
    return {one["name"]: one for one in TOLD["members"] if one["kind"] == kind}


def test_its_methods_and_properties_are_told():
    accessors = re.findall(r"^  (get|set) (\w+)\(", ELEMENT, re.MULTILINE)
    mirrored = re.findall(r'\["(\w+)", "([\w-]+)"', MIRRORED)
    given = re.search(r"for \(const name of \[(.*?), \.\.\.MIRRORED", ELEMENT)
    assert given is not None
    plain = set(re.findall(r'"(\w+)"', given[1]))
    fields = {name for _, name in accessors} | {name for name, _ in mirrored} | plain
    assert set(members("field")) == fields - INNER
    written = {name for kind, name in accessors if kind == "set"} | {name for name, _ in mirrored} | plain
    assert {name for name, one in members("field").items() if not one.get("readonly")} == written
    methods = set(re.findall(r"^  (?:async )?(\w+)\([^)]*\) \{", ELEMENT, re.MULTILINE)) - INNER
    assert set(members("method")) == methods


def test_its_attributes_are_told_with_their_values():
    read = set(re.findall(r'(?:has|get|toggle|set)Attribute\("([\w-]+)"', ELEMENT)) - {"part", "role", "viewBox", "d"}
    mirrored = re.findall(r'\["(\w+)", "([\w-]+)"((?:, "\w+")*)\]', MIRRORED)
    names = {name for name in read if not name.startswith("aria-")} | {attribute for _, attribute, _ in mirrored}
    assert told("attributes") == names
    types = {one["name"]: one["type"]["text"] for one in TOLD["attributes"]}
    for _, attribute, values in mirrored:
        assert not values or types[attribute] == " | ".join(re.findall(r'"\w+"', values))


def test_its_events_parts_slots_and_custom_properties_are_told():
    assert told("events") == set(re.findall(r'\.tell\("(sc-\w+)"', EVERYTHING))
    parts = re.findall(r'part: "([\w ]+)"|"part", "([\w ]+)"|\barticle\("(\w+)"', EVERYTHING)
    assert told("cssParts") == {one for found in parts for name in found for one in name.split()} | {"message"}
    assert told("cssProperties") == set(re.findall(r"--support-chat-[\w-]+", EVERYTHING))
    slots = re.findall(r'h\("slot", \{ name: "([\w-]+)"|slot\.name = "([\w-]+)"', EVERYTHING)
    assert told("slots") == {name for found in slots for name in found if name} | {""}


def test_the_types_say_the_same():
    for name, one in members("field").items():
        readonly = "readonly " if one.get("readonly") else ""
        assert re.search(rf"^  {readonly}{name}\??: {re.escape(one['type']['text'])};$", TYPES, re.MULTILINE), name
    for name, one in members("method").items():
        taken = ", ".join(f"{given['name']}: {given['type']['text']}" for given in one.get("parameters", []))
        assert f"  {name}({taken}): {one['return']['type']['text']};\n" in TYPES
    for one in TOLD["events"]:
        assert f'  "{one["name"]}": {one["type"]["text"]};\n' in TYPES
    declared = re.findall(r"^  (?:readonly )?(\w+)\??[:(<]", TYPES, re.MULTILINE)
    listeners = {"addEventListener", "removeEventListener"}
    assert set(declared) - listeners == set(members("field")) | set(members("method"))


def test_the_documentation_names_all_of_it():
    text = (SOURCE.parents[1] / "docs" / "widget.md").read_text()
    for name in [*told("attributes"), *told("events"), *told("cssParts"), *members("method"), *members("field")]:
        assert re.search(rf"`[^`\n]*\b{name}\b", text) or re.search(rf"\b{name}\b", text.split("Parts for", 1)[1]), name
