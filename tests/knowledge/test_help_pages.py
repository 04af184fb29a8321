"""The public help pages: Dora reads what is live and public; Ada, who is staff, may read everything."""

import re

import pytest
from django.db import DatabaseError

from chat.models import Widget
from knowledge import indexing, library, publishing, tasks, views
from knowledge.models import Article
from knowledge.retrieval import RetrievalError


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article: None)


@pytest.fixture
def published(prices, ada) -> Article:
    publishing.publish(article=prices, by=ada)
    return prices


def make_article(category, ada, **fields) -> Article:
    made = Article(category=category, **{"title": "Secret prices", "slug": "secret", "body": "Ten.", **fields})
    publishing.publish(article=made, by=ada)
    return made


def test_an_article_is_shown_with_its_anchors_and_its_last_change(client, published):
    page = client.get("/help/delivery-prices/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "<h1>Delivery prices</h1>" in text and 'id="saturday"' in text
    assert 'href="/help/category/delivery/"' in text and '<article class="help" lang="en">' in text
    assert "English</span> · Last changed <time" in text


def test_a_draft_changes_nothing_until_it_is_published(client, published, ada):
    published.body = "Delivery is free."
    publishing.save_draft(article=published, by=ada)
    assert "Delivery is free" not in client.get("/help/delivery-prices/").content.decode()
    publishing.publish(article=published, by=ada)
    assert "Delivery is free" in client.get("/help/delivery-prices/").content.decode()


def test_what_was_withdrawn_says_so_and_is_listed_nowhere(client, published, ada):
    publishing.archive(article=published, by=ada)
    page = client.get("/help/delivery-prices/")
    assert page.status_code == 410 and "was withdrawn" in page.content.decode()
    assert "£3.95" not in page.content.decode()
    assert "Delivery prices" not in client.get("/help/").content.decode()


def test_what_was_never_published_does_not_exist(client, prices, ada):
    publishing.save_draft(article=prices, by=ada)
    assert client.get("/help/delivery-prices/").status_code == 404
    assert client.get("/help/no-such-thing/").status_code == 404


@pytest.mark.parametrize("audience", ["internal", "customers"])
def test_only_staff_read_what_is_not_public(client, delivery, ada, audience):
    secret = make_article(delivery, ada, audience=audience)
    assert client.get("/help/secret/").status_code == 404
    assert "Secret prices" not in client.get("/help/").content.decode()
    client.force_login(ada)
    assert client.get("/help/secret/").status_code == 200
    assert "Secret prices" in client.get("/help/").content.decode()
    publishing.archive(article=secret, by=ada)
    client.logout()
    assert client.get("/help/secret/").status_code == 404, "a withdrawn secret stays one"


def test_staff_find_what_is_not_public_with_its_address(client, delivery, ada, fake_model):
    make_article(delivery, ada, audience="internal")
    client.force_login(ada)
    assert 'href="/help/secret/"' in client.get("/help/", {"q": "secret prices"}).content.decode().split("groups")[0]


def test_a_withdrawn_title_is_named_to_those_it_was_shown_to(client, delivery, ada):
    article = make_article(delivery, ada, audience="internal")
    publishing.unpublish(article=article, by=ada)
    article.audience, article.title = "public", "Prices"
    publishing.save_draft(article=article, by=ada)
    assert client.get("/help/secret/").status_code == 404, "no visitor could ever see it"
    publishing.publish(article=article, by=ada)
    publishing.archive(article=article, by=ada)
    assert "“<bdi>Prices</bdi>”" in client.get("/help/secret/").content.decode()


def test_an_article_made_internal_is_gone_at_once(client, published, ada):
    published.audience = "internal"
    publishing.save_draft(article=published, by=ada)
    assert client.get("/help/delivery-prices/").status_code == 404


def test_search_finds_the_section(client, published, fake_model):
    text = client.get("/help/", {"q": "saturday"}).content.decode()
    assert "Results for “<bdi>saturday</bdi>”" in text and "/help/delivery-prices/#saturday" in text
    assert "Nothing found" in client.get("/help/", {"q": "xylophone"}).content.decode()


def test_a_search_that_finds_nothing_leads_on(client, published, fake_model):
    text = client.get("/help/", {"q": "xylophone", "language": "en"}).content.decode()
    assert "Try other words" in text and 'href="?q=xylophone"' in text and 'value="xylophone"' in text


def test_results_come_in_pages(client, delivery, ada, fake_model, monkeypatch):
    monkeypatch.setattr(views, "RESULTS_A_PAGE", 2)
    for number in range(5):
        make_article(
            delivery, ada, slug=f"tent-{number}", title=f"Tent {number}", body=f"How tent {number} is pitched."
        )
    first, second = (client.get("/help/", {"q": "tent", "page": page}).content.decode() for page in (1, 2))
    assert "Page 1 of 3" in first and 'rel="next" href="?q=tent&amp;page=2"' in first
    assert "Page 2 of 3" in second and '<ol class="results" start="3"' in second
    found = [set(re.findall(r"/help/(tent-\d)/", page)) for page in (first, second)]
    assert len(found[0]) == len(found[1]) == 2 and not found[0] & found[1]


def test_searching_too_much_is_told_when_to_go_on(client, published, settings, fake_model):
    settings.HELP_SEARCHES_PER_MINUTE = 2
    pages = [
        client.get("/help/", {"q": "saturday"}, REMOTE_ADDR="192.0.2.201") for _ in range(5)
    ]  # over a minute's end
    assert pages[0].status_code == 200
    refused = next(page for page in pages if page.status_code == 429)
    assert refused.headers["Retry-After"] == "60" and 'value="saturday"' in refused.content.decode()
    assert client.get("/help/", {"q": "saturday"}, REMOTE_ADDR="192.0.2.202").status_code == 200


def test_titles_are_found_when_the_search_is_down(client, published, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise RetrievalError("down") from DatabaseError()

    monkeypatch.setattr(library, "find_passages", down)
    text = client.get("/help/", {"q": "prices"}).content.decode()
    assert "/help/delivery-prices/" in text and "Only the words themselves are compared" in text


def test_words_alone_are_searched_when_the_encoder_is_away(client, published, settings, run_dir):
    settings.EMBEDDING_URL = settings.RERANK_URL = f"unix:{run_dir / 'nobody.sock'}"
    indexing.active_space()
    text = client.get("/help/", {"q": "saturday"}).content.decode()
    assert "/help/delivery-prices/#saturday" in text and "Only the words themselves are compared" in text


def test_what_readers_type_is_never_markup(client, published, fake_model):
    text = client.get("/help/", {"q": '"><script>alert(1)</script>\0' + "x" * 5000}).content.decode()
    assert "<script>alert" not in text and "x" * 201 not in text


def test_an_arabic_article_reads_from_the_right(client, delivery, ada):
    make_article(delivery, ada, slug="arabic", title="أسعار التوصيل", language="ar")
    assert 'lang="ar" dir="rtl"' in client.get("/help/arabic/").content.decode()


PAGES = [
    "/", "/help/", "/help/?q=saturday", "/help/category/delivery/", "/help/delivery-prices/", "/help/no-such-thing/"
]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_pages_hold_no_inline_script_or_style(client, published, fake_model, address):
    Widget.objects.create(key="shop", name="Shop")
    page = client.get(address)
    text = page.content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", text)
    assert "unsafe-inline" not in page.headers.get("Content-Security-Policy", "")
    assert "support-chat.js" in text
