"""What is asked of the engine, and what it delivers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    ignore_end: bool = False  # write max_tokens whatever the model says: measurements compare equal lengths


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer. `reason` is stop, length or cancelled."""

    reason: str
    prompt_tokens: int
    completion_tokens: int


Event = Piece | Finished
