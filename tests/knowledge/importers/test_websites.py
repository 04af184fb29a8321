"""Whole websites by their sitemaps."""

import gzip

import pytest

from knowledge.importers import Document, SourceError, Unreadable, guess_kind, read
from knowledge.importers.documents import Limits

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
XML = {"Content-Type": "application/xml"}
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>"
)


def urlset(*places: str) -> tuple[int, dict[str, str], bytes]:
    return 200, XML, f"{HEAD}<urlset {SPACE}>{''.join(f'<url><loc>{p}</loc></url>' for p in places)}</urlset>".encode()


def index(*places: str) -> tuple[int, dict[str, str], bytes]:
    entries = "".join(f"<sitemap><loc> {place} </loc></sitemap>" for place in places)
    return 200, XML, f"{HEAD}<sitemapindex {SPACE}>{entries}</sitemapindex>".encode()


def page(name: str) -> str:
    return f"<title>{name}</title><main><h1>{name}</h1><p>The text of {name} is here.</p></main>"


def test_all_pages_of_all_sitemaps_are_read_once(site):
    here = site.address
    site.pages |= {
        "/sitemap.xml": index(f"{here}/one.xml", f"{here}/two.xml.gz"),
        "/one.xml": urlset(f"{here}/a", f"{here}/b?x=1&amp;y=2", f"{here}/a#part"),
        "/two.xml.gz": (
            200,
            {"Content-Type": "application/x-gzip"},
            gzip.compress(urlset(f"{here}/a", f"{here}/c")[2]),
        ),
        "/a": page("A"),
        "/b?x=1&y=2": page("B"),
        "/c": page("C"),
    }
    assert guess_kind(f"{here}/sitemap.xml") == "sitemap"
    assert [each.title for each in site.read("sitemap", f"{here}/sitemap.xml")] == ["A", "B", "C"]


def test_a_sitemap_that_lists_itself_is_noticed(site):
    here = site.address
    site.pages |= {
        "/sitemap.xml": index(f"{here}/sitemap.xml", f"{here}/other.xml"),
        "/other.xml": index(f"{here}/sitemap.xml", f"{here}/pages.xml"),
        "/pages.xml": urlset(f"{here}/a"),
        "/a": page("A"),
    }
    found = site.read("sitemap", f"{here}/sitemap.xml")
    assert [each.key for each in found if isinstance(each, Document)] == [f"{here}/a"]
    assert {each.reason for each in found if isinstance(each, Unreadable)} == {
        "The sitemap lists itself, or one that was there before; it is read once."
    }
    assert len(site.asked) == 4


def test_sitemaps_without_end_have_a_depth(site):
    here = site.address
    for number in range(20):
        site.pages[f"/{number}.xml"] = index(f"{here}/{number + 1}.xml")
    (found,) = site.read("sitemap", f"{here}/0.xml")
    assert found == Unreadable(f"{here}/3.xml", "Sitemaps within sitemaps go too deep here; this one is not read.")
    assert len(site.asked) == 3


def test_bad_pages_are_one_line_each_and_the_rest_is_read(site):
    here = site.address
    site.pages |= {
        "/sitemap.xml": urlset(
            f"{here}/gone",
            "https://bank.example/",
            "file:///etc/passwd",
            "",
            f"{here}/inward",
            f"{here}/picture",
            f"{here}/a",
        ),
        "/inward": (302, {"Location": "http://169.254.169.254/"}, b""),
        "/picture": (200, {"Content-Type": "image/png"}, b"x"),
        "/a": page("A"),
    }
    found = site.read("sitemap", f"{here}/sitemap.xml")
    assert [each.key for each in found if isinstance(each, Document)] == [f"{here}/a"]
    said = {each.key: each.reason for each in found if isinstance(each, Unreadable)}
    assert len(said) == 6
    assert said[f"{here}/gone"] == "There is no such page. (HTTP 404)"
    assert said["https://bank.example/"] == "The sitemap leads to another website, which is not read."
    assert "private network" in said[f"{here}/inward"]
    assert not any("\n" in reason for reason in said.values())


def test_a_part_of_a_sitemap_that_fails_makes_the_rest_unknown(site):
    here = site.address
    site.pages |= {
        "/sitemap.xml": index(f"{here}/one.xml", f"{here}/gone.xml"),
        "/one.xml": urlset(f"{here}/a"),
        "/a": page("A"),
    }
    found = read("sitemap", f"{here}/sitemap.xml", limits=site.limits)
    assert isinstance(next(found), Unreadable) and isinstance(next(found), Document)
    with pytest.raises(SourceError, match="A part of the sitemap could not be read: .*gone.xml"):
        next(found)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"<html><p>Not found</p>", "no proper XML"),
        (b"<html><p>Not found</p></html>", "begins with <html>"),
        (f"{HEAD}{LAUGHS}<urlset><url><loc>&m;</loc></url></urlset>".encode(), "XML entities"),
        (f'{HEAD}<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><urlset>&f;</urlset>'.encode(), "XML entities"),
        (gzip.compress(b"x" * 50_000_000), "unpacks to more than"),
        (gzip.compress(b"x" * 500)[:20], "damaged"),
        (b"<urlset>" * 50_000, "nested too deeply"),
        (b"<urlset><url><loc>" + b"a" * 5_000_000, "no proper XML"),
        (b"\xff\xfe" + b"x" * 99, "no proper XML"),
    ],
)
def test_what_is_no_sitemap_is_one_line(site, tmp_path, body, says):
    site.pages["/sitemap.xml"] = (200, XML, body)
    (tmp_path / "sitemap.xml").write_bytes(body)
    for place in (f"{site.address}/sitemap.xml", str(tmp_path / "sitemap.xml")):
        with pytest.raises(SourceError, match=says) as refusal:
            site.read("sitemap", place)
        assert "\n" not in refusal.value.text


def test_a_sitemap_in_a_private_network_is_refused():
    with pytest.raises(SourceError, match="private network"):
        list(read("sitemap", "http://192.168.0.1/sitemap.xml", limits=Limits(seconds_a_fetch=2)))


def test_a_sitemap_has_a_bound(site):
    site.pages["/sitemap.xml"] = urlset(*(f"{site.address}/{n}" for n in range(50)))
    with pytest.raises(SourceError, match="lists more than 20 pages"):
        site.read("sitemap", f"{site.address}/sitemap.xml", entries=20)
    with pytest.raises(SourceError, match="more than 3 pages"):
        site.read("sitemap", f"{site.address}/sitemap.xml", documents=3)
    assert [path for path, _ in site.asked].count("/2") == 1


def test_a_feed_and_a_plain_list_are_sitemaps_too(site):
    here = site.address
    feed = f"<rss><channel><link>{here}/</link><item><link>{here}/a</link></item></channel></rss>"
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="edit" href="{here}/x"/><link href="{here}/b"/>'
    site.pages |= {
        "/atom": (200, {"Content-Type": "text/xml"}, f"{atom}</entry></feed>".encode()),
        "/feed": (200, {"Content-Type": "text/xml"}, feed.encode()),
        "/list.txt": (200, {"Content-Type": "text/plain"}, f"{here}/a\n{here}/b\n".encode()),
        "/a": page("A"),
        "/b": page("B"),
    }
    assert [each.title for each in site.read("sitemap", f"{here}/feed")] == ["A"]
    assert [each.title for each in site.read("sitemap", f"{here}/atom")] == ["B"]
    assert [each.title for each in site.read("sitemap", f"{here}/list.txt")] == ["A", "B"]
