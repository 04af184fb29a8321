"""The OpenAI-compatible bodies: requests read strictly, replies written. Pure."""

import base64
import struct
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from supportbot.inference.completion import Chance, Finished, Sampling
from supportbot.inference.refusals import BadRequest, Refusal

MAX_MESSAGES = 64
MAX_CHARS = 200_000  # of all messages together; far more than any context that is served
MAX_TEXTS = 256
MAX_TEXT_CHARS = 50_000  # of one text to embed; the encoder reads the beginning only
MAX_DOCUMENTS = 32  # of one question; the encoder reads the beginning of each
MAX_STOPS = 4
MAX_STOP_CHARS = 64
MAX_TOKENS = 1_000_000  # the model's window is what bounds an answer
MAX_CHANCES = 20  # likeliest tokens told for each that is written
LEAST_LOGPROB = -9999.0  # what OpenAI's API tells of the all but impossible; JSON has no infinity
COOLEST = 0.01  # below this temperature a division overflows, and the likeliest token is all but sure
DEFAULT_MAX_TOKENS = 256
ROLES = ("system", "user", "assistant")


class Relevance(Protocol):
    """What is told of a text that was read: `reader.Reading`, which this module must not import, for its torch."""

    @property
    def relevance(self) -> float: ...
    @property
    def shallow(self) -> float: ...
    @property
    def least(self) -> float: ...
    @property
    def least_shallow(self) -> float: ...
    @property
    def sentences(self) -> Sequence[tuple[int, float, float]]: ...


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request for an answer."""

    model: str
    messages: list[dict[str, str]]
    sampling: Sampling
    stream: bool
    include_usage: bool
    goes_on: bool  # the last message is the beginning of the answer


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """A checked request for vectors."""

    model: str
    texts: list[str]
    as_base64: bool


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """A checked request to compare texts with a question."""

    model: str
    query: str
    documents: list[str]
    top_n: int


def parse_chat(body: dict[str, Any]) -> ChatRequest:
    """BadRequest names the first field that is wrong. Fields that are unknown are ignored, as other servers do."""
    if body.get("n") not in (None, 1):
        raise BadRequest("n must be 1.")
    stream = body.get("stream") or False
    options = body.get("stream_options") or {}
    if not isinstance(stream, bool) or not isinstance(options, dict):
        raise BadRequest("stream must be true or false, and stream_options an object.")
    messages, goes_on = _messages(body.get("messages")), body.get("continue_final_message") or False
    if not isinstance(goes_on, bool) or (goes_on and messages[-1]["role"] != "assistant"):
        raise BadRequest("continue_final_message must be true or false; if true, the last message is the assistant's.")
    return ChatRequest(
        model=_model(body),
        messages=messages,
        sampling=_sampling(body),
        stream=stream,
        include_usage=bool(options.get("include_usage")),
        goes_on=goes_on,
    )


def parse_embeddings(body: dict[str, Any]) -> EmbeddingsRequest:
    """BadRequest names the first field that is wrong."""
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_TEXTS:
        raise BadRequest(f"input must be a text or a list of 1 to {MAX_TEXTS} texts.")
    if not all(isinstance(text, str) and len(text) <= MAX_TEXT_CHARS for text in texts):
        raise BadRequest(f"Each input must be a text of at most {MAX_TEXT_CHARS} characters.")
    form = body.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise BadRequest("encoding_format must be float or base64.")
    return EmbeddingsRequest(_model(body), [_clean(text) for text in texts], form == "base64")


def parse_rerank(body: dict[str, Any]) -> RerankRequest:
    """BadRequest names the first field that is wrong."""
    query, documents = body.get("query"), body.get("documents")
    if not isinstance(query, str) or not query or len(query) > MAX_TEXT_CHARS:
        raise BadRequest(f"query must be a text of at most {MAX_TEXT_CHARS} characters.")
    if not isinstance(documents, list) or not 1 <= len(documents) <= MAX_DOCUMENTS:
        raise BadRequest(f"documents must be a list of 1 to {MAX_DOCUMENTS} texts.")
    given = [document.get("text") if isinstance(document, dict) else document for document in documents]
    texts = [text for text in given if isinstance(text, str) and len(text) <= MAX_TEXT_CHARS]
    if len(texts) < len(given):
        raise BadRequest(f"Each document must be a text of at most {MAX_TEXT_CHARS} characters.")
    top_n = body.get("top_n") or len(texts)
    if type(top_n) is not int or top_n < 1:
        raise BadRequest("top_n must be a whole number above 0.")
    return RerankRequest(_model(body), _clean(query), [_clean(text) for text in texts], top_n)


def error_body(refusal: Refusal) -> dict[str, Any]:
    """The body of every refusal, in the form that OpenAI's clients know."""
    return {"error": {"message": str(refusal), "type": "invalid_request_error", "code": refusal.code}}


class ChatReply:
    """The reply to one chat request: whole, or as events."""

    def __init__(self, model: str) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, text: str, finished: Finished, chances: Sequence[Chance] = ()) -> dict[str, Any]:
        """The body of a reply that is not streamed."""
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finished.reason} | _logprobs(chances)
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage_of(finished)}

    def event(
        self, delta: dict[str, str], finished: Finished | None = None, chances: Sequence[Chance] = ()
    ) -> dict[str, Any]:
        """One streamed event; the last one names the reason and the usage."""
        choice = {"index": 0, "delta": delta, "finish_reason": finished.reason if finished else None}
        choice |= _logprobs(chances)
        event = {**self._head, "object": "chat.completion.chunk", "choices": [choice]}
        return event | ({"usage": usage_of(finished)} if finished else {})

    def usage_event(self, finished: Finished) -> dict[str, Any]:
        """The extra event that `stream_options.include_usage` asks for."""
        return {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage_of(finished)}


def _logprobs(chances: Sequence[Chance]) -> dict[str, Any]:
    """Nothing where nothing is told."""
    if not chances:
        return {}
    content = [
        {**_likely(one.token, one.logprob), "top_logprobs": [_likely(*other) for other in one.likeliest]}
        for one in chances
    ]
    return {"logprobs": {"content": content}}


def _likely(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": max(logprob, LEAST_LOGPROB), "bytes": None}


def usage_of(finished: Finished) -> dict[str, int]:
    """Token counts."""
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.completion_tokens,
        "total_tokens": finished.prompt_tokens + finished.completion_tokens,
    }


def embeddings_reply(wanted: EmbeddingsRequest, vectors: list[list[float]], tokens: int) -> dict[str, Any]:
    """The body of a reply with vectors, in the order of the texts."""
    return {
        "object": "list",
        "model": wanted.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if wanted.as_base64 else vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def rerank_reply(wanted: RerankRequest, readings: Sequence[Relevance], tokens: int) -> dict[str, Any]:
    """The body of a reply to a comparison, the nearest text first. `words` and `sentences` are our own."""
    order = sorted(range(len(readings)), key=lambda place: -readings[place].relevance)
    results = [
        {
            "index": place,
            "relevance_score": readings[place].relevance,
            "words": {
                "shallow": readings[place].shallow,
                "least": readings[place].least,
                "least_shallow": readings[place].least_shallow,
            },
            "sentences": [[start, round(a, 4), round(b, 4)] for start, a, b in readings[place].sentences],
        }
        for place in order[: wanted.top_n]
    ]
    return {"object": "list", "model": wanted.model, "results": results, "usage": {"total_tokens": tokens}}


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _model(body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model must name a model.")
    return model


def _messages(messages: object) -> list[dict[str, str]]:
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
        raise BadRequest(f"messages must be a list of 1 to {MAX_MESSAGES} messages.")
    checked = []
    for message in messages:
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if role not in ROLES or not isinstance(content, str):
            raise BadRequest(f"Each message needs a role ({', '.join(ROLES)}) and a text as its content.")
        checked.append({"role": role, "content": _clean(content)})
    if sum(len(message["content"]) for message in checked) > MAX_CHARS:
        raise BadRequest(f"The messages are longer than {MAX_CHARS} characters together.")
    return checked


def _sampling(body: dict[str, Any]) -> Sampling:
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS
    if type(limit) is not int or not 0 < limit <= MAX_TOKENS:
        raise BadRequest(f"max_tokens must be a whole number from 1 to {MAX_TOKENS}.")
    seed = body.get("seed")
    if seed is not None and (type(seed) is not int or abs(seed) >= 2**63):
        raise BadRequest("seed must be a whole number of 64 bits.")
    stop = body.get("stop") or []
    stop = [stop] if isinstance(stop, str) else stop
    if not isinstance(stop, list) or len(stop) > MAX_STOPS:
        raise BadRequest(f"stop must be a text or a list of at most {MAX_STOPS} texts.")
    if not all(isinstance(text, str) and 0 < len(text) <= MAX_STOP_CHARS for text in stop):
        raise BadRequest(f"Each stop must be a text of 1 to {MAX_STOP_CHARS} characters.")
    temperature = _number(body, "temperature", 0.0, least=0.0, most=2.0)
    temperature = temperature if temperature >= COOLEST else 0.0
    top_p = _number(body, "top_p", 1.0, least=1e-6, most=1.0)
    ignore_end = body.get("ignore_eos") or False  # by the name that other engines have for it
    if not isinstance(ignore_end, bool):
        raise BadRequest("ignore_eos must be true or false.")
    return Sampling(limit, temperature, top_p, tuple(stop), seed, _chances(body), ignore_end)


def _chances(body: dict[str, Any]) -> int | None:
    """How many of the likeliest tokens are to be told with each; None: nothing is."""
    asked, most = body.get("logprobs") or False, body.get("top_logprobs")
    if not isinstance(asked, bool):
        raise BadRequest("logprobs must be true or false.")
    if most is None:
        return 0 if asked else None
    if type(most) is not int or not 0 <= most <= MAX_CHANCES or not asked:
        raise BadRequest(f"top_logprobs must be a whole number from 0 to {MAX_CHANCES}, with logprobs true.")
    return most


def _number(body: dict[str, Any], name: str, default: float, *, least: float, most: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if type(value) not in (int, float) or not least <= value <= most:
        raise BadRequest(f"{name} must be a number between {least:g} and {most:g}.")
    return float(value)


def _clean(text: str) -> str:
    """Lone surrogates, which JSON can carry and no tokenizer reads, become question marks."""
    return text.encode("utf-8", "replace").decode()
