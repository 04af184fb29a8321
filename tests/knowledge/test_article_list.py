"""The list of articles: what it shows, finds and narrows, and changes of many from it."""

import io
import re
import zipfile
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from knowledge import bulk, bulk_tasks, indexing, publishing, tasks, usage
from knowledge.admin import bulk as bulk_pages
from knowledge.exports import as_markdown, as_zip
from knowledge.findings import checkups
from knowledge.importers import read
from knowledge.models import Article, BulkChange, Category, Chunk, Finding, TestQuestion
from knowledge.usage import Usage

LIST = "/admin/knowledge/article/"


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)
    monkeypatch.setattr(bulk_tasks, "hint", lambda key: None)


@pytest.fixture
def desk(client, ada):
    """Ada's browser."""
    names = [f"{verb}_article" for verb in ("view", "add", "change", "delete")]
    ada.user_permissions.add(*Permission.objects.filter(content_type__app_label="knowledge", codename__in=names))
    client.force_login(ada)
    return client


@pytest.fixture
def write(delivery, ada):
    def write(title, body="Some words.", *, live=True, **facts):
        facts = {"slug": title.lower().replace(" ", "-")} | facts
        article = Article(title=title, body=body, category=delivery, **facts)
        (publishing.publish if live else publishing.save_draft)(article=article, by=ada)
        return article

    return write


def shown(desk, **params):
    """The titles that the list shows, in order."""
    page = desk.get(LIST, params).content.decode()
    return re.findall(r'class="field-headline">(?:<a[^>]*>)?([^<]+?)\s*<', page)


def ask(desk, verb, articles, **more):
    chosen = {"action": f"{verb}_chosen", "_selected_action": [str(article.pk) for article in articles]}
    return desk.post(LIST, chosen | more)


class TestWhatIsShown:
    def test_an_empty_list_says_what_to_do(self, desk, ada):
        ada.user_permissions.add(Permission.objects.get(codename="add_importsource"))
        page = desk.get(LIST).content.decode()
        assert "No articles yet." in page and "Write one" in page and "import a folder" in page

    def test_each_row_tells_passages_use_and_who_changed_it(self, desk, write, ada, monkeypatch):
        article = write("Refunds", "One.\n\n## Two\n\nTwo.", review_date=timezone.localdate())
        LogEntry.objects.log_actions(ada.pk, [article], 2, change_message="x", single_object=True)
        monkeypatch.setattr(
            "knowledge.admin.columns.usage", lambda keys: {article.pk: Usage(cited=1200, rated=8, helpful=6)}
        )
        page = desk.get(LIST).content.decode()
        row = re.sub(r"<[^>]+>", " ", page[page.index('class="field-headline"') :].split("</tr>")[0])
        for part in ("Embedding", "English", "Delivery", " 2 ", "1,200", "75 % (8)", "ada", str(timezone.localdate())):
            assert part in row

    def test_it_shows_what_was_found_and_what_changed(self, desk, write):
        article = write("Refunds", audience="internal")
        Finding.objects.create(article=article, kind="broken_link", text_hash="x")
        article.body = "Other words."
        publishing.save_draft(article=article, by=None)
        page = desk.get(LIST).content.decode()
        assert "1 finding" in page and ">Changed<" in page and ">Internal<" in page

    def test_it_asks_the_database_the_same_questions_for_many_articles(
        self, desk, write, delivery, django_assert_max_num_queries
    ):
        write("Refunds")
        for number in range(60):
            Article.objects.create(slug=f"a{number}", title=f"Article {number}", category=delivery)
        with django_assert_max_num_queries(18):
            desk.get(LIST)

    def test_who_changed_it_is_read_from_an_index(self, write, ada):
        article, articles = write("Refunds"), ContentType.objects.get_for_model(Article)
        LogEntry.objects.bulk_create(
            LogEntry(user=ada, content_type=articles, object_id=str(number), action_flag=2) for number in range(3000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE django_admin_log")
        told = LogEntry.objects.filter(content_type=articles, object_id=str(article.pk)).order_by("-pk")[:1].explain()
        assert "admin_log_of_object" in told

    def test_a_title_is_never_markup(self, desk, write):
        article = write("Refunds")
        Article.objects.filter(pk=article.pk).update(title="<script>alert(1)</script>")
        Finding.objects.create(article=article, kind="broken_link", text_hash="x")
        assert "<script>alert" not in desk.get(LIST).content.decode()


class TestNarrowing:
    def test_title_and_text_are_searched_by_parts_of_words(self, desk, write):
        write("Refunds", "Money comes back in a week.")
        write("Kayaks", "Hired by the hour.", live=False)
        assert shown(desk, q="refun") == ["Refunds"]
        assert shown(desk, q="HOUR") == ["Kayaks"]
        assert shown(desk, q="money week") == ["Refunds"]
        assert shown(desk, q="100%") == []
        assert shown(desk, q="refunds " * 500) == ["Refunds"]

    def test_attention_is_any_of_its_kinds_and_each_alone(self, desk, write, monkeypatch):
        fine, late, failed, broken, one, two, lost, disliked, changed = (
            write(name) for name in ("Fine", "Late", "Failed", "Broken", "One", "Two", "Lost", "Disliked", "Edited")
        )
        Article.objects.filter(pk=late.pk).update(review_date=timezone.localdate() - timedelta(days=1))
        Article.objects.filter(pk=failed.pk).update(index_attempts=indexing.MAX_ATTEMPTS)
        Finding.objects.create(article=broken, kind="broken_link", text_hash="x")
        Finding.objects.create(article=one, other=two, kind="overlap", text_hash="x")
        Finding.objects.create(article=lost, kind="test_question_lost", text_hash="x")
        Finding.objects.create(article=fine, kind="broken_link", text_hash="y", dismissed_at=timezone.now())
        changed.body = "Other words."
        publishing.save_draft(article=changed, by=None)
        monkeypatch.setattr(usage, "narrow", lambda articles, to: articles.filter(pk=disliked.pk))
        assert shown(desk, attention="review") == ["Late"]
        assert shown(desk, attention="failed") == ["Failed"]
        assert shown(desk, attention="links") == ["Broken"]
        assert shown(desk, attention="duplicate") == ["One", "Two"]
        assert shown(desk, attention="questions") == ["Lost"]
        assert shown(desk, attention="disliked") == ["Disliked"]
        assert shown(desk, attention="changed") == ["Edited"]
        assert shown(desk, attention="contradiction") == []
        assert shown(desk, attention="any") == ["Broken", "Disliked", "Failed", "Late", "Lost", "One", "Two"]

    def test_owners_and_unknown_values(self, desk, write, bea):
        write("Mine", owner=bea)
        write("Nobody's")
        assert shown(desk, owner=str(bea.pk)) == ["Mine"]
        assert shown(desk, owner="none") == ["Nobody&#x27;s"]
        assert len(shown(desk, owner="x")) == len(shown(desk, attention="x")) == 2
        assert shown(desk, bulk="x") == []


class TestChangesOfMany:
    def test_nothing_happens_before_it_is_confirmed(self, desk, write):
        articles = [write("One", live=False), write("Two", live=False), write("Empty", "", live=False)]
        page = desk.get(ask(desk, "publish", articles).url).content.decode()
        assert "3 articles." in page and "Customers see the saved text" in page and "<li>One</li>" in page
        assert not Article.objects.filter(status="published").exists()

    def test_few_are_changed_at_once_and_what_failed_is_told(self, desk, write, ada):
        articles = [write("One", live=False), write("Two", live=False), write("Empty", "", live=False)]
        where = ask(desk, "publish", articles).url
        page = desk.post(where, follow=True).content.decode()
        assert "2 articles were published." in page and "See all 3 that were chosen" in page
        assert f'1 could not be changed. <a href="{where}">See why</a>' in page
        assert "Empty: An article without text" in page
        assert LogEntry.objects.filter(user=ada, change_message="Publish.").count() == 2
        link = re.search(r'href="(/admin/knowledge/article/\?bulk=[^"]+)"', page).group(1)
        assert "One" in desk.get(link).content.decode()
        assert desk.post(where).status_code == 200  # a second click changes nothing
        assert BulkChange.objects.get().done == 2

    @pytest.mark.parametrize(
        ("verb", "status"), [("unpublish", "draft"), ("archive", "archived"), ("reembed", "published")]
    )
    def test_the_verbs_are_those_of_one_article(self, verb, status, desk, write):
        article = write("One")
        desk.post(ask(desk, verb, [article]).url)
        article.refresh_from_db()
        assert (article.status, BulkChange.objects.get().done) == (status, 1)

    def test_category_owner_and_language_are_set(self, desk, write, bea):
        article, other = write("One"), Category.objects.create(name="Other", slug="other")
        desk.post(ask(desk, "category", [article]).url, {"value": str(other.pk)})
        desk.post(ask(desk, "owner", [article]).url, {"value": str(bea.pk)})
        desk.post(ask(desk, "language", [article]).url, {"value": "de"})
        article.refresh_from_db()
        assert (article.category, article.owner, article.language) == (other, bea, "de")
        assert set(Chunk.objects.filter(live=True).values_list("language", flat=True)) == {"de"}
        desk.post(ask(desk, "owner", [article]).url, {"value": ""})
        article.refresh_from_db()
        assert article.owner is None

    def test_a_value_that_was_not_offered_is_refused(self, desk, write):
        page = desk.post(ask(desk, "language", [write("One")]).url, {"value": "xx"}, follow=True).content.decode()
        assert "Choose what to set." in page
        assert BulkChange.objects.get().confirmed_at is None

    def test_many_go_to_a_worker_with_progress(self, desk, write, monkeypatch):
        monkeypatch.setattr(bulk_pages, "HERE", 1)
        articles = [write(f"Article {number}") for number in range(3)]
        where = ask(desk, "archive", articles).url
        page = desk.post(where, follow=True).content.decode()
        assert "0 of 3 done" in page and 'id="kb-bulk-progress"' in page
        change = BulkChange.objects.get()
        assert bulk.carry_out(change.pk, seconds=0) is False
        assert bulk.waiting() == [change.pk]
        bulk_tasks.carry_out(str(change.pk))
        assert set(Article.objects.values_list("status", flat=True)) == {"archived"}
        assert "3 articles were archived." in desk.get(where).content.decode()
        assert bulk.waiting() == []

    def test_a_worker_goes_on_where_another_died(self, write, ada):
        articles = [write(f"Article {number}") for number in range(3)]
        change = bulk.ask(verb="archive", articles=[article.pk for article in articles], by=ada)
        bulk.confirm(change=change, value="", by=ada)
        BulkChange.objects.update(done=1, claimed_until=timezone.now() + timedelta(seconds=60))
        assert bulk.carry_out(change.pk, seconds=10) is False
        BulkChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert bulk.carry_out(change.pk, seconds=10) is True
        assert list(Article.objects.order_by("title").values_list("status", flat=True)) == [
            "published", "archived", "archived",
        ]  # fmt: skip

    def test_what_was_deleted_meanwhile_is_told(self, write, ada):
        article = write("One")
        change = bulk.ask(verb="archive", articles=[article.pk], by=ada)
        bulk.confirm(change=change, value="", by=ada)
        publishing.delete(article=article, by=None)
        assert bulk.carry_out(change.pk, seconds=10) is True
        change.refresh_from_db()
        assert (change.failed, change.failures[0]["reason"]) == (1, "This article was deleted meanwhile.")

    @pytest.mark.parametrize("verb", ["category", "owner"])
    def test_what_was_to_be_set_may_be_deleted_meanwhile(self, verb, write, ada, bea):
        articles = [write(f"Article {number}") for number in range(bulk.MAX_FAILURES + 1)]
        value = Category.objects.create(name="Other", slug="other") if verb == "category" else bea
        change = bulk.ask(verb=verb, articles=[article.pk for article in articles], by=ada)
        bulk.confirm(change=change, value=str(value.pk), by=ada)
        value.delete()
        bulk_tasks.sweep()
        change.refresh_from_db()
        assert (change.done, change.failed, len(change.failures)) == (0, bulk.MAX_FAILURES + 1, bulk.MAX_FAILURES)
        assert change.finished_at and change.failures[0]["reason"] == bulk.GONE[verb]

    @pytest.mark.django_db(transaction=True)
    def test_what_is_deleted_at_this_very_moment_fails_alone(self, write, ada, monkeypatch):
        articles = [write("One"), write("Two")]
        other = Category.objects.create(name="Other", slug="other")
        change = bulk.ask(verb="category", articles=[article.pk for article in articles], by=ada)
        bulk.confirm(change=change, value=str(other.pk), by=ada)
        log = bulk._log

        def delete(change, article):
            log(change, article)
            if article.title == "One":
                Article.objects.filter(pk=article.pk).update(category_id=-1)

        monkeypatch.setattr(bulk, "_log", delete)
        assert bulk.carry_out(change.pk, seconds=10) is True
        change.refresh_from_db()
        assert (change.done, change.failed) == (1, 1) and "refused" in change.failures[0]["reason"]
        assert Article.objects.get(title="Two").category == other

    def test_one_that_breaks_off_stops_no_other(self, write, ada, monkeypatch):
        keys = []
        for name in ("One", "Two"):
            change = bulk.ask(verb="archive", articles=[write(name).pk], by=ada)
            bulk.confirm(change=change, value="", by=ada)
            keys.append(change.pk)
        carry_out = bulk.carry_out

        def broken(key, *, seconds):
            if key == keys[0]:
                raise OperationalError
            return carry_out(key, seconds=seconds)

        monkeypatch.setattr(bulk, "carry_out", broken)
        bulk_tasks.sweep()
        assert bulk.waiting() == keys[:1]

    def test_old_changes_are_forgotten(self, write, ada):
        change = bulk.ask(verb="archive", articles=[write("One").pk], by=ada)
        bulk.forget()
        assert BulkChange.objects.exists()
        BulkChange.objects.filter(pk=change.pk).update(created=timezone.now() - timedelta(days=2))
        bulk.forget()
        assert not BulkChange.objects.exists()

    def test_somebody_who_may_only_look_changes_nothing(self, client, write, ada, bea):
        bea.user_permissions.add(Permission.objects.get(codename="view_article"))
        client.force_login(bea)
        article = write("One")
        ask(client, "archive", [article])
        assert not BulkChange.objects.exists()
        change = bulk.ask(verb="archive", articles=[article.pk], by=ada)
        assert client.post(reverse("admin:knowledge_article_bulk", args=[change.pk])).status_code == 403


class TestExport:
    def test_what_comes_out_goes_in_again(self, write, bea, tmp_path):
        article = write(
            "Größe: “30 Liter”", "# Größe\n\nÄ <b>x</b>\n\n---\n\n- a\n- b", slug="size", audience="internal",
            owner=bea, language="de", review_date=timezone.localdate(), live=False,
        )  # fmt: skip
        write("Plain")
        folder = tmp_path / "out"
        zipfile.ZipFile(io.BytesIO(b"".join(as_zip(Article.objects.all())))).extractall(folder)
        found = {document.slug: document for document in read("markdown", str(folder))}
        one = found["size"]
        assert (one.title, one.body, one.category, one.language, one.audience, one.draft) == (
            article.title, article.body, "Delivery", "de", "internal", True,
        )  # fmt: skip
        assert found["plain"].draft is False and one.notes == ()
        assert "owner: bea" in as_markdown(article) and "review_date:" in as_markdown(article)

    def test_the_action_sends_a_zip(self, desk, write):
        response = ask(desk, "export", [write("One")])
        assert response["Content-Type"] == "application/zip"

        async def whole():
            return b"".join([part async for part in response.streaming_content])

        assert zipfile.ZipFile(io.BytesIO(async_to_sync(whole)())).namelist() == ["delivery/one.md"]


class TestFindingsBesideTheForm:
    TEXT = "We send the money back to the card that you paid with, and we write to you on the same day. " * 2

    @pytest.fixture
    def pair(self, write, fake_model):
        one, two = (
            write("One", self.TEXT + "The bank transfer takes 7 days."),
            write("Two", self.TEXT + "The bank transfer takes 9 days."),
        )
        indexing.embed_stale()
        checkups.check_due(seconds=20)
        return one, two

    def test_the_list_of_findings_is_a_page_of_its_own(self, desk, pair):
        one, _ = pair
        TestQuestion.objects.create(article=one, question="Q?", last_rank=2, last_checked=timezone.now())
        page = desk.get(reverse("admin:knowledge_article_findings", args=[one.pk])).content.decode()
        assert page.index("Says otherwise") < page.index("Overlaps with")
        assert "Two</a>: 1 passage (" in page and "1 of 1 still answered from here" in page
        assert "The bank transfer takes 7 days.” There: “The bank transfer takes 9 days." in page
        assert 'data-due="false"' in page

    def test_two_articles_stand_side_by_side_with_what_differs_marked(self, desk, pair):
        for here, there in (pair, pair[::-1]):
            finding = Finding.objects.get(kind="contradiction")
            page = desk.get(reverse("admin:knowledge_article_compare", args=[here.pk, finding.pk])).content.decode()
            left, right = page.split("<section")[1:]
            assert f">{here}</a>" in left and f">{there}</a>" in right
            assert "<mark>The bank transfer takes 7 days.</mark>" in (left if here.title == "One" else right)
            assert 'class="kb-alike"' in left and 'class="kb-alike"' in right

    def test_what_is_no_fault_is_remembered(self, desk, pair, ada):
        one, _ = pair
        for finding in Finding.objects.all():
            address = reverse("admin:knowledge_article_dismiss", args=[one.pk, finding.pk])
            assert desk.get(address).status_code == 405
            desk.post(address)
        assert checkups.findings_of(one) == []
        assert set(Finding.objects.values_list("dismissed_by", flat=True)) == {ada.pk}

    def test_a_finding_of_other_articles_is_not_found(self, desk, pair, write):
        third, finding = write("Third"), Finding.objects.first()
        assert desk.get(reverse("admin:knowledge_article_compare", args=[third.pk, finding.pk])).status_code == 404
        assert desk.post(reverse("admin:knowledge_article_dismiss", args=[third.pk, finding.pk])).status_code == 404

    def test_the_pages_have_no_inline_script_or_style(self, desk, pair):
        finding = Finding.objects.get(kind="overlap")
        change = bulk.ask(verb="archive", articles=[pair[0].pk], by=None)
        for address in (
            reverse("admin:knowledge_article_compare", args=[pair[0].pk, finding.pk]),
            reverse("admin:knowledge_article_bulk", args=[change.pk]),
        ):
            page = desk.get(address).content.decode()
            assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))[^>]*>", page), address
            assert " style=" not in page and "<style" not in page, address
