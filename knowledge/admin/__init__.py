"""Where staff write articles and look after what is made of them."""

from knowledge.admin.articles import ArticleAdmin, CategoryAdmin

__all__ = ["ArticleAdmin", "CategoryAdmin"]
