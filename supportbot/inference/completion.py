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
    chances: int | None = None  # tell how likely each token was, and so many of the likeliest; None: tell nothing
    ignore_end: bool = False  # write max_tokens whatever the model says: measurements compare equal lengths


@dataclass(frozen=True, slots=True)
class Chance:
    """A token as text, with the logarithm of its probability before any sampling, and the likeliest in its place."""

    token: str
    logprob: float
    likeliest: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer. `chances`, where asked for, are of the tokens since the piece before."""

    text: str
    chances: tuple[Chance, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer. `reason` is stop, length or cancelled. The token that ends it is among the `chances`."""

    reason: str
    prompt_tokens: int
    completion_tokens: int
    chances: tuple[Chance, ...] = ()


Event = Piece | Finished
