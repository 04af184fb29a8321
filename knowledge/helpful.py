"""Was this helpful? Readers vote on the help pages, once an article; editors see how an article fares."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from knowledge.models import Article, HelpfulVote

COOKIE = "help_visitor"
COOKIE_DAYS = 180
MAX_COOKIE_CHARS = 64
DAYS = 90  # of the votes that are counted: what an older text got says little
ENOUGH = 5  # votes before an article is said to help nobody


@dataclass(frozen=True, slots=True)
class Votes:
    """Of the last DAYS."""

    helpful: int = 0
    in_all: int = 0


def new_visitor() -> str:
    return secrets.token_urlsafe(24)


def _hash(visitor: str) -> str:
    return hashlib.sha256(visitor.encode("utf-8", "replace")).hexdigest()


def vote(article: Article, visitor: str, helpful: bool) -> None:
    """The same visitor's second vote takes the place of the first. The article must be live."""
    HelpfulVote.objects.update_or_create(
        article=article,
        visitor=_hash(visitor),
        defaults={"helpful": helpful, "revision_id": article.live_revision_id},
    )


def vote_of(article: Article, visitor: str) -> bool | None:
    """What this visitor said of it; None where nothing was."""
    if not 0 < len(visitor) <= MAX_COOKIE_CHARS:
        return None
    mine = HelpfulVote.objects.filter(article=article, visitor=_hash(visitor))
    return mine.values_list("helpful", flat=True).first()


def votes(articles: Collection[UUID]) -> dict[UUID, Votes]:
    """Of these articles, in one query; what is not in it has none."""
    rows = HelpfulVote.objects.filter(article__in=articles, updated__gte=_since()).order_by().values("article")
    counted = rows.annotate(helpful_ones=Count("pk", filter=Q(helpful=True)), in_all=Count("pk"))
    return {row["article"]: Votes(row["helpful_ones"], row["in_all"]) for row in counted}


def unhelpful(articles: QuerySet[Article]) -> QuerySet[Article]:
    """Those that most of their readers found of no help."""
    rows = HelpfulVote.objects.filter(updated__gte=_since()).order_by().values("article")
    counted = rows.annotate(good=Count("pk", filter=Q(helpful=True)), bad=Count("pk", filter=Q(helpful=False)))
    return articles.filter(pk__in=counted.filter(bad__gt=F("good"), bad__gte=ENOUGH - F("good")).values("article"))


def _since() -> timezone.datetime:
    return timezone.now() - timedelta(days=DAYS)
