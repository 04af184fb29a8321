"""HTML -> what a help page says: its article without the frame around it, its title, language and address."""

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.element import Comment

from knowledge.importers.documents import BadDocument, cut_body, language_code, one_line, web_address
from knowledge.importers.encodings import decode
from knowledge.importers.html_markdown import HEADINGS, heading_text, to_markdown
from knowledge.importers.reading_room import Reading

FRAME = [
    "title", "script", "style", "noscript", "template", "nav", "footer", "aside", "form", "button", "input", "select",
    "textarea", "svg", "canvas", "dialog", "object", "embed", "applet", "map", "head", "link", "meta", "datalist",
]  # fmt: skip
NEVER_SHOWN = ["title", "script", "style", "template", "noscript", "head", "link", "meta"]
FRAME_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "menu", "menubar"}
# A class that names a piece of the frame, as `article-votes` and `share-buttons` do; `how-to-share` is none of them.
FRAME_CLASS = re.compile(
    r"(?:[a-z]{1,20}[-_]{1,2})?"
    r"(?:breadcrumbs?|cookies?|consent|share|sharing|social|sidebar|side-?nav|pagination|pager|newsletter|comments|"
    r"related|relatives|recommended|recommendations|feedback|votes?|was-this-helpful|skip|sr-only|visually-?hidden|"
    r"screen-reader-text|toc|table-of-contents|on-this-page|edit-page|edit-link)"
    r"(?:[-_]{1,2}(?:banner|bar|box|buttons?|links?|list|container|wrapper|widget|section|form|articles?|posts?|nav|"
    r"notice|content|menu|panel|icons?|to-content|main))?",
    re.IGNORECASE,
)
CALLOUT = re.compile(
    r"(?:^|[\s_-])(?:note|tip|warning|caution|important|info|callout|admonition|aside)(?:$|[\s_-])", re.I
)
FRAME_IDS = {"comments", "sidebar", "breadcrumb", "breadcrumbs", "toc", "cookie-banner", "feedback", "disqus_thread"}
FRAME_SHARE = 0.5  # of the words; what holds more of them is the article, whatever it is called
CELLS = {"td", "th"}
# Which open tags a tag ends, and beyond which it does not look for them.
IMPLIED_ENDS = {
    "li": ({"li"}, {"ul", "ol", "menu"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "td": (CELLS, {"tr", "table"}),
    "th": (CELLS, {"tr", "table"}),
    "tr": ({"tr"}, {"table"}),
}
ENDS_PARAGRAPH = {
    "p", "div", "ul", "ol", "dl", "table", "pre", "blockquote", "section", "article", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "li", "dt", "dd", "td", "th", "tr", "figure", "details",
}  # fmt: skip
PARAGRAPH_BOUNDS = {"button", "td", "th", "li", "div", "table", "blockquote", "section", "article"}
MAX_NESTING = 400
OPEN_TAGS = 20  # that are looked at
NOT_SHOWN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
MAINS = ["main", "[role=main]", "#main-content", "#content", "article", "[itemprop=articleBody]", ".article-body"]
INNER = {"article", "[itemprop=articleBody]", ".article-body"}  # taken if they hold most of what is around them
CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)


def read_page(data: bytes, *, base: str = "", charset: str = "") -> Reading:
    """The article of a whole page. `base` is its address; `charset` what the server said. BadDocument."""
    declared = CHARSET.search(data[:4096])
    text, note = decode(data, charset or (declared[1].decode() if declared else ""))
    soup = _soup(text)
    title, language, address = _title(soup), _language(soup), _address(soup, base)
    category = _meta(soup, "article:section")
    base_of_links = _base(soup, base)
    _strip_frame(soup.body or soup)
    main = _main(soup)
    title = _heading_of(main) or title
    body, notes = to_markdown(main, base=base_of_links, title=title)
    if not body.strip():
        raise BadDocument("The page has no text. Is it made by a script in the browser, or behind a login?")
    return Reading(title, cut_for_reply(body), language, address, category, tuple([note] * bool(note) + notes))


def read_fragment(data: bytes, *, base: str = "", is_document: bool = False) -> Reading:
    """HTML without a frame: a field of an export, or a document whose own title then leaves the body."""
    text, note = decode(data)
    soup = _soup(text)
    for tag in soup(NEVER_SHOWN):
        tag.decompose()
    _drop_hidden(soup)
    headings = soup.find_all("h1", limit=2)
    heading = soup.select_one("h1.title") or (headings[0] if len(headings) == 1 else None)
    title = heading_text(heading) if heading else ""
    body, notes = to_markdown(soup, base=base, title=title if is_document else "", infer_header=is_document)
    return Reading(title, cut_for_reply(body), notes=tuple([note] * bool(note) + notes))


def cut_for_reply(body: str) -> str:
    """So long that it is known to be too long: the one who asked cuts it and says so."""
    head, was_cut = cut_body(body)
    return body[: len(head) + 4_000] if was_cut else body


class Soup(BeautifulSoup):
    """Ends what HTML lets authors leave open: a list item ends where the next one begins."""

    def handle_starttag(self, name: str, *args: Any, **kwargs: Any) -> Tag | None:
        if len(self.tagStack) > MAX_NESTING:
            raise BadDocument("It is nested too deeply to be read.")
        closes, bounds = IMPLIED_ENDS.get(name, (set(), set()))
        if name in ENDS_PARAGRAPH:
            closes, bounds = closes | {"p"}, bounds | PARAGRAPH_BOUNDS - closes
        if closes:
            for open_tag in reversed(self.tagStack[-OPEN_TAGS:]):
                if open_tag.name in bounds:
                    break
                if open_tag.name in closes:
                    self.handle_endtag(open_tag.name)
                    if open_tag.name != "p":
                        break
        return super().handle_starttag(name, *args, **kwargs)


def _soup(text: str) -> BeautifulSoup:
    soup = Soup(text.replace("\x00", ""), "html.parser")
    for comment in soup.find_all(string=lambda string: isinstance(string, Comment)):
        comment.extract()
    return soup


def _main(soup: BeautifulSoup) -> Tag:
    """The part with the article: the innermost of the usual places that holds most of the words."""
    whole = soup.body or soup
    best: Tag = whole
    most = 0
    for selector in MAINS:
        places = soup.select(selector, limit=20)
        if selector == "article" and len(places) > 1:
            main_ones = [place for place in places if place.find("h1")]
            places[:] = main_ones or places
        for place in places:
            size = len(place.get_text())
            if size > max(most * (1 if selector not in INNER else 0.6), 0):
                best, most = place, size
        if selector == "[role=main]" and best is not whole:
            whole = best
    return best if most >= 20 else whole


def _heading_of(main: Tag) -> str:
    """The first heading of the first level, in the article or beside its text."""
    around = [place for place in main.parents if place.name in ("article", "main") or place.get("role") == "main"]
    for place in (main, *around):
        heading = place.find("h1")
        if isinstance(heading, Tag) and (words := heading_text(heading)):
            return words
    return ""


def _strip_frame(main: Tag) -> None:
    _drop_hidden(main)
    most = FRAME_SHARE * len(main.get_text())
    for tag in main(FRAME):
        if tag.decomposed or (tag.name == "aside" and CALLOUT.search(_attribute(tag, "class"))):
            continue
        if tag.name == "form" and len(tag.get_text()) > most:
            tag.unwrap()  # some builders put the whole page into one
        else:
            tag.decompose()
    for tag in main.find_all("header"):
        if not tag.decomposed and not tag.find(["h1", "h2"]):
            tag.decompose()
    for tag in main.find_all(True):
        if tag.decomposed or tag.parent is None:
            continue
        if _attribute(tag, "role") in FRAME_ROLES or (_is_frame(tag) and len(tag.get_text()) < max(200, most)):
            tag.decompose()


def _is_frame(tag: Tag) -> bool:
    if tag.name in HEADINGS:
        return False
    return _attribute(tag, "id") in FRAME_IDS or any(FRAME_CLASS.fullmatch(name[:80]) for name in _names(tag, "class"))


def _drop_hidden(root: Tag) -> None:
    """What readers do not see. A folded panel that a heading or button opens is seen, and stays."""
    openers = root.find_all(None, attrs={"aria-controls": True})
    opened = {name for tag in openers for name in _attribute(tag, "aria-controls").split()}
    for tag in root.find_all(True):
        if tag.decomposed or tag.parent is None:
            continue
        hidden = (
            tag.has_attr("hidden")
            or _attribute(tag, "aria-hidden") == "true"
            or NOT_SHOWN.search(_attribute(tag, "style")[:500])
        )
        if hidden and not (_attribute(tag, "id") in opened or _attribute(tag, "role") in ("tabpanel", "region")):
            tag.decompose()


def _names(tag: Tag, name: str) -> list[str]:
    value = tag.get(name)
    return [str(part) for part in value] if isinstance(value, list) else [str(value)] if value else []


def _attribute(tag: Tag, name: str) -> str:
    return " ".join(_names(tag, name)).strip()


def _title(soup: BeautifulSoup) -> str:
    if title := _meta(soup, "og:title"):
        return title
    title = one_line(soup.title.get_text(" ")) if soup.title else ""
    site = _meta(soup, "og:site_name")
    for mark in (" | ", " – ", " — ", " · ", " - "):
        head, _, tail = title.rpartition(mark)
        if head and (tail == site or mark == " | "):
            return head
    return title


def _language(soup: BeautifulSoup) -> str:
    said = _attribute(soup.html, "lang") if soup.html else ""
    return language_code(said) or language_code(_meta(soup, "og:locale"))


def _meta(soup: BeautifulSoup, name: str) -> str:
    tag = soup.find("meta", attrs={"property": name}) or soup.find("meta", attrs={"name": name})
    return one_line(_attribute(tag, "content"))[:300] if isinstance(tag, Tag) else ""


def _address(soup: BeautifulSoup, base: str) -> str:
    """The canonical address; a page can speak for its own host only."""
    link = soup.find("link", rel="canonical")
    said = _attribute(link, "href") if isinstance(link, Tag) else ""
    try:
        address = web_address(urljoin(base, said)) if said else ""
        same = not base or urlsplit(address).hostname == urlsplit(base).hostname
    except ValueError:
        return base
    return address if address and same else base


def _base(soup: BeautifulSoup, base: str) -> str:
    tag = soup.find("base", href=True)
    try:
        return web_address(urljoin(base, _attribute(tag, "href"))) or base if isinstance(tag, Tag) else base
    except ValueError:
        return base
