"""What managers and agents do with conversations in admin."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.desk import customer_types
from chat.models import Conversation, Message, Rating, RetrievedPassage, Review, Visitor, Widget
from knowledge import publishing
from knowledge.models import Article, Category
from supportbot.models import AuditEntry

LIST = "admin:chat_conversation_changelist"


@pytest.fixture
def widget(db) -> Widget:
    return Widget.objects.get_or_create(key="demo", defaults={"name": "Demo"})[0]


def talk(widget: Widget, question: str, answer: str, *, outcome: str = "answered", **more) -> Conversation:
    conversation = Conversation.objects.create(
        widget=widget, visitor=Visitor.objects.create(widget=widget), language="en"
    )
    asked = Message.objects.create(conversation=conversation, role="customer", text=question)
    Message.objects.create(
        conversation=conversation, role="bot", text=answer, status="done", outcome=outcome, reply_to=asked, **more
    )
    return conversation


def carl(*groups: str) -> Client:
    user = User.objects.create_user("carl", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups or ["manager"]))
    client = Client()
    client.force_login(user)
    return client


def listed(client: Client, **query) -> set[str]:
    page = client.get(reverse(LIST), query)
    assert page.status_code == 200
    return {str(row.pk) for row in page.context["cl"].result_list}


def answer_of(conversation: Conversation) -> Message:
    return conversation.messages.get(role="bot")


def test_a_transcript_shows_what_was_said_and_what_it_rested_on(widget) -> None:
    talked = talk(
        widget,
        "How long?",
        "30 days. [1]",
        adapter="support-v1",
        times={"queued": 3, "searched": 40, "first": 700, "total": 2100},
    )
    answer_of(talked).passages.create(
        n=1, title="Returns", heading="When", url="/help/returns/#when", score=0.0325, similarity=0.71, cited=True
    )
    page = carl().get(reverse("admin:chat_conversation_change", args=[talked.pk])).content.decode()
    for words in (
        "How long?",
        "30 days. [1]",
        "Returns",
        "When",
        "0.0325",
        "support-v1",
        "searching 37 ms",
        "writing 1400 ms",
    ):
        assert words in page, words
    assert 'href="/help/returns/#when">open' in page


def test_a_transcript_shows_hostile_text_as_text(widget) -> None:
    talked = talk(widget, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    page = carl().get(reverse("admin:chat_conversation_change", args=[talked.pk])).content.decode()
    assert "<script>alert(1)" not in page and "<img src=x" not in page


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example/", "data:text/html,x", " javascript:alert(1)"])
def test_a_passage_leads_to_a_page_and_to_nothing_else(widget, url) -> None:
    talked = talk(widget, "How long?", "30 days. [1]")
    answer_of(talked).passages.create(n=1, title="Returns", url=url, score=0.1, cited=True)
    page = carl().get(reverse("admin:chat_conversation_change", args=[talked.pk])).content.decode()
    assert ">open</a>" not in page and "evil.example" not in page


def test_a_transcript_says_in_words_how_well_each_sentence_is_supported(widget) -> None:
    told = [
        {"text": "You have 60 days. [1]", "cited": [1], "score": 0.84},
        {"text": "Members may <b>wait</b>.", "cited": [], "score": 0.41},
        {"text": "Kayaks too. [1]", "cited": [1], "score": 0.02},
    ]
    talked = talk(widget, "How long?", "You have 60 days. [1] …", support=told)
    page = carl().get(reverse("admin:chat_conversation_change", args=[talked.pk])).content.decode()
    for level, words, score in (
        ("good", "Supported", "0.84"),
        ("partly", "Partly supported", "0.41"),
        ("poor", "Not supported", "0.02"),
    ):
        assert f'class="sc-level-{level}"' in page and f"{words} <span" in page and score in page
    assert "Members may &lt;b&gt;wait&lt;/b&gt;." in page


def test_a_transcript_shows_what_was_held_back(widget) -> None:
    talked = talk(widget, "How much?", "It costs £15. [1]", outcome="extracted", stopped="money: <£95>")
    page = carl().get(reverse("admin:chat_conversation_change", args=[talked.pk])).content.decode()
    assert "Held back from the customer" in page and "money: &lt;£95&gt;" in page


def test_those_who_wait_for_a_person_come_first_the_longest_wait_before_the_others(widget) -> None:
    newest = talk(widget, "new", "x")
    short = talk(widget, "short wait", "x")
    long = talk(widget, "long wait", "x")
    for conversation, minutes in ((short, 1), (long, 9)):
        Conversation.objects.filter(pk=conversation.pk).update(
            state="waiting", waiting_since=timezone.now() - timedelta(minutes=minutes)
        )
    talk(widget, "newer still", "x")
    page = carl().get(reverse(LIST))
    assert [row.first_text for row in page.context["cl"].result_list] == [
        "long wait",
        "short wait",
        "newer still",
        newest.messages.first().text,
    ]


def test_an_articles_page_leads_to_the_answers_that_cited_it(widget) -> None:
    shop = Category.objects.create(name="Shop", slug="shop")
    prices, boots = (
        publishing.publish(article=Article(slug=slug, title=slug, body="It costs £3.", category=shop), by=None)
        for slug in ("prices", "boots")
    )
    asked = talk(widget, "How much?", "It costs £3. [1]")
    seen = {"url": "/help/prices/", "score": 1, "title": "prices"}
    for n, (revision, cited) in enumerate(((prices, True), (boots, False)), 1):
        RetrievedPassage.objects.create(message=answer_of(asked), n=n, revision=revision, cited=cited, **seen)
    client = carl("manager", "agent")
    page = client.get(reverse("admin:knowledge_article_revisions", args=[prices.article_id])).content.decode()
    (link,) = re.findall(r'href="([^"]+)">Review it<', page)
    assert f"cited={prices.article_id}" in link
    assert listed(client, cited=str(prices.article_id)) == {str(asked.pk)}
    assert listed(client, cited=str(boots.article_id)) == set()
    for nobody in ("x", str(asked.pk)):
        assert listed(client, cited=nobody) == {str(asked.pk)}


def test_the_list_is_narrowed_by_outcome_rating_adapter_review_language_and_words(widget) -> None:
    good = talk(widget, "Where is the tent?", "In the shed.", adapter="support-v1")
    bad = talk(widget, "Why?", "No answer.", outcome="abstained", adapter="support-v2")
    Rating.objects.create(message=answer_of(bad), score=-1)
    Review.objects.create(message=answer_of(good), verdict="good")
    Conversation.objects.filter(pk=bad.pk).update(language="de")
    client = carl()
    assert listed(client, outcome="abstained") == {str(bad.pk)}
    assert listed(client, rating="-1") == {str(bad.pk)}
    assert listed(client, rating="none") == {str(good.pk)}
    assert listed(client, adapter="support-v1") == {str(good.pk)}
    assert listed(client, review="none") == {str(bad.pk)}
    assert listed(client, review="good") == {str(good.pk)}
    assert listed(client, language="de") == {str(bad.pk)}
    assert listed(client, q="shed") == {str(good.pk)}
    assert listed(client, q="nowhere") == set()


def test_the_list_takes_a_bounded_number_of_queries(widget, django_assert_max_num_queries) -> None:
    for number in range(12):
        talk(widget, f"question {number}", "x")
    client = carl()
    with django_assert_max_num_queries(20):
        client.get(reverse(LIST))


def test_an_answer_is_reviewed_and_the_next_one_opened(widget) -> None:
    first, second = talk(widget, "one", "1"), talk(widget, "two", "2")
    client = carl()
    url = reverse("admin:chat_conversation_review", args=[second.pk, answer_of(second).pk])
    response = client.post(
        url,
        {"verdict": "partly", "labels": ["misread"], "corrected_answer": "Two.", "note": "n", "_next": "Save and next"},
    )
    assert (
        response["Location"] == reverse("admin:chat_conversation_change", args=[first.pk]) + f"#m-{answer_of(first).pk}"
    )
    review = answer_of(second).review
    assert (review.verdict, review.labels, review.corrected_answer, review.reviewer.username) == (
        "partly",
        ["misread"],
        "Two.",
        "carl",
    )
    client.post(url, {"verdict": "good", "labels": ["misread"]})
    review.refresh_from_db()
    assert (review.verdict, review.labels) == ("good", []), "the last judgement counts, and a good answer has no fault"
    assert LogEntry.objects.filter(change_message__startswith="Reviewed answer").count() == 2


@pytest.mark.parametrize(
    "fields",
    [{}, {"verdict": "superb"}, {"verdict": "wrong", "labels": ["nonsense"]}, {"verdict": "wrong", "note": "x" * 2001}],
)
def test_a_review_that_cannot_be_is_refused_with_a_sentence(widget, fields) -> None:
    talked = talk(widget, "one", "1")
    client = carl()
    page = client.post(
        reverse("admin:chat_conversation_review", args=[talked.pk, answer_of(talked).pk]), fields, follow=True
    )
    assert "Not saved." in page.content.decode()
    assert not Review.objects.exists()


def test_an_export_obeys_the_filters_and_is_written_down(widget) -> None:
    talk(widget, "=1+1", "30 days.")
    talk(widget, "other", "x", outcome="abstained")
    client = carl()
    response = client.get(reverse("admin:chat_conversation_export", args=["csv"]), {"outcome": "answered"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["question"], row["answer"]) for row in rows] == [("'=1+1", "30 days.")]
    entry = AuditEntry.objects.get(act="exported")
    assert (entry.who, entry.address, entry.object) == ("carl", "127.0.0.1", "1 answers as csv")
    assert "outcome=answered" in entry.detail


def test_what_an_agent_writes_is_a_message_of_the_conversation(widget) -> None:
    talked = talk(widget, "A person, please", "Of course.")
    client = carl("agent")
    desk = reverse("admin:chat_conversation_desk", args=[talked.pk])
    client.post(desk, {"do": "say", "text": "Hello, Carl here."})
    talked.refresh_from_db()
    assert (talked.state, talked.agent.username) == ("agent", "carl")
    live = client.get(reverse("admin:chat_conversation_live", args=[talked.pk]), {"after": answer_of(talked).pk}).json()
    assert live["typing"] is False
    customer_types(talked.pk)
    assert client.get(reverse("admin:chat_conversation_live", args=[talked.pk])).json()["typing"] is True
    typing = reverse("admin:chat_conversation_typing", args=[talked.pk])
    assert (client.post(typing).status_code, client.get(typing).status_code) == (204, 405)
    assert [(m["who"], m["role"], m["text"]) for m in live["messages"]] == [("carl", "agent", "Hello, Carl here.")]
    assert "write" in client.post(desk, {"do": "say", "text": "  "}, follow=True).content.decode().lower()
    assert talked.messages.filter(role="agent").count() == 1
    client.post(desk, {"do": "leave"})
    talked.refresh_from_db()
    assert talked.state == "bot"


def test_a_conversation_that_does_not_exist_is_not_an_error_page(widget) -> None:
    client = carl()
    assert client.get("/admin/chat/conversation/nonsense/change/").status_code == 302
    assert client.get("/admin/chat/conversation/00000000-0000-0000-0000-000000000000/change/").status_code == 404
