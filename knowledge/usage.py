"""What became of articles in answers. Whoever answers from articles tells it; this side knows nothing of chat."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db.models import QuerySet

from knowledge.models import Article

DAYS = 30  # of the numbers in the list
IDLE_DAYS = 90
NARROWINGS = {
    "uncited": f"Not cited in {IDLE_DAYS} days",
    "unretrieved": f"Never retrieved in {IDLE_DAYS} days",
    "disliked": "Many thumbs down",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """Answers of the last DAYS that cited an article; `rated` of them got a thumb, `helpful` of these an upward one."""

    cited: int = 0
    rated: int = 0
    helpful: int = 0


class Records(Protocol):
    def usage(self, articles: Collection[UUID]) -> dict[UUID, Usage]:
        """Of these articles, in one query; what is not in it was not cited."""

    def narrow(self, articles: QuerySet[Article], to: str) -> QuerySet[Article]:
        """The articles that one of NARROWINGS holds for."""


_records: list[Records] = []


def register(records: Records) -> None:
    """Once, when the application that keeps records is ready."""
    _records[:] = [records]


def usage(articles: Collection[UUID]) -> dict[UUID, Usage]:
    return _records[0].usage(articles) if _records else {}


def narrow(articles: QuerySet[Article], to: str) -> QuerySet[Article]:
    return _records[0].narrow(articles, to) if _records else articles.none()
