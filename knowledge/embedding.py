"""How vectors are made: a recipe, and the words that go into it. Vectors of two recipes never meet."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.conf import settings

from knowledge.chunking import CHUNKING_VERSION, MAX_TOKENS
from supportbot.inference import client

PASSAGE_SECONDS = 60.0
QUESTION_SECONDS = 10.0
BLAME = {"busy": False, "unavailable": None, "timeout": None}  # every other code blames the text that was sent


class EmbeddingFailed(Exception):
    """No vectors. `blames_text`: would the same passages fail again? None: who knows, ask it for something else."""

    def __init__(self, text: str, *, blames_text: bool | None) -> None:
        super().__init__(text)
        self.text = text
        self.blames_text = blames_text


@dataclass(frozen=True, slots=True)
class Recipe:
    """`chunking` is the version of the rules that cut articles, `passage_tokens` the most that a passage may have."""

    model: str
    dimensions: int
    query_prefix: str
    passage_prefix: str
    normalise: bool
    chunking: int
    passage_tokens: int = MAX_TOKENS

    @property
    def fingerprint(self) -> str:
        """Two recipes with one fingerprint make vectors that may be compared."""
        parts = asdict(self)
        if self.passage_tokens == MAX_TOKENS:  # recipes that were kept before there was a choice keep their fingerprint
            del parts["passage_tokens"]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def cut_of(recipe: Recipe) -> str:
    """The name of the way in which a recipe wants articles cut: `Chunk.cut`."""
    return f"{recipe.chunking}/{recipe.passage_tokens}"


def default_recipe() -> Recipe:
    """The recipe that the settings ask for."""
    return Recipe(
        model=settings.EMBEDDING_MODEL,
        dimensions=settings.EMBEDDING_DIMENSIONS,
        query_prefix=settings.EMBEDDING_QUERY_PREFIX,
        passage_prefix=settings.EMBEDDING_PASSAGE_PREFIX,
        normalise=True,
        chunking=CHUNKING_VERSION,
        passage_tokens=settings.EMBEDDING_PASSAGE_TOKENS,
    )


def passage_text(title: str, heading: str, text: str) -> str:
    """What is embedded of a passage: it is found by its article and its headings too."""
    return "\n".join(part for part in (title, heading, text) if part)


def text_hash(title: str, heading: str, text: str) -> str:
    return hashlib.sha256(passage_text(title, heading, text).encode()).hexdigest()


def embed_passages(recipe: Recipe, texts: Sequence[str]) -> list[list[float]]:
    """One vector a text (see `passage_text`), in order. Raises EmbeddingFailed."""
    try:
        vectors = client.embed(
            [recipe.passage_prefix + text for text in texts], model=recipe.model, timeout=PASSAGE_SECONDS
        )
    except client.ModelError as error:
        raise _failure(error) from error
    return _checked(recipe, vectors, len(texts))


def embed_question(recipe: Recipe, text: str) -> list[float]:
    """The vector of a question, to be compared with passages of the same recipe. Raises EmbeddingFailed."""
    return embed_questions(recipe, [text])[0]


def embed_questions(recipe: Recipe, texts: Sequence[str]) -> list[list[float]]:
    """One vector a text, in one request. Raises EmbeddingFailed."""
    try:
        vectors = client.embed(
            [recipe.query_prefix + text for text in texts], model=recipe.model, timeout=QUESTION_SECONDS
        )
    except client.ModelError as error:
        raise _failure(error) from error
    return _checked(recipe, vectors, len(texts))


async def aembed_question(recipe: Recipe, text: str) -> list[float]:
    """As `embed_question`, without a thread."""
    try:
        vectors = await client.aembed([recipe.query_prefix + text], model=recipe.model, timeout=QUESTION_SECONDS)
    except client.ModelError as error:
        raise _failure(error) from error
    return _checked(recipe, vectors, 1)[0]


def answers(recipe: Recipe) -> bool:
    """Whether the embeddings server does its work for a harmless text."""
    try:
        embed_question(recipe, "Is anybody there?")
    except EmbeddingFailed:
        return False
    return True


def _failure(error: client.ModelError) -> EmbeddingFailed:
    return EmbeddingFailed(error.text, blames_text=BLAME.get(error.code, True))


def _checked(recipe: Recipe, vectors: Sequence[Sequence[float]], count: int) -> list[list[float]]:
    if len(vectors) != count:
        raise EmbeddingFailed(f"The embeddings server gave {len(vectors)} vectors for {count}.", blames_text=False)
    return [_vector(recipe, vector) for vector in vectors]


def _vector(recipe: Recipe, vector: Sequence[float]) -> list[float]:
    if len(vector) != recipe.dimensions:
        raise EmbeddingFailed(
            f"{recipe.model} gave vectors of {len(vector)} dimensions, and {recipe.dimensions} were expected: "
            "set EMBEDDING_DIMENSIONS to what the model gives.",
            blames_text=False,
        )
    length = math.sqrt(sum(value * value for value in vector))
    if not math.isfinite(length) or length == 0:
        raise EmbeddingFailed("The embeddings server gave a vector that cannot be compared.", blames_text=True)
    return [value / length for value in vector] if recipe.normalise else list(vector)
