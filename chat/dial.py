"""The risk dial: from which probability on an answer is given, so that at most so many of the answers are wrong.

CHAT_MOST_WRONG_PERCENT says how many; a curve that was measured (`manage.py evaluate risk --write`) says what that
takes. A curve holds for the model and the prompt that it was measured with, and for no other.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from chat.prompts import PROMPT_VERSION
from supportbot.log import get_logger

logger = get_logger(__name__)

CURVE = Path(__file__).with_name("risk_curve.json")
WEIGHTS = "adapter_model.safetensors"


class NoCurve(ValueError):
    """There is no curve that may be used; the sentence says why and what to do."""


class NotReachable(NoCurve):
    """No threshold keeps so few wrong."""


@dataclass(frozen=True, slots=True)
class Point:
    """What is answered from `threshold` on. `low` and `high` are Wilson's 95 % of the risk, `upper` is what holds."""

    threshold: float
    questions: int
    answered: int
    wrong: int
    low: float
    high: float
    upper: float

    @property
    def coverage(self) -> float:
        return self.answered / self.questions

    @property
    def risk(self) -> float:
        return self.wrong / self.answered if self.answered else 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """Measured points, strictest first, and what they were measured with."""

    made: str
    model: str
    weights: str
    prompt: str
    sets: list[str]
    points: list[Point]

    @property
    def questions(self) -> int:
        return self.points[0].questions


def answerable_floor() -> float:
    """The probability below which nothing is answered: by the dial where it is set, else CHAT_ANSWERABLE_FLOOR.

    What is wrong with a dial is told once and the floor stays; the checks at the start tell it too.
    """
    percent = settings.CHAT_MOST_WRONG_PERCENT
    return _floor(percent, settings.CHAT_MODEL) if percent else settings.CHAT_ANSWERABLE_FLOOR


@lru_cache(maxsize=8)
def _floor(percent: float, _model: str) -> float:
    try:
        return floor_for(percent)
    except NoCurve as error:
        logger.warning("risk_dial_not_used", reason=str(error))
        return float(settings.CHAT_ANSWERABLE_FLOOR)


def floor_for(percent: float) -> float:
    """Raises NoCurve, or NotReachable."""
    curve = read_curve(CURVE)
    check_made_with(curve, model=settings.CHAT_MODEL, weights=weights_of(settings.CHAT_MODEL), prompt=PROMPT_VERSION)
    found = promise(curve.points, percent)
    if found is None:
        raise NotReachable(f"CHAT_MOST_WRONG_PERCENT={percent:g}: {not_reachable(curve.points, percent)}")
    return found.threshold


def promise(found: Iterable[Point], percent: float) -> Point | None:
    """The point that answers most while its bound keeps to `percent`; None where none does: it is not reachable."""
    kept = [one for one in found if one.answered and one.upper <= percent / 100]
    return max(kept, key=lambda one: (one.answered, -one.threshold), default=None)


def best_bound(found: Iterable[Point]) -> Point:
    """The lowest bound that any threshold has. Needs a point."""
    return min(found, key=lambda one: (one.upper, -one.answered))


def not_reachable(points: Sequence[Point], percent: float) -> str:
    best = best_bound(points)
    return (
        f"At most {percent:g} % wrong is not reachable: the least that can be promised by these {best.questions:,} "
        f"questions is {100 * best.upper:.0f} % wrong, with {100 * best.coverage:.0f} % of them answered."
    )


def check_made_with(curve: Curve, *, model: str, weights: str, prompt: str) -> None:
    """Raises NoCurve where the curve is of another model, or of another prompt."""
    other = [
        f"{name} {theirs or 'unknown'} in place of {ours or 'unknown'}"
        for name, theirs, ours in (
            ("model", curve.model, model),
            ("weights", curve.weights, weights),
            ("prompt", curve.prompt, prompt),
        )
        if theirs != ours
    ]
    if other:
        raise NoCurve(
            f"The risk curve of {curve.made} was measured with {', '.join(other)}, so it promises nothing here and the "
            "floors stay as they are. Measure it anew: manage.py evaluate risk --write (docs/evaluation.md)."
        )


def read_curve(path: Path) -> Curve:
    """Raises NoCurve."""
    try:
        told = json.loads(path.read_text())
        curve = Curve(**told | {"points": [Point(**point) for point in told["points"]]})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoCurve(f"There is no risk curve at {path} that can be read: {error}") from None
    if not curve.points:
        raise NoCurve(f"The risk curve at {path} has no points.")
    return curve


def write_curve(curve: Curve, path: Path) -> None:
    """Raises NoCurve where it cannot be written."""
    try:
        path.write_text(json.dumps(asdict(curve), ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise NoCurve(f"{path} cannot be written: {error.strerror}.") from error


def curve_of(points: Sequence[Point], *, model: str, weights: str, prompt: str, sets: Sequence[str]) -> Curve:
    return Curve(f"{datetime.now(UTC):%Y-%m-%d}", model, weights, prompt, list(sets), list(points))


def weights_of(model: str) -> str:
    """The beginning of the SHA-256 of an adapter's weights; empty where they are not in a folder of ours."""
    for parent in settings.ADAPTER_DIRS:
        file = parent / model / WEIGHTS
        if file.is_file():
            with file.open("rb") as weights:
                return hashlib.file_digest(weights, "sha256").hexdigest()[:12]
    return ""
