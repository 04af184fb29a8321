"""One thing of each kind that an address can name, and a form that would change it."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType

from chat.models import ContactRequest, Message, Widget
from knowledge import publishing
from knowledge.models import (
    Article,
    BulkChange,
    Category,
    EmbeddingSpace,
    Finding,
    ImportItem,
    ImportRun,
    ImportSource,
    TestQuestion,
)
from supportbot import audit
from supportbot.models import AuditEntry
from tests.attack import people
from tests.attack.scene import Scene

HIDDEN = "the-secret-of-the-house-51f0"
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# What a form would need; a field that a form does not know is ignored.
FORM = {
    "post": "yes", "do": "say", "text": "x", "verdict": "good", "question": "Who?", "title": "Taken over", "body": "x",
    "confirm": "yes", "value": "", "note": "x", "name": "taken", "slug": "taken", "key": "taken", "position": "1",
    "_save": "Save", "version": "draft", "asker": "public", "language": "en", "audience": "public", "replace": "1",
    "username": "taken", "password1": "a-long-word-of-mine-1", "password2": "a-long-word-of-mine-1", "score": "1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Things:
    ids: dict[str, dict[str, str]]  # beginning of a route -> parameter -> value
    hidden: str  # words of articles that are not public
    hidden_slugs: tuple[str, ...]
    said: dict[str, str]  # what a page of the widget would post for Dora

    def address(self, route: str) -> str:
        """The address of one real thing."""
        known = {"app_label": "knowledge", "url": "no-such-page"}
        for beginning, ids in self.ids.items():  # the longer ones come later
            if route.startswith(beginning):
                known |= ids
        return "/" + PARAMETER.sub(lambda found: quote(known[found[1]], safe=""), route)

    def form(self, route: str) -> dict[str, str]:
        return dict(FORM)


def make(scene: Scene, words: str = "plain words") -> Things:
    """Make what is not there yet; `words` is what people and articles say."""
    dora = scene.visitors[0]
    category, _ = Category.objects.get_or_create(slug="attacked", defaults={"name": "Attacked"})
    article = _article("attacked", f"Attacked {words}"[:200], words, "public", category)
    other = _article("attacked-too", f"Attacked too {words}"[:200], words, "public", category)
    hidden = [
        _article(f"hidden-{audience}", "Hidden", HIDDEN, audience, category) for audience in ("internal", "customers")
    ]
    draft, _ = Article.objects.get_or_create(
        slug="hidden-draft", defaults={"title": "Draft", "body": HIDDEN, "category": category}
    )
    finding, _ = Finding.objects.get_or_create(
        article=article, other=other, kind="overlap", text_hash="x", other_hash="y", defaults={"details": {}}
    )
    question, _ = TestQuestion.objects.get_or_create(article=article, question=f"Who says {words}?"[:500])
    bulk = BulkChange.objects.create(verb="publish", articles=[article.pk])
    source, _ = ImportSource.objects.get_or_create(
        name=words[:120], defaults={"location": "https://example.invalid/", "upload_name": words[:200]}
    )
    run = ImportRun.objects.create(
        source=source, preview=True, state="done", counts={"new": 1}, found=1, error=words[:500]
    )
    ImportItem.objects.create(
        run=run, key=words[:500], action="new", title=words[:200], message=words[:300], sample=words
    )
    widget = Widget.objects.get(key="demo")
    contact = ContactRequest.objects.create(
        widget=widget, email="dora@shop.example", note=words, conversation_id=dora.conversation
    )
    user = people.person("attacked-bystander", "agent")
    audit.record("exported", who=words[:150], object=words[:200], detail=words)
    answer = Message.objects.filter(conversation_id=dora.conversation, role="bot").first()
    assert answer is not None and article.live_revision is not None
    admin = "admin/"
    return Things(
        {
            "help/": {"slug": article.slug, "number": "1"},
            "help/category/": {"slug": category.slug},
            "widget/": {"name": "support-chat.js", "key": widget.key},
            f"{admin}r/": _ids(content_type_id=ContentType.objects.get_for_model(Article).pk, object_id=article.pk),
            f"{admin}auth/user/": _ids(object_id=user.pk, id=user.pk),
            f"{admin}auth/group/": _ids(object_id=Group.objects.get(name="agent").pk),
            f"{admin}supportbot/auditentry/": _ids(object_id=AuditEntry.objects.latest("pk").pk),
            f"{admin}knowledge/category/": _ids(object_id=category.pk),
            f"{admin}knowledge/article/": _ids(
                object_id=article.pk,
                key=article.pk,
                number=finding.pk,
                verb="unpublish",
                revision_key=article.live_revision.pk,
            ),
            f"{admin}knowledge/article/bulk/": _ids(key=bulk.pk),
            f"{admin}knowledge/article/<uuid:key>/questions/": _ids(number=question.pk),
            f"{admin}knowledge/importsource/": _ids(object_id=source.pk, key=source.pk),
            f"{admin}knowledge/importsource/runs/": _ids(key=run.pk),
            f"{admin}knowledge/embeddingspace/": _ids(key=EmbeddingSpace.objects.earliest("pk").pk, verb="switch"),
            f"{admin}chat/conversation/": _ids(
                object_id=dora.conversation, pk=dora.conversation, answer=answer.pk, form="csv"
            ),
            f"{admin}chat/widget/": _ids(object_id=widget.pk),
            f"{admin}chat/contactrequest/": _ids(object_id=contact.pk),
        },
        HIDDEN,
        (*(each.slug for each in hidden), draft.slug),
        {"widget": "demo", "token": dora.token, "email": "dora@shop.example", "conversation": dora.conversation},
    )


def _ids(**ids: Any) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items()}


def _article(slug: str, title: str, body: str, audience: str, category: Category) -> Article:
    known = Article.objects.filter(slug=slug).first()
    if known is not None:
        return known
    return publishing.publish(
        article=Article(slug=slug, title=title, body=body, audience=audience, category=category), by=None
    ).article
