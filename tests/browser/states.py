"""The names of the widget's states, as static/demo/states.js scripts them."""

import re
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "demo" / "states.js"
STATES: tuple[str, ...] = tuple(re.findall(r'^  "([a-z-]+)": \{', SCRIPT.read_text(), re.MULTILINE))
