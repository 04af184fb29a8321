"""The help centre around the articles: subjects, languages, headings, what is related, and how little it costs."""

import re

import pytest
from django.contrib.auth.models import Permission

from knowledge import indexing, library, publishing, tasks, views
from knowledge.models import Article, Category


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article: None)


@pytest.fixture
def write(delivery, ada):
    def write(slug, title=None, *, category=delivery, **fields) -> Article:
        made = Article(
            category=category, slug=slug, title=title or slug.capitalize(), **{"body": f"About {slug}.", **fields}
        )
        publishing.publish(article=made, by=ada)
        return made

    return write


def page(client, address, **params):
    return client.get(address, params).content.decode()


def test_the_first_page_shows_the_first_articles_of_each_subject(client, write):
    repairs = Category.objects.create(name="Repairs", slug="repairs", position=9)
    Category.objects.create(name="Nothing yet", slug="nothing")
    for number in range(library.PREVIEWED + 2):
        write(f"parcel-{number}")
    write("zips", category=repairs)
    text = page(client, "/help/")
    assert len(re.findall(r'href="/help/parcel-\d/"', text)) == library.PREVIEWED
    assert 'href="/help/category/delivery/">All 7 about delivery</a>' in text
    assert "/help/zips/" in text and "about repairs</a>" not in text and "Nothing yet" not in text


def test_a_subject_has_a_page_of_its_own_in_parts(client, write, monkeypatch):
    monkeypatch.setattr(views, "ARTICLES_A_PAGE", 3)
    for number in range(7):
        write(f"parcel-{number}")
    found = [
        set(re.findall(r"/help/(parcel-\d)/", page(client, "/help/category/delivery/", page=n))) for n in (1, 2, 3)
    ]
    assert [len(each) for each in found] == [3, 3, 1] and len(set.union(*found)) == 7
    assert "Page 3 of 3" in page(client, "/help/category/delivery/", page=99)
    assert "Page 1 of 3" in page(client, "/help/category/delivery/", page="nonsense")


def test_a_subject_without_anything_for_this_reader_does_not_exist(client, write, ada):
    write("secret", audience="internal")
    for address in ("/help/category/delivery/", "/help/category/no-such/"):
        assert client.get(address).status_code == 404
    client.force_login(ada)
    assert client.get("/help/category/delivery/").status_code == 200


def test_articles_can_be_narrowed_to_a_language(client, write):
    write("parcels")
    write("pakete", language="de")
    assert "lang=de" not in page(client, "/help/parcels/")
    for address in ("/help/", "/help/category/delivery/"):
        both, german, unknown = (page(client, address, language=code) for code in ("", "de", "xx"))
        assert 'href="?language=de" lang="de" hreflang="de">Deutsch</a>' in both
        assert "/help/parcels/" in both and "/help/pakete/" in both
        assert "/help/parcels/" not in german and "/help/pakete/" in german and 'aria-current="true">Deutsch' in german
        assert "/help/parcels/" in unknown


def test_a_search_may_be_narrowed_to_a_language(client, write, fake_model):
    write("parcels", body="Parcels to Wien.")
    write("pakete", body="Pakete nach Wien.", language="de")
    assert "/help/parcels/" in page(client, "/help/", q="Wien")
    german = page(client, "/help/", q="Wien", language="de")
    assert "/help/pakete/" in german and "/help/parcels/" not in german
    assert '<input type="hidden" name="language" value="de">' in german


def test_one_language_needs_no_choice(client, write):
    write("parcels")
    assert 'class="languages"' not in page(client, "/help/")


def test_a_long_article_lists_its_headings_and_a_short_one_does_not(client, write):
    write("long", body="One.\n\n## First\n\nA.\n\n## Second\n\nB.\n\n### Deeper\n\nC.\n\n## Third <b>\n\nD.")
    write("short", body="One.\n\n## First\n\nA.")
    text = page(client, "/help/long/")
    assert re.findall(r'<a href="(#[^"]+)">', text.split('class="contents"')[1].split("</nav>")[0]) == [
        "#first",
        "#second",
        "#third",
    ]
    assert 'id="third"' in text and 'class="contents"' not in page(client, "/help/short/")


def test_what_is_about_the_same_is_related_and_then_what_has_the_same_subject(client, write, fake_model):
    other = Category.objects.create(name="Other", slug="other")
    write("snow", "Delivery in snow", body="Parcels are late when it snows.")
    write("ice", "Delivery on ice", body="Parcels are late when it snows and freezes.", category=other)
    write("lorry", "Lorries", body="A lorry brings wardrobes.")
    write("secret", "Delivery in snow, for staff", body="Parcels are late when it snows.", audience="internal")
    indexing.active_space()
    indexing.embed_stale()
    listed = re.findall(r'/help/([a-z]+)/">', page(client, "/help/snow/").split("Related articles")[1])
    assert listed[0] == "ice" and "lorry" in listed and "secret" not in listed and "snow" not in listed


def test_related_articles_are_found_without_vectors_too(client, write):
    write("snow"), write("lorry"), write("schnee", language="de")
    listed = page(client, "/help/snow/").split("Related articles")[1]
    assert "/help/lorry/" in listed and "/help/schnee/" not in listed


def test_every_page_says_its_one_address(client, write, settings):
    write("parcels")
    canonical = '<link rel="canonical" href="{}">'
    assert canonical.format("http://testserver/help/") in page(client, "/help/")
    assert canonical.format("http://testserver/help/parcels/") in page(client, "/help/parcels/", utm_source="x")
    settings.PUBLIC_URL = "https://help.larkfield.example"
    text = page(client, "/help/category/delivery/", page=2, language="en")
    assert canonical.format("https://help.larkfield.example/help/category/delivery/?page=2") in text


def test_what_no_search_engine_should_keep_says_so(client, write, ada, fake_model):
    write("parcels"), write("secret", audience="internal")
    noindex = '<meta name="robots" content="noindex">'
    assert noindex not in page(client, "/help/parcels/") and 'name="description" content="About parcels."' in page(
        client, "/help/parcels/"
    )
    assert noindex in page(client, "/help/", q="parcels") and noindex in page(client, "/help/no-such/")
    client.force_login(ada)
    assert noindex in page(client, "/help/secret/")


def test_a_page_that_is_missing_offers_the_search(client, db):
    missing = client.get("/help/no-such/")
    assert missing.status_code == 404 and 'role="search"' in missing.content.decode()


def test_editors_find_the_way_to_the_editor(client, write, ada):
    article = write("parcels")
    client.force_login(ada)
    assert f"/admin/knowledge/article/{article.pk}/change/" not in page(client, "/help/parcels/")
    ada.user_permissions.add(Permission.objects.get(codename="change_article"))
    assert f"/admin/knowledge/article/{article.pk}/change/" in page(client, "/help/parcels/")


@pytest.mark.parametrize("address", ["/help/", "/help/category/delivery/", "/help/parcels/"])
def test_a_page_is_sent_once_and_then_confirmed(client, write, ada, address):
    article = write("parcels")
    client.get(address)  # the first brings the cookie of the form
    first = client.get(address)
    assert first.headers["Cache-Control"] == "private, no-cache" and "Cookie" in first.headers["Vary"]
    again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    article.title = "Parcels and letters"
    publishing.publish(article=article, by=ada)
    changed = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200 and "Parcels and letters" in changed.content.decode()
    publishing.archive(article=article, by=ada)
    assert client.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code in (200, 404, 410)


def test_what_staff_see_is_confirmed_to_staff_alone(client, write, ada):
    write("parcels"), write("secret", audience="internal")
    client.force_login(ada)
    tag = client.get("/help/").headers["ETag"]
    client.logout()
    assert client.get("/help/", headers={"If-None-Match": tag}).status_code == 200


def test_pages_ask_the_database_as_little_for_many_articles_as_for_few(client, write, django_assert_max_num_queries):
    for number in range(12):
        write(f"parcel-{number}", language=("en", "de")[number % 2])
    for address, most in (("/help/", 4), ("/help/category/delivery/", 7), ("/help/parcel-1/", 4)):
        with django_assert_max_num_queries(most):
            client.get(address)


def test_the_text_of_an_article_is_not_read_where_it_is_not_shown(client, write, django_assert_max_num_queries):
    write("parcels")
    with django_assert_max_num_queries(11) as asked:
        client.get("/help/")
        client.get("/help/category/delivery/")
    assert not any('"knowledge_revision"."body"' in query["sql"] for query in asked.captured_queries)


@pytest.mark.parametrize("address", ["/help/", "/help/parcels/", "/help/category/delivery/", "/sitemap.xml"])
def test_pages_are_read_and_not_written_to(client, write, address):
    write("parcels")
    assert client.post(address).status_code == 405
    assert client.head(address).status_code == 200
