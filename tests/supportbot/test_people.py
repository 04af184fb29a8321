"""Who may see and do what: every page of staff against every group."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from chat.models import ContactRequest, Conversation, Message, Visitor, Widget
from knowledge import publishing
from knowledge.models import Article, Category

GROUPS = ["agent", "editor", "manager", "administrator"]

# Page -> the groups that may open it; the others get 403, anonymous visitors the log-in page.
PAGES = {
    "index": set(GROUPS),
    "articles": set(GROUPS),
    "article": set(GROUPS),
    "new article": {"agent", "editor", "administrator"},
    "delete article": {"editor", "administrator"},
    "categories": set(GROUPS),
    "new category": {"editor", "administrator"},
    "imports": {"editor", "administrator"},
    "new import": {"editor", "administrator"},
    "embedding spaces": {"editor", "administrator"},
    "conversations": {"agent", "manager", "administrator"},
    "transcript": {"agent", "manager", "administrator"},
    "what was said since": {"agent", "manager", "administrator"},
    "export": {"manager", "administrator"},
    "contact requests": {"agent", "manager", "administrator"},
    "widgets": {"administrator"},
    "people": {"administrator"},
    "status": {"manager", "administrator"},
}
DEEDS = {
    "review": {"manager", "administrator"},
    "answer a customer": {"agent", "administrator"},
    "publish": {"agent", "editor", "administrator"},
}


@pytest.fixture
def desk(db, fake_model):
    category = Category.objects.create(name="Returns", slug="returns")
    ada = User.objects.create_user("ada")
    article = Article.objects.create(slug="returns", title="Returns", body="Within 30 days.", category=category)
    publishing.publish(article=article, by=ada)
    widget, _ = Widget.objects.get_or_create(key="demo", defaults={"name": "Demo"})
    conversation = Conversation.objects.create(widget=widget, visitor=Visitor.objects.create(widget=widget))
    question = Message.objects.create(conversation=conversation, role="customer", text="How long?")
    answer = Message.objects.create(
        conversation=conversation, role="bot", text="30 days. [1]", status="done", outcome="answered", reply_to=question
    )
    ContactRequest.objects.create(conversation=conversation, widget=widget, email="dora@example.com")
    return {"article": article, "conversation": conversation, "answer": answer}


def address(page: str, desk: dict) -> str:
    article, conversation = desk["article"].pk, desk["conversation"].pk
    return {
        "index": reverse("admin:index"),
        "articles": reverse("admin:knowledge_article_changelist"),
        "article": reverse("admin:knowledge_article_change", args=[article]),
        "new article": reverse("admin:knowledge_article_add"),
        "delete article": reverse("admin:knowledge_article_delete", args=[article]),
        "categories": reverse("admin:knowledge_category_changelist"),
        "new category": reverse("admin:knowledge_category_add"),
        "imports": reverse("admin:knowledge_importsource_changelist"),
        "new import": reverse("admin:knowledge_importsource_add"),
        "embedding spaces": reverse("admin:knowledge_embeddingspace_changelist"),
        "conversations": reverse("admin:chat_conversation_changelist"),
        "transcript": reverse("admin:chat_conversation_change", args=[conversation]),
        "what was said since": reverse("admin:chat_conversation_live", args=[conversation]),
        "export": reverse("admin:chat_conversation_export", args=["csv"]),
        "contact requests": reverse("admin:chat_contactrequest_changelist"),
        "widgets": reverse("admin:chat_widget_changelist"),
        "people": reverse("admin:auth_user_changelist"),
        "status": reverse("admin:supportbot_status_changelist"),
    }[page]


def member(group: str) -> Client:
    user = User.objects.create_user(f"{group}-member", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_opens_its_pages_and_no_other(desk, group) -> None:
    client = member(group)
    got = {page: client.get(address(page, desk)).status_code for page in PAGES}
    assert got == {page: 200 if group in may else 403 for page, may in PAGES.items()}


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_does_its_deeds_and_no_other(desk, group) -> None:
    client, conversation = member(group), desk["conversation"]
    article = desk["article"]
    posts = {
        "review": (
            reverse("admin:chat_conversation_review", args=[conversation.pk, desk["answer"].pk]),
            {"verdict": "good"},
        ),
        "answer a customer": (
            reverse("admin:chat_conversation_desk", args=[conversation.pk]),
            {"do": "say", "text": "Hello."},
        ),
        "publish": (
            reverse("admin:knowledge_article_change", args=[article.pk]),
            {
                "title": article.title,
                "slug": article.slug,
                "body": "Within 40 days.",
                "category": article.category_id,
                "language": "en",
                "audience": "public",
                "seen": article.updated.isoformat(),
                "_publish": "Publish",
            },
        ),
    }
    got = {deed: client.post(*posts[deed]).status_code for deed in DEEDS}
    assert got == {deed: 302 if group in may else 403 for deed, may in DEEDS.items()}


def test_a_stranger_is_sent_to_the_log_in_page(desk) -> None:
    client = Client()
    for page in PAGES:
        response = client.get(address(page, desk))
        assert response.status_code == 302 and "/login/" in response["Location"], page


def test_staff_without_a_group_sees_nothing(desk) -> None:
    client = Client()
    client.force_login(User.objects.create_user("emil", is_staff=True))
    assert {client.get(address(page, desk)).status_code for page in PAGES if page != "index"} == {403}


def test_an_upgrade_goes_on_without_a_group_that_was_renamed(db):
    Group.objects.filter(name="editor").update(name="writers")
    administrators = Group.objects.get(name="administrator").permissions
    administrators.clear()
    import_module("chat.migrations.0005_desk_people").widen_groups(apps, None)
    assert administrators.filter(codename="add_importsource").exists()
