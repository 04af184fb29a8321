"""The verbs of staff: what customers may be quoted changes in one transaction, and never because of a broker."""

import socket
import tempfile
import time

import pytest
from django.db import connection

from knowledge import publishing, tasks
from knowledge.models import Article, Chunk, Embedding, Revision
from knowledge.publishing import PublishingError


@pytest.fixture(autouse=True)
def hints(monkeypatch):
    """Articles that a worker was asked for. The hand-over itself is tested with a real broker below and elsewhere."""
    asked = []
    monkeypatch.setattr(tasks, "hint", asked.append)
    return asked


def live_texts(article):
    return list(Chunk.objects.filter(article=article, live=True).order_by("position").values_list("text", flat=True))


def give_vectors(article):
    from knowledge.indexing import active_space

    space = active_space()
    for chunk in Chunk.objects.filter(article=article, live=True):
        Embedding.objects.create(
            chunk=chunk, space=space, vector=[1.0] * 384, audience=chunk.audience, language=chunk.language
        )


def test_a_draft_is_seen_by_nobody(prices, ada):
    publishing.save_draft(article=prices, by=ada)
    assert prices.status == Article.Status.DRAFT
    assert not Revision.objects.exists() and not Chunk.objects.exists()


def test_publishing_makes_a_revision_and_its_passages(prices, ada, hints, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        revision = publishing.publish(article=prices, by=ada, note="First")
    assert (revision.number, revision.author, revision.note) == (1, ada, "First")
    assert prices.live_revision == revision and prices.is_live and prices.published_at and not prices.answerable_at
    assert live_texts(prices) == ["Standard delivery costs £3.95.", "Saturday costs £9.95.", "Islands cost £14."]
    assert hints == [prices.pk]


def test_passages_are_found_by_the_words_of_their_language(prices, ada):
    prices.language, prices.body = "de", "## Rücksendungen\n\nWir holen die Zelte ab."
    publishing.publish(article=prices, by=ada)
    with connection.cursor() as cursor:
        cursor.execute("SELECT search::text FROM knowledge_chunk")
        [words] = cursor.fetchone()
    assert "'zelt'" in words and "B" in words and "A" in words


def test_editing_a_published_article_changes_nothing_for_customers_until_it_is_published(prices, ada):
    first = publishing.publish(article=prices, by=ada)
    prices.body = "All free."
    publishing.save_draft(article=prices, by=ada)
    assert live_texts(prices)[0] == "Standard delivery costs £3.95."
    second = publishing.publish(article=prices, by=ada)
    assert live_texts(prices) == ["All free."]
    assert (first.number, second.number) == (1, 2)
    assert Chunk.objects.filter(revision=first, live=False).count() == 3  # an old answer can still be rebuilt


def test_publishing_an_unchanged_article_makes_no_revision(prices, ada):
    first = publishing.publish(article=prices, by=ada)
    assert publishing.publish(article=prices, by=ada) == first
    assert Revision.objects.count() == 1 and Chunk.objects.count() == 3


def test_publishing_an_unchanged_article_repairs_its_passages(prices, ada):
    publishing.publish(article=prices, by=ada)
    Chunk.objects.filter(text__startswith="Saturday").update(text="broken")
    Article.objects.update(index_attempts=5, index_error="The model server refused.")
    publishing.publish(article=prices, by=ada)
    assert live_texts(prices)[1] == "Saturday costs £9.95."
    assert (prices.index_attempts, prices.index_error) == (0, "")


def test_unchanged_passages_keep_their_vectors_and_old_ones_lose_theirs(prices, ada):
    publishing.publish(article=prices, by=ada)
    give_vectors(prices)
    prices.body = prices.body.replace("£9.95", "£10.95")
    publishing.publish(article=prices, by=ada)
    embedded = Embedding.objects.values_list("chunk__text", flat=True)
    assert sorted(embedded) == ["Islands cost £14.", "Standard delivery costs £3.95."]
    assert prices.answerable_at is None
    assert not Embedding.objects.filter(chunk__live=False).exists()


def test_an_article_that_needs_no_new_vector_is_answerable_at_once(prices, ada):
    publishing.publish(article=prices, by=ada)
    give_vectors(prices)
    prices.body = prices.body.partition("## Islands")[0]
    publishing.publish(article=prices, by=ada)
    assert prices.answerable_at >= prices.published_at


def test_a_new_title_makes_every_vector_anew(prices, ada):
    publishing.publish(article=prices, by=ada)
    give_vectors(prices)
    prices.title = "What delivery costs"
    publishing.publish(article=prices, by=ada)
    assert not Embedding.objects.exists()


@pytest.mark.parametrize("verb", [publishing.unpublish, publishing.archive])
def test_what_is_withdrawn_leaves_search_in_the_same_transaction(verb, prices, ada):
    publishing.publish(article=prices, by=ada)
    give_vectors(prices)
    verb(article=prices, by=ada)
    assert not prices.is_live and prices.live_revision is None
    assert not Chunk.objects.filter(live=True).exists() and not Embedding.objects.exists()
    assert Revision.objects.count() == 1


def test_a_deleted_article_leaves_nothing_behind(prices, ada):
    publishing.publish(article=prices, by=ada)
    give_vectors(prices)
    publishing.delete(article=prices, by=ada)
    assert not Article.objects.exists() and not Chunk.objects.exists() and not Embedding.objects.exists()


def test_a_withdrawn_article_can_be_published_again(prices, ada):
    publishing.publish(article=prices, by=ada)
    publishing.archive(article=prices, by=ada)
    assert publishing.publish(article=prices, by=ada).number == 2
    assert len(live_texts(prices)) == 3


def test_a_stricter_audience_holds_as_soon_as_it_is_saved(prices, ada):
    publishing.publish(article=prices, by=ada)
    give_vectors(prices)
    prices.audience, prices.language = "internal", "fr"
    publishing.save_draft(article=prices, by=ada)
    assert set(Chunk.objects.values_list("audience", "language")) == {("internal", "fr")}
    assert set(Embedding.objects.values_list("audience", "language")) == {("internal", "fr")}


def test_an_old_page_overwrites_no_state(prices, ada):
    publishing.save_draft(article=prices, by=ada)
    old_page = Article.objects.get(pk=prices.pk)
    publishing.publish(article=prices, by=ada)
    publishing.save_draft(article=old_page, by=ada)
    assert Article.objects.get(pk=prices.pk).is_live


def test_restoring_a_revision_makes_a_draft_of_it(prices, ada, bea):
    first = publishing.publish(article=prices, by=ada)
    prices.title, prices.body = "Free delivery", "All free."
    publishing.publish(article=prices, by=ada)
    restored = publishing.restore(revision=first, by=bea)
    assert (restored.title, restored.body) == (first.title, first.body)
    assert live_texts(prices) == ["All free."]


@pytest.mark.parametrize("body", ["", "  ", "<!-- later -->"])
def test_an_article_without_text_is_not_published(body, prices, ada):
    prices.body = body
    with pytest.raises(PublishingError, match="without text"):
        publishing.publish(article=prices, by=ada)
    assert not Article.objects.exists()


def test_an_article_of_too_many_passages_is_not_published(prices, ada):
    prices.body = "# a\n" * 2_100
    with pytest.raises(PublishingError, match="Divide it"):
        publishing.publish(article=prices, by=ada)


def test_what_the_database_cannot_keep_is_left_out(prices, ada):
    prices.body = "Nul\x00 and \ud800 half\r\nline"
    publishing.publish(article=prices, by=ada)
    assert Article.objects.get().body == "Nul and  half\nline"


def test_an_article_that_was_deleted_meanwhile_is_reported_with_a_sentence(prices, ada):
    publishing.save_draft(article=prices, by=ada)
    Article.objects.all().delete()
    with pytest.raises(PublishingError, match="deleted meanwhile"):
        publishing.publish(article=prices, by=ada)


class TestWithoutABroker:
    """`services` runs, but the broker's address leads nowhere."""

    @pytest.fixture(autouse=True)
    def hints(self, monkeypatch):
        monkeypatch.setattr("supportbot.hints._rests_until", 0.0)

    @pytest.fixture(params=["gone", "silent"])
    def dead_broker(self, request):
        """No broker at all; or one that takes the connection and never says a word."""
        from supportbot.celery import app

        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            if request.param == "silent":
                listener.bind(f"{folder}/broker.sock")
                listener.listen(200)
            before = app.conf.broker_write_url
            app.conf.broker_write_url = f"redis+socket://{folder}/broker.sock"
            yield
            app.conf.broker_write_url = before

    @pytest.mark.django_db(transaction=True)
    def test_publishing_succeeds_at_once(self, dead_broker, prices, ada, capsys, caplog):
        start = time.monotonic()
        publishing.publish(article=prices, by=ada)
        assert time.monotonic() - start < 10
        assert Article.objects.get().is_live
        assert "hint_failed" in caplog.text + "".join(capsys.readouterr())

    def test_a_hundred_hints_wait_once_not_a_hundred_times(self, dead_broker, prices):
        start = time.monotonic()
        for _ in range(100):
            tasks.hint(prices.pk)
        assert time.monotonic() - start < 10
