"""What the knowledge base holds."""

from knowledge.models.articles import LANGUAGES, MAX_BODY_CHARS, Article, Audience, Category, Chunk, Revision
from knowledge.models.spaces import Embedding, EmbeddingSpace

__all__ = [
    "LANGUAGES",
    "MAX_BODY_CHARS",
    "Article",
    "Audience",
    "Category",
    "Chunk",
    "Embedding",
    "EmbeddingSpace",
    "Revision",
]
