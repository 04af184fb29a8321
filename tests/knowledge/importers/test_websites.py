"""Whole websites by their sitemaps."""

import gzip
from dataclasses import replace as changed

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
    found = read("sitemap", f"{here}/0.xml", limits=site.limits)
    deep = "Sitemaps within sitemaps go too deep here; this one is not read."
    assert next(found) == Unreadable(f"{here}/3.xml", deep)
    with pytest.raises(SourceError, match="A part of the sitemap could not be read"):
        next(found)
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    ("place", "says"), [("https://other.example/b.xml", "another website"), ("b.xml", "begin with")]
)
def test_a_sitemap_within_that_is_not_read_makes_the_rest_unknown(site, place, says):
    site.pages |= {
        "/0.xml": index(f"{site.address}/a.xml", place),
        "/a.xml": urlset(f"{site.address}/a"),
        "/a": page("A"),
    }
    found = read("sitemap", f"{site.address}/0.xml", limits=site.limits)
    assert says in next(found).reason and next(found).title == "A"
    with pytest.raises(SourceError, match=f"A part of the sitemap could not be read.*{says}"):
        next(found)


def test_a_website_has_a_bounded_number_of_sitemaps(site):
    here = site.address
    site.pages |= {"/0.xml": index(*(f"{here}/{n}.xml" for n in range(1, 30))), "/a": page("A")}
    site.pages |= {f"/{n}.xml": urlset(f"{here}/a") for n in range(1, 30)}
    found = read("sitemap", f"{here}/0.xml", limits=changed(site.limits, sitemaps=4))
    assert "one too many" in next(found).reason and next(found).title == "A"
    with pytest.raises(SourceError, match=r"A part of the sitemap could not be read: .*/4.xml: Only 4 sitemaps"):
        next(found)
    assert len(site.asked) == 5


def test_a_page_that_fails_has_the_key_that_it_had(site):
    typed = f"{site.address}?q=ä  {site.address}/{'x' * 600}"
    site.pages |= {"/?q=%C3%A4": page("A"), f"/{'x' * 600}": page("B")}
    keys = [each.key for each in site.read("web", typed)]
    site.pages = {path: (503, {}, b"") for path in site.pages}
    found = site.read("web", typed)
    assert [each.key for each in found] == keys and {type(each) for each in found} == {Unreadable}


def test_a_reading_has_an_end_and_can_be_ended_before_each_fetch(site):
    here = site.address
    site.pages |= {"/0.xml": index(f"{here}/1.xml", f"{here}/2.xml"), "/1.xml": urlset(f"{here}/a"), "/a": page("A")}
    with pytest.raises(SourceError, match="The rest was not read"):
        site.read("sitemap", f"{here}/0.xml", seconds_in_all=0)
    assert not site.asked

    class Ended(Exception):
        pass

    def tick():
        if len(site.asked) == 2:
            raise Ended

    with pytest.raises(Ended):
        list(read("sitemap", f"{here}/0.xml", limits=site.limits, tick=tick))
    assert [path for path, _ in site.asked] == ["/0.xml", "/1.xml"]


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
