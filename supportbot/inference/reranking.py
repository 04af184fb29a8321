"""The client of `/v1/rerank`: how near texts are to a question, by our own model server or any other that knows it.

It is asked while somebody waits, and an answer can do without it: nothing is tried twice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from supportbot.inference.failures import ModelError
from supportbot.inference.posting import post_once


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server says of one text. All but the first are our own server's (`reader.Reading`), else None."""

    relevance: float
    shallow: float | None = None
    least: float | None = None
    least_shallow: float | None = None
    sentences: tuple[tuple[int, float, float], ...] = ()  # each one's start, nearness, and nearness below its headings


def rerank(query: str, documents: Sequence[str], *, url: str, key: str, model: str, timeout: float) -> list[Reading]:
    """One reading a text, in order. Raises ModelError."""
    body = {"model": model, "query": query, "documents": list(documents), "return_documents": False}
    reply = post_once(url, key, "rerank", body, timeout)
    try:
        found = {int(result["index"]): _reading(result) for result in reply["results"]}
        return [found[place] for place in range(len(documents))]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError("malformed", "The model server sent something that is no ranking.") from error


def _reading(result: dict[str, Any]) -> Reading:
    words = result.get("words") or {}
    numbers = [result["relevance_score"], *(words.get(name) for name in ("shallow", "least", "least_shallow"))]
    checked = [None if number is None else float(number) for number in numbers]
    if checked[0] is None or not all(number is None or math.isfinite(number) for number in checked):
        raise ValueError("a score is no number")
    sentences = tuple((int(start), float(alone), float(headed)) for start, alone, headed in result.get("sentences", ()))
    if not all(math.isfinite(alone) and math.isfinite(headed) for _, alone, headed in sentences):
        raise ValueError("a score is no number")
    return Reading(checked[0], checked[1], checked[2], checked[3], sentences)
