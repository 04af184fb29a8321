"""What the editor's page asks of the server while somebody writes: autosave, test questions, differences."""

import re
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from knowledge import indexing, publishing
from knowledge.admin.questions import MAX_QUESTIONS
from knowledge.models import MAX_BODY_CHARS, Article, Chunk, Finding, TestQuestion
from knowledge.revisions import Part, compare
from tests.knowledge.conftest import may

LIST = "/admin/knowledge/article/"

pytestmark = pytest.mark.usefixtures("no_hints")


@pytest.fixture
def desk(client, ada):
    """Ada's browser."""
    may(ada, "view", "add", "change")
    client.force_login(ada)
    return client


@pytest.fixture
def new(delivery):
    """What the page of a new article sends."""
    return {
        "title": "New", "slug": "", "body": "Text.", "category": delivery.pk, "language": "en",
        "audience": "internal", "review_date": "", "owner": "", "note": "", "seen": "",
    }  # fmt: skip


def page(article, name, *keys):
    return reverse(f"admin:knowledge_article_{name}", args=[article.pk, *keys])


def text(article, **changed):
    return {"title": article.title, "body": article.body, "seen": article.updated.isoformat()} | changed


class TestAutosave:
    def test_the_text_is_kept_and_nothing_that_holds_at_once(self, desk, saved):
        sent = text(saved, body="All free.", audience="internal", slug="other")
        reply = desk.post(page(saved, "autosave"), sent).json()
        article = Article.objects.get()
        assert (article.body, article.audience, article.slug) == ("All free.", "public", "delivery-prices")
        assert reply["seen"] == article.updated.isoformat() and re.fullmatch(r"\d\d:\d\d", reply["saved"])

    def test_customers_see_nothing_of_it(self, desk, saved, ada):
        publishing.publish(article=saved, by=ada)
        desk.post(page(saved, "autosave"), text(saved, body="All free."))
        assert Article.objects.get().is_live and not Chunk.objects.filter(text="All free.").exists()

    def test_it_never_goes_over_what_somebody_else_saved(self, desk, saved, bea):
        mine = text(saved, body="Ada's text.")
        saved.body = "Bea's text."
        publishing.save_draft(article=saved, by=bea)
        reply = desk.post(page(saved, "autosave"), mine)
        assert reply.status_code == 409
        assert "saved this article at" in reply.json()["error"] and "to see both texts" in reply.json()["error"]
        assert Article.objects.get().body == "Bea's text."

    def test_who_saved_last_is_known_without_a_line_for_each_time(self, client, desk, saved, ada, bea):
        for body in ("One.", "Two.", "Three."):
            saved.refresh_from_db()
            desk.post(page(saved, "autosave"), text(saved, body=body))
        assert [entry.user for entry in LogEntry.objects.all()] == [ada]
        seen_by_ada = text(Article.objects.get(), body="Ada's.")
        may(bea, "change")
        client.force_login(bea)
        client.post(page(saved, "autosave"), text(Article.objects.get(), body="Bea's."))
        client.force_login(ada)
        assert client.post(page(saved, "autosave"), seen_by_ada).json()["error"].startswith("bea saved this article")

    def test_an_unchanged_text_is_not_a_save(self, desk, saved):
        assert desk.post(page(saved, "autosave"), text(saved)).json()["seen"] == saved.updated.isoformat()

    def test_what_was_kept_and_whose_reply_was_lost_may_be_sent_again(self, desk, saved, bea):
        sent = text(saved, body="Mine.")
        desk.post(page(saved, "autosave"), sent)
        again = desk.post(page(saved, "autosave"), sent)
        assert again.status_code == 200 and again.json()["seen"] == Article.objects.get().updated.isoformat()
        entry = LogEntry.objects.get()
        entry.user = bea  # the same text, but with whatever else she may have changed
        entry.save()
        assert desk.post(page(saved, "autosave"), sent).status_code == 409

    def test_one_page_makes_one_article(self, client, desk, new, bea):
        key = re.search(r'name="key" value="([^"]+)"', desk.get(LIST + "add/").content.decode()).group(1)
        sent = new | {"key": key}
        for _ in range(2):
            assert desk.post(LIST + "autosave/", sent).json()["article"] == key
        assert desk.post(LIST + "autosave/", sent | {"body": "Newer."}).status_code == 409
        shown = desk.post(LIST + "add/", sent | {"body": "Newer.", "_save": "1"}).content.decode()
        assert "after you opened it" in shown and f'name="key" value="{key}"' in shown
        seen = Article.objects.get().updated.isoformat()
        desk.post(LIST + "add/", sent | {"body": "Newer.", "seen": seen, "_save": "1"})
        assert Article.objects.get().body == "Newer."
        assert not LogEntry.objects.filter(change_message__icontains="key").exists()
        may(bea, "add", "change")
        client.force_login(bea)
        assert "Another article has the address" in client.post(LIST + "autosave/", sent).json()["error"]

    def test_a_form_that_is_sent_twice_makes_one_article(self, desk, new):
        key = "0192f0c4-0000-7000-8000-000000000001"
        for _ in range(2):
            desk.post(LIST + "add/", new | {"key": key, "_save": "1"})
        assert str(Article.objects.get().pk) == key

    def test_whoever_may_only_add_is_offered_no_keeping(self, client, new, bea):
        may(bea, "add")
        client.force_login(bea)
        assert 'data-autosave-url=""' in client.get(LIST + "add/").content.decode()
        assert client.post(LIST + "autosave/", new).status_code == 403

    def test_what_cannot_be_kept_is_told(self, desk, saved):
        for changed, sentence in (
            ({"title": " "}, "Give the article a title"),
            ({"title": "x" * 201}, "Shorten it"),
            ({"body": "x" * (MAX_BODY_CHARS + 1)}, "Divide it"),
        ):
            reply = desk.post(page(saved, "autosave"), text(saved, **changed))
            assert reply.status_code == 400 and sentence in reply.json()["error"]
        desk.post(page(saved, "autosave"), text(saved, title="Nul\x00", body="a\x00b\r\nc"))
        assert (Article.objects.get().title, Article.objects.get().body) == ("Nul", "ab\nc")

    def test_a_new_article_becomes_a_draft_that_goes_on_from_there(self, desk, new):
        reply = desk.post(LIST + "autosave/", new).json()
        article = Article.objects.get()
        assert (article.status, article.audience, article.slug) == ("draft", "internal", "new")
        assert reply["address"] == page(article, "change") and reply["article"] == str(article.pk)
        again = desk.post(reply["autosave"], {"title": "New", "body": "More.", "seen": reply["seen"]})
        assert again.status_code == 200 and Article.objects.get().body == "More."
        assert "category" not in desk.post(LIST + "autosave/", new | {"category": ""}).json()
        assert Article.objects.count() == 1

    def test_only_writers_may(self, client, saved, bea):
        assert client.post(page(saved, "autosave"), text(saved)).status_code == 302
        may(bea, "view")
        client.force_login(bea)
        for address in (page(saved, "autosave"), LIST + "autosave/"):
            assert client.post(address, text(saved, body="Mine.")).status_code == 403
            assert client.get(address).status_code == 405
        assert Article.objects.get().body == saved.body


class TestQuestionsToHold:
    def test_they_are_kept_listed_and_given_up(self, desk, saved, ada):
        reply = desk.post(page(saved, "add_question"), {"question": "  What does\n Saturday cost? "}).json()
        assert [row["question"] for row in reply["questions"]] == ["What does Saturday cost?"]
        assert reply["line"] == "" and "not asked yet" in reply["questions"][0]["state"]
        kept = TestQuestion.objects.get()
        assert (kept.article, kept.created_by) == (saved, ada)
        Finding.objects.create(article=saved, kind="test_question_lost", text_hash="x", details={"id": kept.pk})
        left = desk.post(page(saved, "delete_question", kept.pk)).json()
        assert left["questions"] == [] and not TestQuestion.objects.exists() and not Finding.objects.exists()

    def test_how_many_are_still_answered_is_told(self, desk, saved):
        now = timezone.now()
        for question, rank in (("One?", 1), ("Two?", 3), ("Three?", 9), ("Four?", None)):
            TestQuestion.objects.create(article=saved, question=question, last_rank=rank, last_checked=now)
        reply = desk.get(page(saved, "questions")).json()
        assert reply["line"] == "2 of 4 still answered from here"
        states = [row["state"].split(",")[0] for row in reply["questions"]]
        assert states == ["ranks 1", "ranks 3", "not found: best rank 9", "not found"]

    def test_what_cannot_be_kept_is_told(self, desk, saved):
        TestQuestion.objects.create(article=saved, question="One?")
        for question, sentence in ((" \x00", "Write the question"), ("x" * 501, "500"), ("One?", "kept already")):
            reply = desk.post(page(saved, "add_question"), {"question": question})
            assert reply.status_code == 400 and sentence in reply.json()["error"]
        many = [TestQuestion(article=saved, question=f"{number}?") for number in range(MAX_QUESTIONS)]
        TestQuestion.objects.bulk_create(many)
        assert "Delete one" in desk.post(page(saved, "add_question"), {"question": "More?"}).json()["error"]

    def test_a_question_of_another_article_is_left_alone(self, desk, saved, delivery):
        other = publishing.save_draft(article=Article(slug="o", title="Other", category=delivery), by=None)
        kept = TestQuestion.objects.create(article=other, question="One?")
        desk.post(page(saved, "delete_question", kept.pk))
        assert TestQuestion.objects.exists()

    def test_only_writers_may(self, client, saved, bea):
        kept = TestQuestion.objects.create(article=saved, question="One?")
        may(bea, "view")
        client.force_login(bea)
        assert client.get(page(saved, "questions")).status_code == 200
        assert client.post(page(saved, "add_question"), {"question": "Two?"}).status_code == 403
        assert client.post(page(saved, "delete_question", kept.pk)).status_code == 403
        assert TestQuestion.objects.count() == 1


def marked(rows):
    """Rows as text: [-gone-], {+come+}."""
    face = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    line = lambda parts: "".join(face[part.kind].format(part.text) for part in parts)  # noqa: E731
    return [(row.kind, line(row.old), line(row.new)) for row in rows]


class TestDifferences:
    def test_words_and_whole_numbers_are_marked_within_a_line(self):
        assert marked(compare("Saturday costs £9.95 for all.", "Saturday costs £10.95 for us all.")) == [
            ("changed", "Saturday costs £[-9.95-] for all.", "Saturday costs £{+10.95+} for {+us +}all.")
        ]

    def test_a_line_is_set_beside_what_became_of_it(self):
        rows = marked(compare("One line of words.", "Quite another thing here.\n\nOne line of new words."))
        assert rows == [
            ("added", "", "{+Quite another thing here.+}"),
            ("added", "", "{++}"),
            ("changed", "One line of words.", "One line of {+new +}words."),
        ]

    def test_lines_that_have_nothing_alike_stand_alone(self):
        rows = compare("Islands cost money.", "Ask our team")
        assert [row.kind for row in rows] == ["removed", "added"]

    def test_equal_lines_far_away_are_left_out(self):
        old = "\n".join(str(number) for number in range(30))
        kinds = [row.kind for row in compare(old, old.replace("15", "fifteen"))]
        assert kinds == ["gap", *["same"] * 3, "removed", "added", *["same"] * 3, "gap"]
        assert compare(old, old) == []

    def test_scripts_without_blanks_are_compared_letter_by_letter(self):
        assert marked(compare("料金は五百円です", "料金は六百円です"))[0][1:] == (
            "料金は[-五-]百円です",
            "料金は{+六+}百円です",
        )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("a b " * 50_000, "b a " * 50_000),
            ("\n".join("a b c d " * 100 for _ in range(200)), "\n".join("d a c b " * 100 for _ in range(200))),
            ("\n".join("a b c d " * 24 for _ in range(900)), "\n".join("d a c b " * 24 for _ in range(900))),
            ("\n" * 150_000, "x\n" * 99_000),
            ("", "🏕" * MAX_BODY_CHARS),
        ],
    )
    def test_the_worst_texts_are_compared_in_bounded_time(self, old, new):
        start = time.monotonic()
        assert compare(old, new)
        assert time.monotonic() - start < 10

    def test_what_is_hostile_is_text_on_the_page(self, desk, saved, ada):
        saved.body = "x <script>alert(1)</script>"
        publishing.publish(article=saved, by=ada, note="<b>note</b>")
        shown = desk.get(page(saved, "revisions")).content.decode()
        assert "<ins>x &lt;script&gt;alert(1)&lt;/script&gt;</ins>" in shown and "<b>note" not in shown

    def test_parts_join_to_the_lines_they_are_of(self):
        old, new = "The cat sat on the mat.", "A cat sits on the big mat!"
        (row,) = compare(old, new)
        assert ("".join(part.text for part in row.old), "".join(part.text for part in row.new)) == (old, new)
        assert Part("removed", "The") in row.old and Part("added", "A") in row.new


def test_the_preview_cuts_as_the_searched_space_does(desk):
    space = indexing.active_space()
    body = "Saturday costs more than other days, as couriers are few. " * 20
    count = lambda: len(desk.post(LIST + "preview/", {"title": "T", "body": body}).json()["passages"])  # noqa: E731
    long = count()
    space.recipe["passage_tokens"] = 60
    space.save()
    assert count() > long


def test_whoever_may_only_look_is_offered_no_desk(client, saved, bea):
    may(bea, "view")
    client.force_login(bea)
    shown = client.get(page(saved, "change")).content.decode()
    assert "kb-editor" not in shown and "try/" not in shown and "Standard delivery" in shown


def test_the_desk_has_no_inline_script_or_style(desk, saved):
    for address in (LIST + "add/", page(saved, "change")):
        shown = desk.get(address).content.decode()
        assert 'type="module"' in shown
        assert " style=" not in shown and "<style" not in shown and not re.search(r" on[a-z]+=\"", shown)
