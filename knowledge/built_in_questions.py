"""The questions on which two spaces are compared: the demo's, those that editors hold, and whatever a file gives."""

import random
from pathlib import Path

from knowledge.demo import ARTICLES
from knowledge.evaluation_files import GivenQuestion, read_questions
from knowledge.metrics import SEED
from knowledge.models import Article, TestQuestion

MOST = 600  # more would hold the worker for minutes, and narrow the interval little
FILES = [ARTICLES.parent / f"questions.{split}.jsonl" for split in ("test", "train")]


def questions(files: list[Path] | None = None) -> list[GivenQuestion]:
    """Questions whose articles are all published here. Raises BadFile for a file that cannot be read."""
    live = set(Article.objects.filter(status=Article.Status.PUBLISHED).values_list("slug", flat=True))
    given = [question for path in files or [] for question in read_questions([path])]
    found = [question for question in [*held_by_editors(), *given, *of_the_demo()] if _can_be_asked(question, live)]
    if len(found) <= MOST:
        return found
    return random.Random(SEED).sample(found, MOST)  # nosec B311 # the same ones each time


def _can_be_asked(question: GivenQuestion, live: set[str]) -> bool:
    return question.answerable and bool(question.gold) and set(question.gold) <= live


def of_the_demo() -> list[GivenQuestion]:
    return read_questions(FILES)


def held_by_editors() -> list[GivenQuestion]:
    kept = TestQuestion.objects.select_related("article").order_by("-pk")[:MOST]
    return [GivenQuestion(f"held-{one.pk}", one.question, [], (one.article.slug,), True) for one in kept]
