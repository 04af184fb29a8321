"""Where staff write articles and look after what is made of them."""

from knowledge.admin.articles import ArticleAdmin, CategoryAdmin
from knowledge.admin.imports import ImportSourceAdmin

__all__ = ["ArticleAdmin", "CategoryAdmin", "ImportSourceAdmin"]
