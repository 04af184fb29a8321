"""The pages round the widget, by the rules of WCAG 2.2 A and AA: the shop, the help centre, and those of the staff."""

from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from chat.models import Conversation, Message, Rating, RetrievedPassage, Visitor, Widget
from knowledge import indexing, publishing
from knowledge.models import Article, Category, Chunk
from tests.browser.accessibility import DARK, LIGHT, violations
from tests.browser.conftest import adas_page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("beside_the_browser", "fake_model")]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LOOKS = ((DESK, LIGHT), (PHONE, DARK))  # colours do not hang on the width, nor sizes on the scheme
BODY = (
    "Send it back within **60 days**.\n\n## What it costs\n\n| Item | Price |\n| --- | --- |\n| Tent | £5 |\n\n"
    "1. Print the label.\n2. Write `RMA` on the box.\n\n> Keep the receipt.\n\nRead [the prices](/help/prices/)."
)


@pytest.fixture
def shop() -> dict[str, str]:
    """Articles, and a conversation that was answered, rated and asked a person for; gives the ids in addresses."""
    category = Category.objects.create(name="Returns", slug="returns")
    live = [
        Article.objects.create(category=category, title=title, slug=slug, body=BODY)
        for title, slug in (("Returns policy", "returns-policy"), ("Prices", "prices"), ("Old terms", "old"))
    ]
    for article in live:
        publishing.publish(article=article, by=None)
    publishing.unpublish(article=live[2], by=None)
    indexing.embed_stale()
    widget = Widget.objects.get_or_create(key="demo", defaults={"name": "Demo"})[0]
    visitor = Visitor.objects.create(widget=widget)
    talked = Conversation.objects.create(widget=widget, visitor=visitor, language="en", handover_reason="please")
    asked = Message.objects.create(conversation=talked, role="customer", text="How long do I have?")
    said = Message.objects.create(
        conversation=talked, role="bot", text="60 days. [1]", status="done", outcome="answered", reply_to=asked
    )
    Rating.objects.create(message=said, score=-1, comment="Out of date")
    chunk = Chunk.objects.filter(live=True).first()
    RetrievedPassage.objects.create(
        message=said, n=1, chunk=chunk, title="Returns policy", score=0.5, similarity=0.6, cited=True
    )
    return {"article": str(live[0].pk), "conversation": str(talked.pk)}


@pytest.fixture
def found() -> Iterator[dict[str, list[str]]]:
    """What was found wrong, by page, width and scheme; nothing may be."""
    wrong: dict[str, list[str]] = {}
    yield wrong
    assert wrong == {}, "\n".join(f"{page}: {said}" for page, all_said in wrong.items() for said in all_said)


def looks(page: Page, name: str, found: dict[str, list[str]]) -> None:
    """Look at the page as it stands, wide and narrow, light and dark."""
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        if wrong := violations(page):
            found[f"{name} {size['width']} {scheme}"] = wrong
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > size["width"]:
            found[f"{name} {size['width']} scrolls sideways"] = [str(wide)]
    page.set_viewport_size(DESK)


def test_the_shop_and_the_help_centre_break_no_rule(browser, live_server, shop, found) -> None:
    context = browser.new_context(base_url=live_server.url, viewport=DESK)
    page = context.new_page()
    for name, path in {
        "shop": "/",
        "help": "/help/",
        "search": "/help/?q=returns",
        "search without result": "/help/?q=zzzz",
        "subject": "/help/category/returns/",
        "article": "/help/returns-policy/",
        "withdrawn": "/help/old/",
        "not found": "/nothing/here/",
        "every state": "/demo/states/?state=answer",
        "framed chat": "/widget/demo/frame/",
        "sign in": reverse("admin:login"),
    }.items():
        page.goto(path)
        looks(page, name, found)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".errornote")).to_be_visible()
    looks(page, "refused sign in", found)
    context.close()


def test_the_pages_of_staff_break_no_rule(browser, live_server, client, shop, found) -> None:
    article, conversation = shop["article"], shop["conversation"]
    with adas_page(browser, live_server, client, reverse("admin:index")) as page:
        for name, path in {
            "index": reverse("admin:index"),
            "articles": reverse("admin:knowledge_article_changelist"),
            "new article": reverse("admin:knowledge_article_add"),
            "article": reverse("admin:knowledge_article_change", args=[article]),
            "conversations": reverse("admin:chat_conversation_changelist"),
            "conversation": reverse("admin:chat_conversation_change", args=[conversation]),
            "status": reverse("admin:supportbot_status_changelist"),
            "widget": reverse("admin:chat_widget_change", args=[Widget.objects.get(key="demo").pk]),
            "spaces": reverse("admin:knowledge_embeddingspace_changelist"),
            "imports": reverse("admin:knowledge_importsource_changelist"),
            "people": reverse("admin:auth_user_changelist"),
            "audit log": reverse("admin:supportbot_auditentry_changelist"),
            "second factor": reverse("admin:second_factor"),
            "own password": reverse("admin:password_change"),
        }.items():
            page.goto(path)
            looks(page, f"staff: {name}", found)
