"""Keeping the text of a draft while somebody writes it, and never over what somebody else has saved meanwhile."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from knowledge import publishing
from knowledge.models import Article

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class SavedMeanwhile(Exception):
    """Somebody saved the article after this writer's page last saw it; nothing was written."""

    def __init__(self, article: Article) -> None:
        super().__init__(str(article.pk))
        self.article = article


@transaction.atomic
def keep_text(*, article_id: UUID, title: str, body: str, seen: str, by: "User") -> Article:
    """Make title and body the draft. Nothing that holds at once (audience, language, address) is changed.

    `seen` is `Article.updated` in ISO form as the writer's page knows it. Raises SavedMeanwhile, Article.DoesNotExist.
    """
    article = Article.objects.select_for_update().get(pk=article_id)
    if article.updated.isoformat() != seen:
        raise SavedMeanwhile(article)
    if (article.title, article.body) == (title, body):
        return article
    article.title, article.body = title, body
    return publishing.save_draft(article=article, by=by)
