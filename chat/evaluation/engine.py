"""Another server that answers in place of ours during a measurement; it speaks OpenAI's protocol."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import exp
from pathlib import Path

from django.conf import settings

from chat.prompts import REFUSAL, build_prompt
from chat.quotable import Quotable
from knowledge.evaluation import EvaluationFailed
from supportbot.inference.chances import first_token_logprobs
from supportbot.inference.client import ModelError, list_models


@dataclass(frozen=True, slots=True)
class Engine:
    """`url` is empty for the server at MODEL_URL."""

    url: str = ""
    key: str = field(default="", repr=False)


def engine_at(url: str | None, key_file: Path | None) -> Engine:
    """Our own key is never sent to it. EvaluationFailed if the key's file cannot be read."""
    if not url:
        return Engine()
    try:
        return Engine(url, key_file.read_text().strip() if key_file else "")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationFailed(f"The key in {key_file} cannot be read: {error}") from None


def chance_of_refusal(model: str, question: str, passages: Sequence[Quotable]) -> float | None:
    """The model's probability of beginning as the refusal does; None of a server that does not tell. ModelError."""
    return begins_refusal(first_token_logprobs(build_prompt(question, passages), model=model))


def begins_refusal(first: Mapping[str, float]) -> float | None:
    """`first` are the likeliest first tokens; one that is not among them counts as impossible."""
    beginnings = (one for one in first if one.strip() and REFUSAL.startswith(one.strip()))
    return sum(exp(first[one]) for one in beginnings) if first else None


@contextmanager
def asked(engine: Engine) -> Iterator[None]:
    """Answers come from there for as long as the block runs; vectors and readings go on coming from our own."""
    before = settings.MODEL_URL, settings.MODEL_API_KEY
    if engine.url:
        settings.MODEL_URL, settings.MODEL_API_KEY = engine.url, engine.key
    try:
        yield
    finally:
        settings.MODEL_URL, settings.MODEL_API_KEY = before


def model_of(engine: Engine, adapter: str | None) -> str:
    """The name to ask by: `base`, an adapter's, or of an engine with one model, that one. Raises EvaluationFailed."""
    if not engine.url:
        return settings.BASE_MODEL if adapter == "base" else adapter or settings.CHAT_MODEL
    try:
        with asked(engine):
            there = list_models()
    except ModelError as error:
        raise EvaluationFailed(f"The engine at {engine.url} does not answer: {error.text}") from None
    name = there[0] if adapter is None and len(there) == 1 else adapter or settings.CHAT_MODEL
    if name not in there:
        known = ", ".join(sorted(there)) or "no model at all"
        raise EvaluationFailed(f"The engine at {engine.url} has no model {name!r}, but {known}: name one by --adapter.")
    return name
