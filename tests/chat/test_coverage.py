"""What articles answered, and what they should have: for the list of articles and beside each of them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from chat import coverage
from chat.models import Conversation, Message, Rating, RetrievedPassage, Visitor, Widget
from knowledge import publishing, tasks, usage
from knowledge.models import Article, Category, Revision


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


@pytest.fixture
def conversation(db):
    widget = Widget.objects.create(key="shop", name="Shop")
    return Conversation.objects.create(widget=widget, visitor=Visitor.objects.create(widget=widget))


@pytest.fixture
def articles(db):
    category = Category.objects.create(name="Help", slug="help")
    made = []
    for name in ("refunds", "kayaks"):
        made.append(Article(slug=name, title=name.capitalize(), body=f"About {name}.", category=category))
        publishing.publish(article=made[-1], by=None)
    return made


@pytest.fixture
def answer(conversation):
    def answer(question, *articles, days=0, cited=True, thumb=0, **facts) -> Message:
        """An answer of that many days ago, from the first passages of these articles."""
        at = timezone.now() - timedelta(days=days)
        key = UUID(int=(int(at.timestamp() * 1000) << 80) | (uuid4().int & (2**80 - 1)))
        facts = {"outcome": "answered", "answerable_score": 0.9} | facts
        message = Message.objects.create(
            pk=key, conversation=conversation, role="bot", standalone_question=question, **facts
        )
        for n, article in enumerate(articles, 1):
            RetrievedPassage.objects.create(
                message=message, n=n, revision=article.live_revision, title=article.title, url="", score=1, cited=cited
            )
        if thumb:
            Rating.objects.create(message=message, score=thumb)
        return message

    return answer


def test_the_list_counts_answers_of_thirty_days_and_their_thumbs(articles, answer):
    refunds, kayaks = articles
    answer("When?", refunds, refunds, thumb=1)
    answer("How?", refunds, kayaks, thumb=-1)
    answer("Before?", refunds, days=40)
    answer("Near?", kayaks, cited=False)
    counted = usage.usage([article.pk for article in articles])
    assert counted[refunds.pk] == usage.Usage(cited=2, rated=2, helpful=1)
    assert counted[kayaks.pk] == usage.Usage(cited=1, rated=1, helpful=0)


def age(*articles):
    """As if they were published before the days that are counted."""
    Revision.objects.filter(article__in=articles).update(created=timezone.now() - timedelta(days=91))


def test_articles_that_nobody_is_answered_from_are_found(articles, answer):
    refunds, kayaks = articles
    assert not usage.narrow(Article.objects.all(), "uncited") and not usage.narrow(Article.objects.all(), "unretrieved")
    age(*articles)
    kayaks.body = "More about kayaks."
    publishing.publish(article=kayaks, by=None)  # a new revision makes no old article young
    live = Article.objects.all()
    answer("When?", refunds)
    assert list(usage.narrow(live, "uncited")) == list(usage.narrow(live, "unretrieved")) == [kayaks]
    answer("Near?", kayaks, cited=False)
    assert list(usage.narrow(live, "uncited")) == [kayaks] and not usage.narrow(live, "unretrieved")
    publishing.archive(article=kayaks, by=None)
    assert not usage.narrow(live, "uncited")


def test_an_answer_of_a_hundred_days_ago_counts_no_longer(articles, answer):
    age(*articles)
    answer("When?", *articles, days=100)
    assert usage.narrow(Article.objects.all(), "unretrieved").count() == 2


def test_many_thumbs_down_need_several_answers(articles, answer):
    refunds, kayaks = articles
    for _ in range(3):
        answer("When?", refunds, thumb=-1)
    answer("Where?", kayaks, thumb=-1)
    assert list(usage.narrow(Article.objects.all(), "disliked")) == [refunds]


def test_the_page_tells_what_an_article_answered(articles, answer):
    refunds, _ = articles
    answer("When is my refund paid?", refunds, thumb=1)
    last = answer("when is my  refund paid", refunds, thumb=-1)
    answer("Long ago?", refunds, days=60)
    found = coverage.questions_of(refunds)
    assert [(period.days, period.answers, period.percent) for period in found.periods] == [(30, 2, 50), (90, 3, 50)]
    assert [(asked.question, asked.times) for asked in found.answered] == [
        ("when is my  refund paid", 2),
        ("Long ago?", 1),
    ]
    assert [(asked.answer, asked.score) for asked in found.disliked] == [(last.pk, -1)]


def test_the_page_tells_what_it_should_have_answered(articles, answer):
    refunds, kayaks = articles
    near = [{"title": "Refunds", "url": "/help/refunds/"}, {"title": "Kayaks", "url": "/help/kayaks/"}]
    for _ in range(2):
        answer("Is the fee paid back?", outcome="abstained", reason="nothing_found", nearest=near)
    answer("A guess?", refunds, answerable_score=0.3)
    answer("A passage?", refunds, kayaks, outcome="extracted", reason="unsupported_fact")
    answer("Auf Deutsch?", refunds, outcome="extracted", reason="language")
    answer("Sure?", refunds)
    answer("Old?", outcome="abstained", nearest=near, days=95)
    missed = coverage.questions_of(refunds).missed
    assert [asked.question for asked in missed] == ["Is the fee paid back?", "A passage?", "A guess?"]
    assert missed[0].times == 2 and missed[0].outcome == "Nothing found"
    assert coverage.questions_of(kayaks).missed == []


def test_an_article_that_nobody_asked_about_has_empty_lists(articles):
    found = coverage.questions_of(articles[0])
    assert found.answered == found.disliked == found.missed == []
    assert [period.percent for period in found.periods] == [None, None]
