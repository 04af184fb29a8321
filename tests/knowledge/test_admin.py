"""Staff write articles in the admin: nothing they wrote is lost, and customers see what was published."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from knowledge import indexing, publishing
from knowledge.models import MAX_BODY_CHARS, Article, Chunk, Embedding, Revision
from tests.knowledge.conftest import may

LIST = "/admin/knowledge/article/"

pytestmark = pytest.mark.usefixtures("no_hints")


@pytest.fixture
def desk(client, ada):
    """Ada's browser."""
    may(ada, "view", "add", "change", "delete")
    client.force_login(ada)
    return client


@pytest.fixture
def published(prices, ada):
    publishing.publish(article=prices, by=ada)
    return prices


def form(article, **changed):
    fresh = Article.objects.filter(pk=article.pk).first()
    return {
        "title": article.title,
        "slug": article.slug,
        "body": article.body,
        "category": article.category.pk,
        "language": article.language,
        "audience": article.audience,
        "review_date": "",
        "owner": "",
        "note": "",
        "seen": fresh.updated.isoformat() if fresh else "",
    } | changed


def page(article, name="change", *keys):
    return reverse(f"admin:knowledge_article_{name}", args=[article.pk, *keys])


def errors(response):
    return " ".join(
        re.sub(r"<[^>]+>", " ", part) for part in re.findall(r"errorlist.*?</ul>", response.content.decode())
    )


def test_a_draft_is_saved_and_the_address_is_made_from_the_title(desk, prices, delivery):
    response = desk.post(LIST + "add/", form(prices, slug="", _save="Save draft"), follow=True)
    article = Article.objects.get()
    assert (article.slug, article.status) == ("delivery-prices", "draft")
    assert b"Draft saved." in response.content
    assert response.request["PATH_INFO"] == page(article)


def test_publishing_from_the_form_makes_a_revision_with_its_note(desk, prices, ada):
    response = desk.post(LIST + "add/", form(prices, note="Prices of June", _publish="Publish"), follow=True)
    revision = Revision.objects.get()
    assert (revision.author, revision.note) == (ada, "Prices of June")
    assert b"Published as revision 1." in response.content
    assert b"0 of 3 passages embedded" in response.content


def test_saving_a_draft_of_a_live_article_leaves_what_customers_see(desk, published):
    response = desk.post(page(published), form(published, body="All free.", _save="1"), follow=True)
    assert b"Customers see the published text until you publish" in response.content
    assert b"Changed since published" in response.content
    assert not Chunk.objects.filter(text="All free.").exists()


def test_a_save_over_somebody_elses_is_stopped_once_and_loses_nothing(desk, saved, bea):
    mine = form(saved, body="Ada's text.", _save="1")
    saved.body = "Bea's text."
    publishing.save_draft(article=saved, by=bea)
    LogEntry.objects.create(
        user=bea, object_id=str(saved.pk), action_flag=2, content_type_id=_content_type(), change_message=""
    )
    response = desk.post(page(saved), mine)
    assert "bea saved this article at" in errors(response)
    shown = response.content.decode()
    assert "<del>Ada</del>&#x27;s text." in shown and "<ins>Bea</ins>&#x27;s text." in shown
    assert Article.objects.get().body == "Bea's text."

    seen = re.search(r'name="seen" value="([^"]+)"', response.content.decode()).group(1)
    desk.post(page(saved), mine | {"seen": seen})
    assert Article.objects.get().body == "Ada's text."


def _content_type():
    from django.contrib.contenttypes.models import ContentType

    return ContentType.objects.get_for_model(Article).pk


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"title": ""}, "Give the article a title"),
        ({"title": "x" * 201}, "Shorten it"),
        ({"slug": "a b"}, "letters, digits, hyphens"),
        ({"slug": "taken"}, "Another article has the address taken"),
        ({"title": "配送", "slug": ""}, "Write an address"),
        ({"body": "x" * (MAX_BODY_CHARS + 1)}, "Divide it into several articles"),
        ({"body": "", "_publish": "1"}, "Write the text first"),
        ({"body": "# a\n" * 2100, "_publish": "1"}, "Divide it into several articles"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(changed, sentence, desk, prices, delivery):
    Article.objects.create(slug="taken", title="Taken", category=delivery)
    response = desk.post(LIST + "add/", form(prices, _save="1") | changed)
    assert response.status_code == 200
    assert sentence in errors(response)
    assert Article.objects.count() == 1


def test_a_megabyte_of_text_comes_back_with_a_sentence(desk, prices):
    response = desk.post(LIST + "add/", form(prices, body="words " * 170_000, _save="1"))
    assert "Divide it into several articles" in errors(response)


def test_the_longest_article_in_the_widest_script_is_saved(desk, prices):
    response = desk.post(LIST + "add/", form(prices, body="🏕" * MAX_BODY_CHARS, _save="1"))
    assert response.status_code == 302


def test_a_nul_and_other_breaks_of_lines_are_taken_out(desk, prices):
    desk.post(LIST + "add/", form(prices, title="Nul\x00", body="a\x00b\r\nc", _save="1"))
    article = Article.objects.get()
    assert (article.title, article.body) == ("Nul", "ab\nc")


@pytest.mark.parametrize(("verb", "status"), [("unpublish", "draft"), ("archive", "archived")])
def test_the_buttons_withdraw_an_article(verb, status, desk, published):
    assert desk.get(page(published, "do", verb)).status_code == 405
    desk.post(page(published, "do", verb))
    assert Article.objects.get().status == status
    assert not Chunk.objects.filter(live=True).exists()
    assert LogEntry.objects.get().change_message


def test_a_verb_that_cannot_be_done_says_why(desk, saved):
    response = desk.post(page(saved, "do", "reembed"), follow=True)
    assert b"Only a published article is indexed" in response.content
    assert desk.post(page(saved, "do", "explode")).status_code == 404


def test_what_is_saved_is_published_when_its_turn_comes(desk, saved, ada, bea):
    read_before = Article.objects.get(pk=saved.pk)
    saved.body, saved.audience = "Bea's text.", "internal"
    publishing.save_draft(article=saved, by=bea)
    revision = publishing.publish_saved(article=read_before, by=ada)
    assert (revision.body, revision.audience) == ("Bea's text.", "internal")


def test_a_client_that_sends_no_word_of_what_it_saw_may_save(desk, saved):
    sent = form(saved, body="All free.", _save="1")
    del sent["seen"]
    assert desk.post(page(saved), sent).status_code == 302
    assert Article.objects.get().body == "All free."


def test_deleting_goes_through_the_verb(desk, published):
    asked = desk.get(page(published, "delete")).content.decode()
    assert "Delivery prices" in asked and "Revisions: 1" in asked and "Chunk" not in asked
    desk.post(page(published, "delete"), {"post": "yes"})
    assert not Article.objects.exists() and not Chunk.objects.exists()


def test_deleting_from_the_list_goes_through_the_verb(desk, published):
    desk.post(LIST, {"action": "delete_selected", "_selected_action": [str(published.pk)], "post": "yes"})
    assert not Article.objects.exists() and not Chunk.objects.exists()


class TestTheStateOfTheIndex:
    def look(self, desk, article):
        return desk.get(page(article, "state")).json()

    def test_it_moves_until_the_article_is_answerable(self, desk, published, fake_model):
        assert self.look(desk, published) == {
            "kind": "moving",
            "label": "Embedding",
            "text": "0 of 3 passages embedded. Its words are searched already.",
            "moving": True,
        }
        indexing.embed_stale()
        state = self.look(desk, published)
        assert (state["kind"], state["moving"]) == ("live", False)
        assert re.fullmatch(r"3 passages, answerable .*\.", state["text"])

    def test_it_names_what_it_waits_for(self, desk, published):
        Article.objects.update(index_error="The model server cannot be reached.")
        state = self.look(desk, published)
        assert (state["kind"], state["moving"]) == ("waiting", True)
        assert "cannot be reached. It is tried again now." in state["text"]

    def test_it_says_why_an_article_was_given_up(self, desk, published):
        Article.objects.update(index_attempts=indexing.MAX_ATTEMPTS)
        state = self.look(desk, published)
        assert (state["kind"], state["moving"]) == ("failed", False)
        assert "The worker stopped each time" in state["text"]
        assert b"Not embedded" in desk.get(LIST).content

    def test_a_draft_has_nothing_to_wait_for(self, desk, saved):
        assert self.look(desk, saved)["kind"] == "draft"
        assert not Embedding.objects.exists()


class TestRevisions:
    def test_the_page_shows_who_changed_what_and_why(self, desk, published, bea):
        published.body = published.body.replace("£9.95", "£10.95")
        published.audience = "customers"
        publishing.publish(article=published, by=bea, note="Saturday costs more")
        shown = desk.get(page(published, "revisions")).content.decode()
        assert "bea" in shown and "Saturday costs more" in shown
        assert "Saturday costs £<del>9.95</del>." in shown and "Saturday costs £<ins>10.95</ins>." in shown
        assert "<del>Public</del>" in shown and "<ins>Known customers</ins>" in shown
        first = desk.get(page(published, "revisions"), {"revision": "1"}).content.decode()
        assert "<ins>Saturday costs £9.95.</ins>" in first

    def test_an_unpublished_article_has_an_empty_page(self, desk, saved):
        assert b"Nothing of this article was published yet" in desk.get(page(saved, "revisions")).content

    def test_restoring_makes_a_draft(self, desk, published):
        first = published.live_revision
        published.body = "All free."
        publishing.publish(article=published, by=None)
        shown = desk.get(page(published, "revisions")).content.decode()
        seen = Article.objects.get().updated.isoformat()
        assert f'name="seen" value="{seen}"' in shown and 'name="replace"' not in shown
        desk.post(page(published, "restore", first.pk), {"seen": seen})
        article = Article.objects.get()
        assert article.body == first.body and article.live_revision.number == 2

    def test_restoring_goes_over_no_text_that_somebody_has_saved_since(self, desk, published, bea):
        first, seen = published.live_revision, published.updated.isoformat()
        published.body = "Bea's draft."
        publishing.save_draft(article=published, by=bea)
        shown = desk.post(page(published, "restore", first.pk), {"seen": seen, "replace": "yes"}, follow=True)
        assert b"Nothing was restored." in shown.content and b"after you opened it" in shown.content
        assert Article.objects.get().body == "Bea's draft." and b'name="replace"' in shown.content

    def test_a_draft_that_was_never_published_is_replaced_only_on_demand(self, desk, published, ada):
        first = published.live_revision
        published.body = "A draft of a week."
        publishing.save_draft(article=published, by=ada)
        sent = {"seen": published.updated.isoformat()}
        shown = desk.post(page(published, "restore", first.pk), sent, follow=True).content
        assert b"never published" in shown and Article.objects.get().body == "A draft of a week."
        desk.post(page(published, "restore", first.pk), sent | {"replace": "yes"})
        assert Article.objects.get().body == first.body

    def test_a_revision_of_another_article_is_not_found(self, desk, published, delivery):
        other = publishing.save_draft(article=Article(slug="o", title="Other", category=delivery), by=None)
        assert desk.post(page(other, "restore", published.live_revision.pk)).status_code == 404


class TestPreview:
    ADDRESS = LIST + "preview/"

    def test_it_shows_what_customers_will_see_and_how_it_is_cut(self, desk):
        reply = desk.post(self.ADDRESS, {"title": "T", "body": "Hi <script>x</script>\n\n## Content\n\nThere"}).json()
        assert "<script" not in reply["html"] and "id=" not in reply["html"]
        assert reply["passages"][1] == {"heading": "Content", "text": "There"}

    def test_what_is_too_long_is_told(self, desk):
        reply = desk.post(self.ADDRESS, {"title": "T", "body": "x" * (MAX_BODY_CHARS + 1)})
        assert reply.status_code == 400 and "longer than" in reply.json()["error"]


class TestPermissions:
    def test_somebody_who_may_only_look_changes_nothing(self, client, published, bea):
        may(bea, "view")
        client.force_login(bea)
        assert client.get(page(published)).status_code == 200
        assert client.get(page(published, "revisions")).status_code == 200
        assert b"_publish" not in client.get(page(published)).content
        for address in (
            page(published, "do", "archive"),
            page(published, "restore", published.live_revision.pk),
            LIST + "preview/",
        ):
            assert client.post(address).status_code == 403
        assert Article.objects.get().is_live

    def test_strangers_are_sent_to_the_door(self, client, published):
        for name in ("change", "revisions", "state"):
            assert client.get(page(published, name)).status_code == 302

    def test_staff_without_permission_see_no_state(self, client, published, bea):
        client.force_login(bea)
        assert client.get(page(published, "state")).status_code == 403


def test_the_pages_have_no_inline_script_or_style(desk, published):
    for address in (LIST, LIST + "add/", page(published), page(published, "revisions")):
        shown = desk.get(address).content.decode()
        assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))[^>]*>", shown), address
        assert " style=" not in shown and "<style" not in shown and " onclick=" not in shown, address


def test_an_article_that_would_not_fit_a_request_is_found_at_the_start(settings):
    from knowledge.checks import longest_article_fits_a_request

    assert longest_article_fits_a_request(None) == []
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    assert [error.id for error in longest_article_fits_a_request(None)] == ["knowledge.E001"]
