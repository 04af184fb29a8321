"""Keeping the text of a draft while somebody writes it, and never over what somebody else has saved meanwhile."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from knowledge import publishing
from knowledge.forms import last_entry
from knowledge.models import Article
from knowledge.publishing import SavedMeanwhile

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@transaction.atomic
def keep_text(*, article_id: UUID, title: str, body: str, seen: str, by: "User") -> Article:
    """Make title and body the draft. Nothing that holds at once (audience, language, address) is changed.

    `seen` is `Article.updated` in ISO form as the writer's page knows it. A page whose last reply was lost sends the
    same text again with an old one; that is no conflict. Raises SavedMeanwhile, Article.DoesNotExist.
    """
    article = Article.objects.select_for_update().get(pk=article_id)
    same = (article.title, article.body) == (title, body)
    if article.updated.isoformat() != seen and not (same and _saved_last(article, by)):
        raise SavedMeanwhile(article)
    if same:
        return article
    article.title, article.body = title, body
    return publishing.save_draft(article=article, by=by)


def begun_before(key: UUID | None, by: "User") -> Article | None:
    """The article that this writer's page has made already under the key that it was given."""
    article = Article.objects.filter(pk=key).first() if key else None
    if article is None:
        return None
    articles = ContentType.objects.get_for_model(Article)
    added = LogEntry.objects.filter(content_type=articles, object_id=str(key), action_flag=ADDITION, user=by)
    return article if added.exists() else None


def _saved_last(article: Article, by: "User") -> bool:
    entry = last_entry(article)
    return entry is not None and entry.user_id == by.pk
