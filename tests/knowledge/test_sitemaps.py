"""What search engines are told: public articles with their last change, and nothing that only staff should know."""

import re
from xml.etree import ElementTree

import pytest

from knowledge import publishing, sitemaps, tasks
from knowledge.models import Article

PLACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


@pytest.fixture
def articles(delivery, ada, monkeypatch):
    monkeypatch.setattr(tasks, "hint", lambda article: None)
    for slug, audience in (("one", "public"), ("two", "public"), ("three", "public"), ("secret", "internal")):
        made = Article(category=delivery, slug=slug, title=slug, body="Text.", audience=audience)
        publishing.publish(article=made, by=ada)
    draft = Article(category=delivery, slug="draft", title="Draft", body="Text.")
    publishing.save_draft(article=draft, by=ada)


def places(client, address) -> list[str]:
    page = client.get(address)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("application/xml")
    return [place.text for place in ElementTree.fromstring(page.content).iter(PLACE)]


def test_the_map_names_what_is_public_and_nothing_else(client, articles):
    (part,) = places(client, "/sitemap.xml")
    assert part == "http://testserver/help/sitemap-1.xml"
    assert places(client, part) == [f"http://testserver/help/{slug}" for slug in ("", "one/", "two/", "three/")]
    assert re.search(r"<lastmod>20\d\d-\d\d-\d\dT", client.get(part).content.decode())


def test_a_large_map_comes_in_parts(client, articles, monkeypatch):
    monkeypatch.setattr(sitemaps, "ADDRESSES_A_PART", 2)
    parts = places(client, "/sitemap.xml")
    assert len(parts) == 2
    named = [place for part in parts for place in places(client, part)]
    assert len(named) == len(set(named)) == 4
    for number in (0, 3, 99):
        assert client.get(f"/help/sitemap-{number}.xml").status_code == 404


def test_an_empty_help_centre_has_a_map(client, db):
    (part,) = places(client, "/sitemap.xml")
    assert places(client, part) == ["http://testserver/help/"]


def test_robots_are_told_where_the_map_is_and_not_where_the_staff_are(client, settings):
    settings.PUBLIC_URL = "https://help.larkfield.example"
    page = client.get("/robots.txt")
    text = page.content.decode()
    assert "Sitemap: https://help.larkfield.example/sitemap.xml" in text
    assert settings.ADMIN_PATH.strip("/") not in text and page.headers["Content-Type"].startswith("text/plain")


def test_the_map_is_confirmed_and_not_sent_again(client, articles):
    tag = client.get("/help/sitemap-1.xml").headers["ETag"]
    assert client.get("/help/sitemap-1.xml", headers={"If-None-Match": tag}).status_code == 304
