"""A tree of HTML -> markdown that our own parser reads: no raw HTML, no images, headings from the second level on."""

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import NavigableString, Tag
from bs4.element import PageElement
from markdownify import MarkdownConverter

from knowledge.importers.documents import one_line

HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
MARKS_OF_LINKS = {"", "#", "¶", "§", "🔗", "permalink", "link", "anchor"}
LANGUAGE_CLASS = re.compile(r"(?:^|\s)(?:language|lang|highlight-source|brush:?)[-\s]?([a-z0-9+#-]{1,20})", re.I)
FILE_NAME = re.compile(r"[\w.%-]{1,200}\.(?:png|jpe?g|gif|svg|webp|bmp)|[\d_-]+|image|img|photo|icon|logo", re.I)
SCHEMES = {"http", "https", "mailto", "tel", ""}
BLOCKS = {"p", "div", "ul", "ol", "table", "pre", "blockquote", "dl", "figure", "section", "article", *HEADINGS}
# Only what would be read as markup is escaped: authors will go on editing this text.
INLINE_MARKS = re.compile(r"([\\`*]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w{1,30};)|\[(?=[^\]]{0,300}\]))")
LINE_MARKS = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|={2,}\s*$|-{2,}\s*$|~{3,})")
NUMBER_MARK = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)")
MAX_SPAN = 50


def to_markdown(root: Tag, *, base: str = "", title: str = "", infer_header: bool = False) -> tuple[str, list[str]]:
    """The markdown and notes on what was left out. `base` makes relative links absolute. Changes the tree."""
    notes = []
    if images := _replace_images(root):
        notes.append(f"{images:,} image{' was' if images == 1 else 's were'} left out.")
    media = root.find_all(["video", "audio", "iframe"])
    for each in media:
        _replace_media(root, each, base)
    if media:
        one = len(media) == 1
        notes.append(
            f"{len(media):,} video{'' if one else 's'} or other frame{' became a link' if one else 's became links'}."
        )
    _unfold(root)
    _unwrap_layout(root)
    _arrange_headings(root, title)
    text = Converter(base=base, infer_header=infer_header).convert_soup(root)
    text = re.sub(r"[^\S\n]+$", lambda found: "  " if found[0] == "  " else "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n"), notes


def _replace_images(root: Tag) -> int:
    """An image within a sentence is often a button's picture: its alternative text stays. Any other goes."""
    count = 0
    for image in root.find_all("img"):
        count += 1
        words = one_line(str(image.get("alt") or ""))
        place = image.find_parent(list(BLOCKS)) or root
        alone = not one_line(place.get_text()) or len(place.get_text()) > 20_000
        if alone or not words or FILE_NAME.fullmatch(words):
            image.decompose()
        else:
            before, after = str(image.previous_sibling or " "), str(image.next_sibling or " ")
            spaced = " " * (not before[-1:].isspace()) + words[:100] + " " * after[:1].isalnum()
            image.replace_with(NavigableString(spaced))
    for tag in root.find_all(["picture", "source"]):
        tag.unwrap()
    return count


def _replace_media(root: Tag, media: Tag, base: str) -> None:
    if media.decomposed:
        return
    source = media.find("source") if not media.get("src") else media
    address = _link(str(source.get("src") or ""), base) if isinstance(source, Tag) else ""
    soup = _soup_of(root)
    if not address or urlsplit(address).scheme not in ("http", "https"):
        media.decompose()
        return
    paragraph = soup.new_tag("p")
    link = soup.new_tag("a", href=address)
    link.string = one_line(str(media.get("title") or "")) or ("Audio" if media.name == "audio" else "Video")
    paragraph.append(link)
    media.replace_with(paragraph)


def _unfold(root: Tag) -> None:
    """Details and definition lists become headings and paragraphs."""
    for summary in root.find_all("summary"):
        within = summary.find_parent(["li", "td", "th"]) or summary.find(HEADINGS)
        summary.name = "p" if within else "h6"
    soup = _soup_of(root)
    for term in root.find_all("dt"):
        strong = soup.new_tag("strong")
        for child in list(term.contents):
            strong.append(child.extract())
        term.append(strong)
        term.name = "p"
    for definition in root.find_all(["dd", "dl"]):
        definition.name = "div"


def _soup_of(tag: Tag) -> Any:
    """The document that a tag is of; it makes new tags."""
    top: Any = tag
    while top.parent is not None:
        top = top.parent
    return top


def _unwrap_layout(root: Tag) -> None:
    """Tables that only place things, or hold other tables, are no tables to the reader."""
    for table in root.find_all("table"):
        rows = table.find_all("tr")
        widest = max((len(row.find_all(["td", "th"], recursive=False)) for row in rows[:50]), default=0)
        if table.get("role") != "presentation" and not table.find("table") and widest > 1:
            continue
        table.name = "div"
        for part in table.find_all(["thead", "tbody", "tfoot", "tr", "td", "th", "caption", "colgroup", "col"]):
            if part.find_parent(["table"]) is None:
                part.name = "div"


def _arrange_headings(root: Tag, title: str) -> None:
    """The article's title goes, the rest starts at the second level, and no level is skipped."""
    headings = [each for each in root.find_all(HEADINGS)]
    for heading in list(headings):
        words = heading_text(heading)
        if not words or (title and heading.name == "h1" and words == title):
            heading.decompose()
            headings.remove(heading)
    above: list[int] = []
    for heading in headings:
        level = int(heading.name[1])
        while above and above[-1] >= level:
            above.pop()
        above.append(level)
        heading.name = f"h{min(6, len(above) + 1)}"


def heading_text(heading: Tag) -> str:
    """Its words without the sign that links to it, which is taken out."""
    for link in heading.find_all("a"):
        if one_line(link.get_text()).lower() in MARKS_OF_LINKS:
            link.decompose()
    return one_line(heading.get_text(" "))


def _link(address: str, base: str) -> str:
    """An address, absolute where the base is known; "" for a script, or for a place within the page."""
    address = address.strip()
    if not address or address.startswith("#"):
        return ""
    try:
        whole = urljoin(base, address) if base else address
        return whole if urlsplit(whole).scheme.lower() in SCHEMES else ""
    except ValueError:
        return ""


class Converter(MarkdownConverter):
    """markdownify with the marks that our parser knows, and as few backslashes as can be."""

    def __init__(self, *, base: str, infer_header: bool) -> None:
        super().__init__(heading_style="atx", bullets="-", table_infer_header=infer_header)
        self._base = base

    def escape(self, text: str, parent_tags: set[str]) -> str:
        if not text:
            return ""
        text = INLINE_MARKS.sub(r"\\\1", text)
        if "a" in parent_tags:  # a bracket would end the words of the link
            text = re.sub(r"(?<!\\)[\[\]]", lambda found: "\\" + found[0], text)
        if "td" in parent_tags or "th" in parent_tags:
            return text
        lines = [NUMBER_MARK.sub(r"\1\\\2", LINE_MARKS.sub(r"\1\\\2", line)) for line in text.split("\n")]
        return "\n".join(lines)

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        words = text.strip()
        address = _link(str(el.get("href") or ""), self._base)
        if "_noformat" in parent_tags or not words or not address or "\n\n" in words:
            return text
        before, after = " " * text.startswith(" "), " " * text.endswith(" ")
        address = re.sub(r"[\s<>]", lambda found: f"%{ord(found[0]):02X}", address)
        if address == words.replace("\\", ""):
            return f"{before}<{address}>{after}"
        target = f"<{address}>" if "(" in address or ")" in address else address
        return f"{before}[{words}]({target}){after}"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return ""

    convert_video = convert_img

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        code = el.get_text().strip("\n").rstrip()
        if not code.strip():
            return ""
        if "_inline" in parent_tags:
            return f" `{one_line(code).replace('`', '')}` "
        named: PageElement | None = el.find("code")
        classes = " ".join(
            " ".join(each.get("class") or []) for each in (el, named, el.parent) if isinstance(each, Tag)
        )
        language = LANGUAGE_CLASS.search(classes)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`{3,}", code)), default=0))
        return f"\n\n{fence}{language[1].lower() if language else ''}\n{code}\n{fence}\n\n"

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        digits = str(el.get("colspan") or "")
        span = max(1, min(MAX_SPAN, int(digits))) if digits.isascii() and digits.isdigit() else 1
        cells = one_line(re.sub(r"^\s*- ", "; ", text, flags=re.MULTILINE)).replace(" ; ", "; ").strip("; ")
        cells = re.sub(r"(?<!\\)\|", r"\\|", cells)  # in code, too
        return f" {cells}" + " |" * span

    convert_th = convert_td

    def convert_caption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n**{one_line(text)}**\n\n" if text.strip() else ""

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return " " if "_inline" in parent_tags else "  \n"

    def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:
        words = one_line(text)
        if "_inline" in parent_tags or not words:
            return text
        if "li" in parent_tags or "blockquote" in parent_tags:
            return f"\n\n**{words.replace('**', '')}**\n\n"
        return f"\n\n{'#' * n} {words}\n\n"
