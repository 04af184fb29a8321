"""What articles answered, and what they should have: read from the answers, bounded, through two indexes of their own.

A message's key holds its time (UUID version 7), so "since" is a range of keys beside the revision, and needs no join.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Left, Trim
from django.utils import timezone

from chat.models import Message, Rating, RetrievedPassage
from knowledge.models import Article, Revision
from knowledge.usage import DAYS, IDLE_DAYS, Usage

SHOWN = 10  # questions of each kind
READ = 500  # of the newest answers, before they are grouped
MANY_DISLIKED = 3  # thumbs down in IDLE_DAYS
LOW_SCORE = 0.6  # an answer from passages that hold it less likely than this was a guess
# Why a passage was shown; other reasons tell nothing of the article.
DOUBTS = ("unsupported_fact", "unsupported", "model_refused")
QUESTION_CHARS = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and how often it was asked; the newest answer to it and its conversation."""

    question: str
    times: int
    last: datetime
    conversation: UUID
    answer: UUID
    outcome: str = ""
    score: int = 0  # of the thumb: 1, -1, or 0 for none


@dataclass(frozen=True, slots=True)
class Period:
    days: int
    answers: int
    rated: int
    helpful: int

    @property
    def percent(self) -> int | None:
        return round(100 * self.helpful / self.rated) if self.rated else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one article: `answered` newest first, the `disliked` of them, and what it should have, most first."""

    periods: list[Period] = field(default_factory=list)
    answered: list[Asked] = field(default_factory=list)
    disliked: list[Asked] = field(default_factory=list)
    missed: list[Asked] = field(default_factory=list)


def since(days: int) -> UUID:
    """The least key of a message that is not older."""
    milliseconds = int((timezone.now() - timedelta(days=days)).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


class ChatRecords:
    """What `knowledge.usage` asks for."""

    def usage(self, articles: Collection[UUID]) -> dict[UUID, Usage]:
        cited = _cited(DAYS).filter(revision__article__in=list(articles)).values("revision__article")
        rows = cited.annotate(**_counts()).values_list("revision__article", "answers", "rated", "helpful")
        return {
            article: Usage(cited=answers, rated=rated, helpful=helpful) for article, answers, rated, helpful in rows
        }

    def narrow(self, articles: QuerySet[Article], to: str) -> QuerySet[Article]:
        """A young article is not idle: it was published for the first time before the days that are counted."""
        of_article = RetrievedPassage.objects.filter(revision__article=OuterRef("pk"), message_id__gte=since(IDLE_DAYS))
        begun = timezone.now() - timedelta(days=IDLE_DAYS)
        old = Exists(Revision.objects.filter(article=OuterRef("pk"), created__lt=begun))
        match to:
            case "uncited":
                return articles.filter(~Exists(of_article.filter(cited=True)), old, status=Article.Status.PUBLISHED)
            case "unretrieved":
                return articles.filter(~Exists(of_article), old, status=Article.Status.PUBLISHED)
            case "disliked":
                return articles.filter(pk__in=_disliked_articles())
        raise LookupError(to)


def questions_of(article: Article) -> Coverage:
    """Three queries, whatever was asked."""
    found = _cited(IDLE_DAYS).filter(revision__article=article)
    newer = Q(message_id__gte=since(DAYS))
    counts = found.aggregate(**_counts("all_"), **_counts("new_", newer))
    periods = [
        Period(days, counts[f"{name}_answers"], counts[f"{name}_rated"], counts[f"{name}_helpful"])
        for days, name in ((DAYS, "new"), (IDLE_DAYS, "all"))
    ]
    answered = _answered(found)
    disliked = _answered(found.filter(message__rating__score=-1))
    return Coverage(periods, answered, disliked, _missed(article))


def _cited(days: int) -> QuerySet[RetrievedPassage]:
    return RetrievedPassage.objects.filter(cited=True, message_id__gte=since(days)).order_by()


def _counts(name: str = "", only: Q | None = None) -> dict[str, Count]:
    """An answer that cites two passages of an article is one answer."""
    only = only or Q()
    return {
        f"{name}answers": Count("message", distinct=True, filter=only),
        f"{name}rated": Count("message", distinct=True, filter=only & Q(message__rating__isnull=False)),
        f"{name}helpful": Count("message", distinct=True, filter=only & Q(message__rating__score=1)),
    }


def _disliked_articles() -> QuerySet[RetrievedPassage]:
    """From the thumbs to the articles: there are few of them."""
    disliked = Rating.objects.filter(score=-1, message_id__gte=since(IDLE_DAYS)).values("message")
    cited = _cited(IDLE_DAYS).filter(message__in=disliked, revision__isnull=False).values("revision__article")
    many = cited.annotate(times=Count("message", distinct=True)).filter(times__gte=MANY_DISLIKED)
    return many.values("revision__article")


def _answered(found: QuerySet[RetrievedPassage]) -> list[Asked]:
    newest = found.order_by("-message_id").values_list("message_id", flat=True)[:READ]
    return _grouped(Message.objects.filter(pk__in=list(newest)))[:SHOWN]


def _missed(article: Article) -> list[Asked]:
    """Abstained with this article as the nearest; shown as a passage, or answered with little confidence, from it."""
    nearest = [{"url": article.get_absolute_url()}]
    abstained = Message.objects.filter(
        outcome=Message.Outcome.ABSTAINED,
        nearest__contains=nearest,
        nearest__0__url=article.get_absolute_url(),
        pk__gte=since(IDLE_DAYS),
    )
    first = RetrievedPassage.objects.filter(revision__article=article, n=1, message_id__gte=since(IDLE_DAYS))
    unsure = Q(message__outcome=Message.Outcome.ANSWERED, message__answerable_score__lt=LOW_SCORE)
    shown = Q(message__outcome=Message.Outcome.EXTRACTED) & Q(message__reason__in=DOUBTS)
    keys = list(abstained.order_by("-pk").values_list("pk", flat=True)[:READ])
    keys += first.filter(unsure | shown).order_by("-message_id").values_list("message_id", flat=True)[:READ]
    return sorted(_grouped(Message.objects.filter(pk__in=keys)), key=lambda asked: -asked.times)[:SHOWN]


def _grouped(answers: QuerySet[Message]) -> list[Asked]:
    """The same question in the same words is one question, told with its newest answer."""
    rows = answers.exclude(standalone_question="").annotate(
        said=Left(Trim("standalone_question"), QUESTION_CHARS), score=F("rating__score")
    )
    newest: dict[str, Asked] = {}
    times: Counter[str] = Counter()
    for message in rows.only("created", "conversation_id", "outcome").order_by("-pk"):
        key = " ".join(message.said.casefold().split()).rstrip("?!. ")
        times[key] += 1
        newest.setdefault(
            key,
            Asked(
                question=message.said,
                times=1,
                last=message.created,
                conversation=message.conversation_id,
                answer=message.pk,
                outcome=message.get_outcome_display(),
                score=message.score or 0,
            ),
        )
    return [replace(asked, times=times[key]) for key, asked in newest.items()]
