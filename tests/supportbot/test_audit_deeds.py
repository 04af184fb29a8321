"""Whatever staff do on a page leaves a line in the audit log: who, from where, and what it was done to."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from bs4 import BeautifulSoup
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chat.models import ContactRequest, Conversation, Message, Visitor, Widget
from knowledge import bulk, publishing
from knowledge.models import (
    Article,
    BulkChange,
    Category,
    EmbeddingSpace,
    Finding,
    ImportRun,
    ImportSource,
    TestQuestion,
)
from supportbot.models import AuditEntry
from tests.attack.who import all_rules

HERE = "198.51.100.7"
PASSWORD, NEW_PASSWORD = "larkfield-tents-and-stoves", "another-long-word-9"
WORDS, EMAIL = "My order 4711 came broken, says Dora.", "dora@shop.example"
SECRET = "the shop and its chat server alone know this"
RECIPE = {"model": "other-64d", "dimensions": 64, "query_prefix": "", "passage_prefix": "", "passage_tokens": 200}

# Addresses with a POST of staff that changes nothing, and where what they do note is tested.
NOTHING = {
    "admin/chat/conversation/": "a list without actions",
    "admin/supportbot/auditentry/": "a list without actions",
    "admin/knowledge/article/preview/": "shows what is being written",
    "admin/chat/conversation/<uuid:pk>/typing/": "tells the customer that a person is writing",
    "admin/try/": "asks the draft a question",
    "admin/sign-in/second-factor/": "tests/supportbot/test_sign_in.py",
    "admin/second-factor/": "tests/supportbot/test_sign_in.py",
}


@dataclass(frozen=True)
class Deed:
    """`route` as in who.py, `url` of one thing, what is posted. `filled`: the page's own form, with this in it."""

    route: str
    url: str
    form: dict[str, object] = field(default_factory=dict)
    filled: bool = False
    act: str = "changed"


@pytest.fixture
def eve(db, settings) -> Client:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(User.objects.create_superuser("eve", password=PASSWORD))
    return client


def article(slug: str, category: Category, by: User) -> Article:
    made = Article.objects.create(slug=slug, title=slug.title(), body="Within 30 days.", category=category)
    return publishing.publish(article=made, by=by).article


def form_of(page: str) -> dict[str, object]:
    """What a browser would send of the page's form, as it was opened."""
    form = BeautifulSoup(page, "html.parser").select_one("form[id$=_form]")
    assert form is not None, page[:500]
    sent: dict[str, object] = {}
    for each in form.select("input[name], textarea[name]"):
        kind = each.get("type", "text")
        if kind in ("submit", "file") or (kind in ("checkbox", "radio") and not each.has_attr("checked")):
            continue
        value = each.text.removeprefix("\n") if each.name == "textarea" else each.get("value", "")
        sent[each["name"]] = [*sent[each["name"]], value] if each["name"] in sent else [value]
    for each in form.select("select[name]"):
        sent[each["name"]] = [option.get("value", "") for option in each.select("option[selected]")]
    return sent


def faults(answer: HttpResponse) -> str:
    """What a page says is wrong with a form."""
    said = BeautifulSoup(answer.content, "html.parser").select(".errornote, .errorlist, .messagelist")
    return " | ".join(each.get_text(" ", strip=True) for each in said)


def deeds_of_people(carl: User) -> Iterator[Deed]:
    group, spare = (Group.objects.create(name=name) for name in ("Saturdays", "Sundays"))
    gone = User.objects.create_user("gone")
    new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    yield from pages_of("auth_group", group.pk, spare.pk, {"name": "Nights"})
    yield Deed("admin/auth/user/", at("auth_user_changelist"), {"action": "unlock", "_selected_action": [carl.pk]},
               act="unlocked")  # fmt: skip
    yield Deed("admin/auth/user/add/", at("auth_user_add"), {"username": "bea", **new}, act="added")
    yield Deed("admin/auth/user/<id>/password/", at("auth_user_password_change", carl.pk), new)
    person = "admin/auth/user/<path:object_id>"
    yield Deed(f"{person}/change/", at("auth_user_change", carl.pk), {"first_name": "Carl"}, filled=True)
    yield Deed(f"{person}/delete/", at("auth_user_delete", gone.pk), {"post": "yes"}, act="deleted")
    old = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    yield Deed("admin/password_change/", at("password_change"), old, act="password_changed")


def deeds_in_the_chat(carl: User) -> Iterator[Deed]:
    widget, _ = Widget.objects.get_or_create(key="demo", defaults={"name": "Demo"})
    old, older = (Widget.objects.create(key=key, name=key) for key in ("old", "older"))
    talk = Conversation.objects.create(widget=widget, visitor=Visitor.objects.create(widget=widget, name="Dora"))
    asked = Message.objects.create(conversation=talk, role="customer", text=WORDS)
    said = {"text": "30 days.", "status": "done", "outcome": "answered", "reply_to": asked}
    answer = Message.objects.create(conversation=talk, role="bot", **said)
    contact = ContactRequest.objects.create(widget=widget, conversation=talk, email=EMAIL, note=WORDS)
    here = "admin/chat/conversation/<uuid:pk>"
    for do in ("join", "say", "leave", "close"):
        yield Deed(f"{here}/desk/", at("chat_conversation_desk", talk.pk), {"do": do, "text": WORDS})
    verdict = {"verdict": "good", "note": WORDS}
    yield Deed(f"{here}/review/<uuid:answer>/", at("chat_conversation_review", talk.pk, answer.pk), verdict)
    yield from pages_of("chat_widget", old.pk, older.pk, {"name": "Shop", "key": "shop", "identity_secret": SECRET})
    handled = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": contact.pk, "form-0-handled": "on"}
    requests = "admin/chat/contactrequest/"
    yield Deed(requests, at("chat_contactrequest_changelist"), {**handled, "_save": "Save"})
    one = f"{requests}<path:object_id>"
    yield Deed(f"{one}/change/", at("chat_contactrequest_change", contact.pk), {"_save": "Save"})
    yield Deed(f"{one}/delete/", at("chat_contactrequest_delete", contact.pk), {"post": "yes"}, act="deleted")


def deeds_with_articles(carl: User) -> Iterator[Deed]:
    category, spare, empty = (Category.objects.create(name=name, slug=name) for name in ("returns", "one", "two"))
    mine, other = article("returns", category, carl), article("tents", category, carl)
    finding = Finding.objects.create(
        article=mine, other=other, kind="overlap", text_hash="x", other_hash="y", details={}
    )
    question = TestQuestion.objects.create(article=mine, question=WORDS)
    many = bulk.ask(verb=BulkChange.Verb.ARCHIVE, articles=[other.pk], by=carl)
    new = {"body": "Within 50 days.", "language": "en", "audience": "public", "category": category.pk}
    yield from pages_of("knowledge_category", spare.pk, empty.pk, {"name": "Stoves", "slug": "stoves"})
    one, chosen = "admin/knowledge/article/<uuid:key>", "admin/knowledge/article/<path:object_id>"
    yield Deed("admin/knowledge/article/add/", at("knowledge_article_add"), {"title": "New", "slug": "new", **new},
               act="added")  # fmt: skip
    yield Deed("admin/knowledge/article/autosave/", at("knowledge_article_autosave_new"), {"title": "Newer", **new},
               act="added")  # fmt: skip
    yield Deed(f"{one}/questions/add/", at("knowledge_article_add_question", mine.pk), {"question": f"{WORDS}?"})
    gone = at("knowledge_article_delete_question", mine.pk, question.pk)
    yield Deed(f"{one}/questions/<int:number>/delete/", gone)
    dismissed = at("knowledge_article_dismiss", mine.pk, finding.pk)
    yield Deed(f"{one}/findings/<int:number>/dismiss/", dismissed)
    yield Deed(
        f"{chosen}/change/", at("knowledge_article_change", mine.pk), {"body": "In 40 days.", "_publish": "1"}, True
    )
    again = at("knowledge_article_restore", mine.pk, mine.live_revision_id)
    mine.refresh_from_db()
    seen = {"seen": mine.updated.isoformat(), "replace": "yes"}
    yield Deed(f"{one}/revisions/<uuid:revision_key>/restore/", again, seen)
    LogEntry.objects.all().delete()  # what is written on and on is noted once an hour
    mine.refresh_from_db()
    text = {"title": "Returns", "slug": "returns", "seen": mine.updated.isoformat(), **new}
    yield Deed(f"{one}/autosave/", at("knowledge_article_autosave", mine.pk), text)
    for verb in ("publish", "unpublish", "archive"):
        yield Deed(f"{one}/do/<slug:verb>/", at("knowledge_article_do", mine.pk, verb))
    yield Deed("admin/knowledge/article/bulk/<uuid:key>/", at("knowledge_article_bulk", many.pk), act="confirmed")
    yield Deed(f"{chosen}/delete/", at("knowledge_article_delete", mine.pk), {"post": "yes"}, act="deleted")
    export = {"action": "export_chosen", "_selected_action": [other.pk]}
    yield Deed("admin/knowledge/article/", at("knowledge_article_changelist"), export, act="exported")


def deeds_with_imports_and_spaces(carl: User) -> Iterator[Deed]:
    here = "admin/knowledge/importsource/"
    source, spare, gone = (
        ImportSource.objects.create(name=name, location=f"https://{name}.invalid/", by=carl) for name in "abc"
    )
    run = ImportRun.objects.create(source=source, state="reading")
    yield from pages_of("knowledge_importsource", spare.pk, gone.pk, {"location": "https://d.invalid/", "name": "Wiki"})
    yield Deed(f"{here}runs/<int:key>/cancel/", at("knowledge_importsource_cancel", run.pk))
    ImportRun.objects.filter(pk=run.pk).update(state="cancelled")
    yield Deed(f"{here}<int:key>/start/", at("knowledge_importsource_start", source.pk), {"mode": "preview"})
    spaces = "admin/knowledge/embeddingspace/"
    yield Deed(f"{spaces}prepare/", at("knowledge_embeddingspace_prepare"), RECIPE)
    made = EmbeddingSpace.objects.get(state="building")
    for verb in ("pause", "resume"):
        yield Deed(f"{spaces}<int:key>/do/<slug:verb>/", at("knowledge_embeddingspace_do", made.pk, verb))
    EmbeddingSpace.objects.filter(pk=made.pk).update(state="retired", activated=made.created)
    yield Deed(f"{spaces}back/", at("knowledge_embeddingspace_back"))


def pages_of(model: str, one: object, another: object, new: dict[str, object]) -> Iterator[Deed]:
    """The five ways that the admin has of changing a model's rows."""
    place = f"admin/{model.replace('_', '/', 1)}/"
    delete = {"action": "delete_selected", "_selected_action": [str(another)], "post": "yes"}
    yield Deed(f"{place}add/", at(f"{model}_add"), new, filled=True, act="added")
    yield Deed(f"{place}<path:object_id>/change/", at(f"{model}_change", one), {"name": "Changed"}, filled=True)
    yield Deed(f"{place}<path:object_id>/delete/", at(f"{model}_delete", one), {"post": "yes"}, act="deleted")
    yield Deed(place, at(f"{model}_changelist"), delete, act="deleted")


def at(name: str, *arguments: object) -> str:
    return reverse(f"admin:{name}", args=arguments)


def test_every_deed_of_staff_leaves_who_and_from_where(eve, fake_model) -> None:
    carl, done = User.objects.create_user("carl", is_staff=True), set()
    for kind in (deeds_in_the_chat, deeds_with_articles, deeds_with_imports_and_spaces, deeds_of_people):
        for deed in kind(carl):
            last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            before = form_of(eve.get(deed.url).text) if deed.filled else {}
            answer = eve.post(deed.url, before | deed.form)
            left = [(one.act, one.who, one.address) for one in AuditEntry.objects.filter(pk__gt=last)]
            assert (deed.act, "eve", HERE) in left, f"{deed}: {answer.status_code} {faults(answer)}"
            assert {who for _, who, _ in left} == {"eve"}
            done.add(deed.route)
    by_staff = {route for route, rule in all_rules().items() if rule.post and "n" not in rule.post}
    assert done | set(NOTHING) == by_staff, "a new way of changing something: add it here"
    kept = " ".join(f"{one.object} {one.detail}" for one in AuditEntry.objects.all())
    assert not [word for word in (WORDS, EMAIL, SECRET, PASSWORD, NEW_PASSWORD) if word in kept]
