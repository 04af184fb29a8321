"""Where staff write articles and look after what is made of them."""

from knowledge.admin.articles import ArticleAdmin, CategoryAdmin
from knowledge.admin.imports import ImportSourceAdmin
from knowledge.admin.spaces import EmbeddingSpaceAdmin

__all__ = ["ArticleAdmin", "CategoryAdmin", "EmbeddingSpaceAdmin", "ImportSourceAdmin"]
