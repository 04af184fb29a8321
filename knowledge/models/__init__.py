"""What the knowledge base holds."""

from knowledge.models.articles import LANGUAGES, MAX_BODY_CHARS, Article, Audience, Category, Chunk, Revision
from knowledge.models.bulk import BulkChange
from knowledge.models.findings import Checkup, Finding, InternalLink, TestQuestion
from knowledge.models.imports import ImportedArticle, ImportItem, ImportRun, ImportSource
from knowledge.models.spaces import Attempt, Embedding, EmbeddingSpace
from knowledge.models.votes import HelpfulVote

__all__ = [
    "LANGUAGES",
    "MAX_BODY_CHARS",
    "Article",
    "Attempt",
    "Audience",
    "BulkChange",
    "Category",
    "Checkup",
    "Chunk",
    "Embedding",
    "EmbeddingSpace",
    "Finding",
    "HelpfulVote",
    "ImportItem",
    "ImportRun",
    "ImportSource",
    "ImportedArticle",
    "InternalLink",
    "Revision",
    "TestQuestion",
]
