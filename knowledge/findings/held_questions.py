"""Questions that an article must go on answering, searched for again after each publication. Retrieval only."""

from dataclasses import dataclass

from django.utils import timezone

from knowledge.models import Article, Audience, TestQuestion
from knowledge.retrieval import RetrievalError, find_passages

MAX_QUESTIONS = 40  # of an article
RANK_HELD = 3  # an answer is written from so many passages


@dataclass(frozen=True, slots=True)
class Held:
    """`ranks` are in the order of the questions; None: the article is not among those found."""

    questions: list[TestQuestion]

    @property
    def lost(self) -> list[TestQuestion]:
        return [question for question in self.questions if question.last_checked and not is_held(question.last_rank)]

    def __str__(self) -> str:
        checked = [question for question in self.questions if question.last_checked]
        if not checked:
            return ""
        return f"{len(checked) - len(self.lost)} of {len(checked)} still answered from here"


def is_held(rank: int | None) -> bool:
    return rank is not None and rank <= RANK_HELD


def held_questions(article: Article) -> Held:
    """As they were last searched for."""
    return Held(list(article.test_questions.all()[:MAX_QUESTIONS]))


def ask_again(article: Article) -> Held:
    """Search for each as a reader of this article would, and keep its place.

    Raises RetrievalError, also where the search is not whole: a place found by the words alone says nothing.
    """
    audiences = {str(Audience.PUBLIC), str(article.audience)}
    held = held_questions(article)
    for question in held.questions:
        found = find_passages(question.question, audiences=audiences, language=article.language)
        if found.degraded:
            raise RetrievalError("Test questions wait until the search has its vectors again.")
        ranked = found.ranked_article_ids
        question.last_rank = ranked.index(article.pk) + 1 if article.pk in ranked else None
        question.last_checked = timezone.now()
        TestQuestion.objects.filter(pk=question.pk).update(  # it may be deleted meanwhile
            last_rank=question.last_rank, last_checked=question.last_checked
        )
    return held
