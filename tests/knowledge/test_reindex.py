"""`manage.py reindex` makes the passages and vectors of what is published right again."""

import io

import pytest
from django.core.management import CommandError, call_command

from knowledge import passages, publishing, tasks
from knowledge.chunking import TooManyPieces
from knowledge.models import Article, Chunk, Embedding

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_hints(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article_id: None)


def reindex(*arguments):
    out = io.StringIO()
    call_command("reindex", *arguments, stdout=out)
    return out.getvalue()


def test_passages_are_cut_anew_and_the_draft_stays_a_draft(prices, ada, fake_model):
    publishing.publish(article=prices, by=ada)
    prices.body = "A draft."
    publishing.save_draft(article=prices, by=ada)
    Chunk.objects.filter(text__startswith="Saturday").update(text="broken")
    Article.objects.update(index_attempts=5, index_error="The model server refused the request.")
    said = reindex("delivery-prices")
    assert "1 published articles looked at, 1 cut anew." in said
    assert "All passages are searched by all-minilm-l6-v2" in said
    texts = Chunk.objects.filter(live=True).order_by("position").values_list("text", flat=True)
    assert list(texts) == ["Standard delivery costs £3.95.", "Saturday costs £9.95.", "Islands cost £14."]
    assert Embedding.objects.count() == 3
    assert Article.objects.get().body == "A draft."


def test_an_article_that_cannot_be_cut_does_not_stop_the_others(prices, delivery, ada, fake_model, monkeypatch):
    publishing.publish(article=prices, by=ada)
    long = Article(slug="long", title="Long", body="Words.", category=delivery)
    publishing.publish(article=long, by=ada)
    real = passages.split

    def split(title, body, tokens):
        if title == "Long":
            raise TooManyPieces("This article is too long.")
        return real(title, body, tokens)

    monkeypatch.setattr(passages, "split", split)
    with pytest.raises(CommandError, match="long: This article is too long."):
        reindex()
    assert Embedding.objects.count() == 4


def test_an_unknown_address_is_named(db):
    with pytest.raises(CommandError, match="the address nowhere"):
        reindex("nowhere")


def test_a_server_that_is_away_is_told(prices, ada, settings, tmp_path):
    settings.EMBEDDING_URL = f"unix:{tmp_path}/nobody.sock"
    publishing.publish(article=prices, by=ada)
    with pytest.raises(CommandError, match="cannot be reached"):
        reindex()
