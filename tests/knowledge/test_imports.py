"""Runs over a source: what they write, leave, notice and survive. The reader here gives what the test says."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection

from knowledge import import_pass, import_writing, imports, publishing, tasks
from knowledge.importers import Document, SourceError, Unreadable
from knowledge.models import Article, Category, Chunk, ImportedArticle, ImportItem, ImportRun, ImportSource

pytestmark = pytest.mark.django_db

LONG = "Standard delivery costs £3.95 and takes three working days. " * 5


class Reader:
    """What `read` gives: documents, or errors that are raised where they stand."""

    def __init__(self):
        self.found = []

    def __call__(self, kind, location, *, limits, tick=None):
        for each in self.found:
            if isinstance(each, BaseException):
                raise each
            yield each


@pytest.fixture
def reader(monkeypatch):
    reader = Reader()
    monkeypatch.setattr(import_pass, "read", reader)
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    return reader


@pytest.fixture
def source(ada):
    return ImportSource.objects.create(
        name="Help centre", kind="markdown", location="/nowhere", publish=True, missing="unpublish", by=ada
    )


def document(key, title=None, body=None, **more):
    return Document(key, title or f"About {key}", body or f"All about {key}. {LONG}", **more)


def run(source, *, preview=False, **options):
    """One run to its end; gives it and its report as {key: action}."""
    begun = imports.start(source=source, by=source.by, preview=preview, **options)
    assert imports.carry_out(begun.pk)
    begun.refresh_from_db()
    return begun, dict(begun.items.values_list("key", "action"))


def articles():
    return {each.slug: each.status for each in Article.objects.all()}


def state_of_everything():
    """All that a run could change."""
    return (
        list(Article.objects.order_by("pk").values()),
        list(Chunk.objects.order_by("pk").values("pk", "live", "text")),
        list(ImportedArticle.objects.order_by("pk").values("key", "text_digest", "facts", "left_as", "missing_since")),
        list(Category.objects.values()),
    )


def test_documents_become_published_articles_with_their_facts(reader, source, ada):
    reader.found = [
        document("a", "Prices", LONG, category="Delivery", language="de", audience="customers", slug="was-hier-kostet"),
        document("b", "Returns", LONG),
        document("c", "Drafted", LONG, draft=True),
    ]
    done, report = run(source)
    assert (done.state, done.error, done.found) == ("done", "", 3)
    assert report == {"a": "new", "b": "new", "c": "new"} and done.counts == {"new": 3}
    assert articles() == {"was-hier-kostet": "published", "returns": "published", "drafted": "draft"}
    first, second = (Article.objects.get(title=title) for title in ("Prices", "Returns"))
    assert (first.category.name, first.language, first.audience) == ("Delivery", "de", "customers")
    assert (second.category.name, second.language, second.audience) == ("Imported", "en", "public")
    assert first.live_revision.author == ada and first.live_revision.note == "Imported from Help centre"
    assert Chunk.objects.filter(live=True, article=first).exists()


def test_a_source_that_publishes_nothing_leaves_drafts_and_publishes_them_when_it_is_told_to(reader, source):
    source.publish = False
    source.save()
    reader.found = [document("a"), document("b")]
    run(source)
    assert set(articles().values()) == {"draft"}
    source.publish = True
    source.save()
    _, report = run(source)
    assert set(articles().values()) == {"published"} and set(report.values()) == {"changed"}
    assert set(run(source)[1].values()) == {"unchanged"}


def test_a_second_run_changes_nothing(reader, source):
    reader.found = [document("a", body=f"See [b](b). {LONG}"), document("b", notes=("1 image was left out",))]
    run(source)
    before = state_of_everything()
    done, report = run(source)
    assert report == {"a": "unchanged", "b": "unchanged"} and done.counts == {"unchanged": 2}
    assert state_of_everything() == before


def test_a_preview_writes_no_article_and_shows_samples(reader, source):
    reader.found = [document("a", body=f"See [b](b.md). {LONG}"), document("b.md"), document("c", body=" ")]
    foreseen, report = run(source, preview=True)
    assert report == {"a": "new", "b.md": "new", "c": "failed"}
    assert foreseen.items.get(key="c").message == "An article without text cannot be published."
    assert foreseen.items.get(key="a").sample.startswith("See [b](/help/about-b-md/)")
    assert not Article.objects.exists() and not Category.objects.exists() and not ImportedArticle.objects.exists()
    assert run(source)[1] == report


def test_a_changed_document_makes_a_revision_and_keeps_its_address(reader, source):
    reader.found = [document("a", "Prices")]
    run(source)
    reader.found = [document("a", "What it costs", "All is free.")]
    _, report = run(source)
    article = Article.objects.get()
    assert report == {"a": "changed"}
    assert (article.slug, article.title, article.live_revision.number) == ("prices", "What it costs", 2)
    assert Chunk.objects.filter(live=True).get().text == "All is free."


class TestWhatStaffDidHere:
    @pytest.fixture
    def edited(self, reader, source, bea):
        reader.found = [document("a", "Prices")]
        run(source)
        article = Article.objects.get()
        article.body = "Bea knows better."
        publishing.publish(article=article, by=bea)
        return article

    def test_an_edited_article_is_left_and_reported(self, reader, source, edited):
        assert run(source)[1] == {"a": "unchanged"}
        reader.found = [document("a", "Prices", "New there.")]
        done, report = run(source)
        assert report == {"a": "edited"}
        assert done.items.get().message == "It was edited here since the last import, and is left as it is."
        assert done.items.get().article == edited
        assert Article.objects.get().body == "Bea knows better."
        assert run(source)[1] == {"a": "edited"}  # for as long as the two differ

    def test_overwriting_takes_the_sources_text(self, reader, source, edited):
        reader.found = [document("a", "Prices", "New there.")]
        run(source)
        assert run(source, overwrite=True)[1] == {"a": "changed"}
        assert Article.objects.get().live_revision.body == "New there."
        assert run(source)[1] == {"a": "unchanged"}

    def test_an_edit_during_the_run_is_seen(self, reader, source, edited, bea, monkeypatch):
        reader.found = [document("a", "Prices", "New there.")]
        run(source, overwrite=True)
        reader.found = [document("a", "Prices", "Newer there.")]
        plan = import_pass._plan

        def slow(*args, **kwargs):
            planned = plan(*args, **kwargs)
            publishing.save_draft(article=edited, by=bea)
            return planned

        monkeypatch.setattr(import_pass, "_plan", slow)
        assert run(source)[1] == {"a": "edited"}
        assert Article.objects.get().body == "Bea knows better."

    def test_a_category_and_an_audience_set_here_stay(self, reader, source, delivery, ada):
        reader.found = [document("a", category="Shop")]
        run(source)
        article = Article.objects.get()
        article.category, article.audience = delivery, "internal"
        publishing.publish(article=article, by=ada)
        reader.found = [document("a", body="New text.", category="Shop")]
        run(source)
        article.refresh_from_db()
        assert (article.body, article.category, article.audience) == ("New text.", delivery, "internal")
        reader.found = [document("a", body="New text.", category="Shop", language="de")]
        assert run(source)[1] == {"a": "changed"}
        article.refresh_from_db()
        assert (article.category, article.language, article.audience) == (delivery, "de", "internal")

    def test_a_category_that_was_renamed_here_is_not_made_again(self, reader, source):
        reader.found = [document("a", category="Shop")]
        run(source)
        Category.objects.update(name="The shop")
        reader.found = [document("a", body="New text.", category="Shop")]
        run(source)
        assert Category.objects.get().name == "The shop"

    def test_an_article_withdrawn_here_is_not_published_again(self, reader, source, ada):
        reader.found = [document("a")]
        run(source)
        publishing.unpublish(article=Article.objects.get(), by=ada)
        assert run(source)[1] == {"a": "unchanged"}
        reader.found = [document("a", body="New text.")]
        done, _ = run(source)
        assert (Article.objects.get().status, Article.objects.get().body) == ("draft", "New text.")
        assert done.items.get().message.startswith("It was withdrawn here since: the new text is a draft.")
        assert run(source)[1] == {"a": "unchanged"}

    def test_an_article_deleted_here_is_imported_again(self, reader, source, ada):
        reader.found = [document("a")]
        run(source)
        publishing.delete(article=Article.objects.get(), by=ada)
        assert run(source)[1] == {"a": "new"}


def test_a_document_that_is_unpublished_there_is_withdrawn_here(reader, source):
    reader.found = [document("a")]
    run(source)
    reader.found = [document("a", draft=True)]
    assert run(source)[1] == {"a": "changed"} and Article.objects.get().status == "draft"
    assert run(source)[1] == {"a": "unchanged"}
    reader.found = [document("a")]
    assert run(source)[1] == {"a": "changed"} and Article.objects.get().status == "published"


class TestMovedAndMissing:
    def test_a_moved_document_keeps_its_article(self, reader, source):
        reader.found = [document("old/a", "Prices", LONG), document("b")]
        run(source)
        article = Article.objects.get(title="Prices")
        reader.found = [document("new/a", "Prices", LONG), document("b")]
        done, report = run(source)
        assert report == {"new/a": "moved", "b": "unchanged"} and Article.objects.count() == 2
        assert done.items.get(key="new/a").message == "It was old/a before."
        assert ImportedArticle.objects.get(key="new/a").article == article
        assert run(source)[1] == {"new/a": "unchanged", "b": "unchanged"}

    @pytest.mark.parametrize(
        ("choice", "status", "after"),
        [
            ("keep", "published", "the article is kept"),
            ("unpublish", "draft", "the article was unpublished"),
            ("archive", "archived", "the article was archived"),
        ],
    )
    def test_what_is_gone_is_handled_as_the_source_says(self, choice, status, after, reader, source):
        source.missing = choice
        source.save()
        reader.found = [document("a"), document("b"), document("c")]
        run(source)
        reader.found = reader.found[:2]
        done, report = run(source)
        assert report == {"a": "unchanged", "b": "unchanged", "c": "missing"}
        assert after in done.items.get(key="c").message
        assert articles()["about-c"] == status
        assert run(source)[1] == {"a": "unchanged", "b": "unchanged"}

        reader.found.append(document("c"))
        run(source)
        assert articles()["about-c"] == "published"
        assert not ImportedArticle.objects.filter(missing_since__isnull=False).exists()

    def test_a_broken_export_does_not_empty_the_help_centre(self, reader, source):
        reader.found = [document(str(number)) for number in range(5)]
        run(source)
        reader.found = reader.found[:2]
        done, report = run(source)
        assert sorted(report.values()) == ["held", "held", "held", "unchanged", "unchanged"]
        assert done.state == "done" and set(articles().values()) == {"published"}
        _, report = run(source, allow_missing=True)
        assert sorted(articles().values()) == ["draft"] * 3 + ["published"] * 2

    def test_an_empty_or_unreadable_source_is_no_reason_to_withdraw_anything(self, reader, source):
        reader.found = [document("a")]
        run(source)
        reader.found = []
        done, _ = run(source, allow_missing=True)
        assert (done.state, done.error) == ("failed", "No document was found there.")
        reader.found = [SourceError("The address answers 404.")]
        done, _ = run(source, allow_missing=True)
        assert (done.state, done.error) == ("failed", "The address answers 404.")
        assert articles() == {"about-a": "published"}

    def test_a_source_that_breaks_off_is_written_as_far_as_it_goes_and_nothing_is_missing(self, reader, source):
        reader.found = [document("a"), document("b")]
        run(source)
        reader.found = [document("c"), SourceError("The file breaks off in line 2.")]
        done, report = run(source, allow_missing=True)
        assert (done.state, done.error) == ("done", "The file breaks off in line 2.")
        assert report == {"c": "new"} and set(articles().values()) == {"published"}

    def test_a_document_that_cannot_be_read_this_time_is_not_missing(self, reader, source):
        reader.found = [document("a"), document("b")]
        run(source)
        reader.found = [document("a"), Unreadable("b", "The page answers 503.")]
        done, report = run(source)
        assert report == {"a": "unchanged", "b": "failed"}
        assert done.items.get(key="b").message == "The page answers 503."
        assert articles()["about-b"] == "published"


class TestBadDocuments:
    @pytest.mark.parametrize(
        ("bad", "sentence"),
        [
            (Unreadable("bad", "It is no PDF."), "It is no PDF."),
            (document("bad", " "), "It has no title."),
            (document("bad", body=" "), "An article without text cannot be published."),
            (document("bad", body="x" * 200_001), "Its text has 200,001 characters; 200,000 is the most. Divide it."),
            (document("bad", body="# a\n" * 2100), "Divide it into several articles"),
            (document("bad", language="xx"), "Its language, xx, is none of this help centre's."),
            (document("bad", audience="everybody"), "Its audience, everybody, is not public, customers or internal."),
        ],
    )
    def test_one_is_a_line_of_the_report_and_stops_nothing(self, bad, sentence, reader, source):
        reader.found = [document("a"), bad, document("b")]
        done, report = run(source)
        assert report == {"a": "new", "bad": "failed", "b": "new"} and done.state == "done"
        assert sentence in done.items.get(key="bad").message
        assert set(articles()) == {"about-a", "about-b"}

    def test_two_documents_of_one_key_are_one_article(self, reader, source):
        reader.found = [document("a"), document("a", "Other"), Unreadable("a", "No.")]
        _, report = run(source)
        assert sorted(report.values()) == ["failed", "failed", "new"]
        assert Article.objects.get().title == "About a"

    def test_hostile_text_is_stored_as_text(self, reader, source):
        reader.found = [
            document("../../etc/passwd\0\n" + "x" * 900, "Nul\0 and\nlines\ud800", "a\0b\r\nc <script>x</script>"),
            document("👾", "='cmd'|x " * 100, LONG, category="c" * 300, slug="../..", address="https://[x"),
        ]
        done, report = run(source)
        assert set(report.values()) == {"new"}, list(done.items.values())
        first = Article.objects.get(title="Nul and lines")
        assert first.body == "ab\nc <script>x</script>"
        second = Article.objects.exclude(pk=first.pk).get()
        assert second.slug.startswith("cmd-x-cmd-x") and len(second.title) == 200 and len(second.category.name) == 80

    def test_categories_are_bounded(self, reader, source, monkeypatch):
        monkeypatch.setattr("knowledge.import_shelf.MAX_CATEGORIES", 2)
        reader.found = [document(str(number), category=f"Category {number}") for number in range(5)]
        done, _ = run(source)
        assert sorted(Category.objects.values_list("name", flat=True)) == ["Category 0", "Category 1", "Imported"]
        assert done.items.get(key="4").message == "Its category is one too many; Imported is used."
        assert set(run(source)[1].values()) == {"unchanged"}

    def test_categories_are_found_whatever_their_case_and_have_addresses(self, reader, source, delivery):
        reader.found = [document("a", category="DELIVERY"), document("b", category="配送"), document("c", category="?")]
        run(source)
        assert Article.objects.get(slug="about-a").category == delivery
        assert set(Category.objects.values_list("slug", flat=True)) == {"delivery", "category", "category-2"}


def test_addresses_that_are_taken_are_numbered(reader, source, prices, ada):
    publishing.save_draft(article=prices, by=ada)
    reader.found = [document("a", slug="delivery-prices"), document("b", slug="delivery-prices")]
    run(source)
    assert set(articles()) == {"delivery-prices", "delivery-prices-2", "delivery-prices-3"}


def test_a_source_that_was_deleted_and_added_again_finds_its_articles(reader, source, ada):
    reader.found = [document("a"), document("b")]
    run(source)
    edited = Article.objects.get(slug="about-b")
    edited.body = "Edited here."
    publishing.publish(article=edited, by=ada)
    source.delete()
    again = ImportSource.objects.create(name="Again", kind="markdown", location="/nowhere", publish=True, by=ada)
    assert run(again)[1] == {"a": "unchanged", "b": "edited"}
    assert Article.objects.count() == 2
    assert run(again)[1] == {"a": "unchanged", "b": "edited"}


class TestWhatLooksLikeADocument:
    """Articles that no source holds, with the address and title of a document."""

    @pytest.fixture
    def own(self, reader, source, ada):
        """An article as an import that was deleted since has left it, which staff then took back."""

        def make(audience="public", status="published", body=None):
            article = Article(
                slug="about-a", title="About a", body=body or document("a").body, audience=audience,
                category=Category.objects.create(name="Imported", slug="imported"),
            )  # fmt: skip
            publishing.publish(article=article, by=ada)
            verbs = {"draft": publishing.unpublish, "archived": publishing.archive}
            if status in verbs:
                verbs[status](article=article, by=ada)
            return article

        return make

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_an_internal_article_stays_internal(self, own, reader, source, overwrite):
        article = own("internal")
        reader.found = [document("a")]
        assert run(source, overwrite=overwrite)[1] == {"a": "unchanged"}
        reader.found = [document("a", body="Another text.")]
        assert run(source, overwrite=overwrite)[1] == {"a": "changed"}
        article.refresh_from_db()
        assert (article.audience, article.status, article.body) == ("internal", "published", "Another text.")
        assert set(Chunk.objects.filter(live=True).values_list("audience", flat=True)) == {"internal"}

    @pytest.mark.parametrize("status", ["draft", "archived"])
    def test_one_that_is_not_published_stays_so_and_that_is_told(self, own, reader, source, status):
        own(status=status)
        reader.found = [document("a")]
        done, report = run(source)
        assert report == {"a": "unchanged"} and articles() == {"about-a": status}
        assert "is not published; it stays so" in done.items.get().message
        reader.found = [document("a", body="Another text.")]
        run(source, overwrite=True)
        assert articles()["about-a"] != "published" and not Chunk.objects.filter(live=True).exists()

    def test_one_with_another_text_is_left_alone_whatever_becomes_of_the_document(self, own, reader, source):
        own(body="What Ada wrote herself.")
        reader.found = [document("a"), document("b"), document("c")]
        done, report = run(source)
        assert report == {"a": "edited", "b": "new", "c": "new"}
        assert "is here already, with another text" in done.items.get(key="a").message
        assert not ImportedArticle.objects.filter(key="a").exists()
        reader.found = reader.found[1:]
        assert run(source, allow_missing=True)[1] == {"b": "unchanged", "c": "unchanged"}
        assert articles()["about-a"] == "published"

    def test_overwriting_foretells_what_it_changes_and_shows_an_article_to_no_more_people(self, own, reader, source):
        own("internal")
        reader.found = [document("a", category="Shop", audience="public", language="de")]
        foreseen, report = run(source, preview=True, overwrite=True)
        assert report == {"a": "changed"}
        assert foreseen.items.get().message == "category: Imported → Shop; language: en → de."
        run(source, overwrite=True)
        article = Article.objects.get()
        assert (article.category.name, article.language, article.audience) == ("Shop", "de", "internal")


@pytest.mark.parametrize("missing", ["keep", "unpublish"])
def test_a_page_that_fails_leaves_the_links_to_its_article(missing, reader, source):
    source.missing = missing
    source.save()
    first = document("a.md", "First", f"See [b](b.md). {LONG}")
    reader.found = [first, document("b.md", "Second"), document("c.md")]
    run(source)
    for found in ([first, Unreadable("b.md", "No."), document("c.md")], [first, SourceError("It breaks off.")]):
        reader.found = found
        assert run(source)[1]["a.md"] == "unchanged"
        assert "[b](/help/second/)" in Article.objects.get(title="First").body
    reader.found = [first, document("c.md")]
    assert run(source)[1]["a.md"] == ("unchanged" if missing == "keep" else "changed")


def test_a_page_listed_by_its_other_address_is_the_same_article(reader, source):
    page = "https://larkfield.example/prices"
    reader.found = [document(f"{page}?a=1", "Prices", LONG, address=page), Unreadable(f"{page}?b=2", "Same page.")]
    run(source)
    reader.found = [
        document(f"{page}?b=2", "Prices", f"New. {LONG}", address=page), Unreadable(f"{page}?a=1", "Same page."),
    ]  # fmt: skip
    assert run(source)[1] == {f"{page}?b=2": "moved", f"{page}?a=1": "failed"}
    assert Article.objects.get().live_revision.body.startswith("New.")


class TestAnArticleDeletedMeanwhile:
    """Between the plan and its step. The database looks for what is gone at the end of each transaction."""

    @pytest.fixture
    def deletes(self, reader, source, ada, monkeypatch):
        reader.found = [document("a"), document("b"), document("c")]
        run(source)
        plan = import_pass._plan

        def slow(*args, **kwargs):
            planned = plan(*args, **kwargs)
            publishing.delete(article=Article.objects.get(slug="about-b"), by=ada)
            return planned

        monkeypatch.setattr(import_pass, "_plan", slow)

    @pytest.mark.parametrize("preview", [False, True])
    @pytest.mark.parametrize("body", [None, "New text."])
    def test_is_one_line_of_the_report(self, deletes, reader, source, preview, body):
        reader.found[1] = document("b", body=body)
        done, report = run(source, preview=preview)
        connection.check_constraints()
        assert (done.state, report["a"], report["c"]) == ("done", "unchanged", "unchanged")
        line = done.items.get(key="b")
        assert line.article is None and line.action == ("changed" if preview and body else "failed")
        assert done.counts[line.action] == 1 and done.counts["unchanged"] == 2

    def test_one_that_is_gone_there_too_is_one(self, deletes, reader, source):
        del reader.found[1]
        done, report = run(source)
        connection.check_constraints()
        assert report["b"] == "failed"
        assert done.items.get(key="b").message == "Its article was deleted meanwhile. Import again."


def test_links_between_documents_lead_to_their_articles_and_follow_new_ones(reader, source):
    page = f"[x](../b.md#saturday) [y](c.md) `[z](../b.md)` {LONG}"
    reader.found = [document("guide/a.md", body=page), document("b.md", "Returns")]
    run(source)
    body = Article.objects.get(slug="about-guide-a-md").body
    assert body.startswith("[x](/help/returns/#saturday) [y](c.md) `[z](../b.md)`")
    reader.found.append(document("guide/c.md", "Kayaks"))
    assert run(source)[1] == {"guide/a.md": "changed", "b.md": "unchanged", "guide/c.md": "new"}
    assert "[y](/help/kayaks/)" in Article.objects.get(slug="about-guide-a-md").live_revision.body


def test_a_run_that_takes_too_long_says_whether_something_was_written(reader, source, monkeypatch):
    reader.found = [SoftTimeLimitExceeded()]
    assert run(source)[0].error == "It took too long. Import it in parts."
    reader.found = [document("a"), document("b")]
    publish = publishing.publish

    def slow(**given):
        if Article.objects.exists():
            raise SoftTimeLimitExceeded
        return publish(**given)

    monkeypatch.setattr(import_writing.publishing, "publish", slow)
    done, _ = run(source)
    assert (done.state, done.counts) == ("failed", {"new": 1})
    assert done.error == "It took too long. What was written stays; import again to go on."


@pytest.mark.parametrize("error", [AttributeError(LONG), OverflowError(LONG)])
def test_a_reader_that_breaks_ends_the_run_and_not_the_process(error, reader, source):
    reader.found = [document("a"), error]
    done, _ = run(source)
    assert (done.state, done.attempts) == ("failed", 1) and type(error).__name__ in done.error
    assert "delivery" not in done.error


class TestBrokenOff:
    """A process that ends in the middle: the next one goes on."""

    def test_a_run_that_was_broken_off_goes_on_where_it_stopped(self, reader, source, monkeypatch):
        reader.found = [document(str(number)) for number in range(5)]
        publish, written = publishing.publish, []

        def breaks(**given):
            if len(written) == 3:
                raise OperationalError("the server closed the connection")
            written.append(given["article"].title)
            return publish(**given)

        begun = imports.start(source=source, by=None, preview=False)
        monkeypatch.setattr(import_writing.publishing, "publish", breaks)
        with pytest.raises(OperationalError):
            imports.carry_out(begun.pk)
        monkeypatch.setattr(import_writing.publishing, "publish", publish)
        begun.refresh_from_db()
        assert begun.state == "writing" and Article.objects.count() == 3 and begun.items.count() == 3

        ImportRun.objects.update(heartbeat="2020-01-01T00:00Z")
        assert imports.waiting() == [begun.pk]
        assert imports.waiting() == []  # left alone for a while again
        assert imports.carry_out(begun.pk)
        begun.refresh_from_db()
        assert (begun.state, begun.counts, begun.attempts) == ("done", {"new": 5}, 2)
        assert Article.objects.count() == 5 and begun.items.count() == 5
        assert not imports.carry_out(begun.pk)

    def test_a_run_that_kills_its_process_is_given_up(self, reader, source):
        reader.found = [OperationalError("away")]
        begun = imports.start(source=source, by=None, preview=False)
        for _ in range(imports.MAX_ATTEMPTS):
            with pytest.raises(OperationalError):
                imports.carry_out(begun.pk)
        assert imports.carry_out(begun.pk)
        begun.refresh_from_db()
        assert begun.state == "failed" and "ended 5 times" in begun.error

    def test_a_reader_that_fails_fails_the_run(self, reader, source):
        reader.found = [document("a"), ValueError("of the reader")]
        done, _ = run(source)
        assert (done.state, done.error) == ("failed", "It cannot be read (ValueError). The log names the place.")


class TestCancelling:
    def test_a_waiting_run_ends_at_once(self, reader, source):
        begun = imports.start(source=source, by=None, preview=False)
        imports.cancel(run=begun)
        begun.refresh_from_db()
        assert begun.state == "cancelled" and not imports.carry_out(begun.pk)

    def test_a_running_one_ends_soon_and_keeps_what_it_wrote(self, reader, source, monkeypatch):
        monkeypatch.setattr(import_pass, "BEAT_SECONDS", 0)
        reader.found = [document(str(number)) for number in range(5)]
        begun = imports.start(source=source, by=None, preview=False)
        told = []

        def tell(running):
            told.append(running.written)
            if running.written == 2:
                imports.cancel(run=begun)

        imports.carry_out(begun.pk, tell=tell)
        begun.refresh_from_db()
        assert begun.state == "cancelled" and 2 <= Article.objects.count() <= 3 and max(told) <= 3
        run(source)
        assert Article.objects.count() == 5

    def test_one_source_has_one_run_at_a_time(self, reader, source):
        reader.found = [document("a")]
        begun = imports.start(source=source, by=None, preview=True)
        with pytest.raises(imports.ImportRefused, match="is being read already"):
            imports.start(source=source, by=None, preview=False)
        imports.carry_out(begun.pk)
        imports.start(source=source, by=None, preview=False)


def test_old_reports_are_forgotten(reader, source, monkeypatch):
    monkeypatch.setattr(imports, "KEPT_REPORTS", 2)
    monkeypatch.setattr(imports, "KEPT_RUNS", 3)
    reader.found = [document("a")]
    runs = [run(source)[0] for _ in range(5)]
    assert list(ImportRun.objects.values_list("pk", flat=True)) == [each.pk for each in reversed(runs[2:])]
    assert set(ImportItem.objects.values_list("run", flat=True)) == {runs[3].pk, runs[4].pk}


def test_names_of_people_stay_with_what_they_imported(reader, source):
    reader.found = [document("a")]
    run(source)
    get_user_model().objects.all().delete()
    source.refresh_from_db()
    assert source.by is None and run(source)[1] == {"a": "unchanged"}
