"""What attackers write. Our own lists are in lists/; the larger ones are evaluation data beside the project."""

import gzip
import json
import random
import re
from pathlib import Path

LISTS = Path(__file__).parent / "lists"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "security"
ESCAPE = re.compile(r"\\(n|t|\\|u[0-9a-f]{4})")
A_FEW = 60
MOST_CHARS = 600  # of a payload that is cut at every place


def own(name: str, host: str = "127.0.0.1") -> list[str]:
    """The lines of one of our lists; a line writes \\n, \\t and \\uXXXX as such, and HOST is the server's own."""
    lines = (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [ESCAPE.sub(_meant, line).replace("HOST", host) for line in lines if line]


def _meant(found: re.Match[str]) -> str:
    code = found[1]
    return {"n": "\n", "t": "\t", "\\": "\\"}.get(code) or chr(int(code[1:], 16))


def others(name: str) -> list[dict[str, str]]:
    """The rows of an evaluation list; none where it is absent."""
    path = DATA / f"{name}.dev.jsonl.gz"
    if not path.is_file():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def markup(host: str, chance: random.Random, *, few: bool) -> list[str]:
    """Scripts, markup and markdown that should stay words."""
    known = own("xss", host) + own("markdown", host)
    if few:
        return chance.sample(known, A_FEW)
    more = [row["text"][:MOST_CHARS] for name in ("xss", "naughty_strings") for row in others(name)]
    return list(dict.fromkeys(known + more))
