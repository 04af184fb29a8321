"""Exports of Zendesk Guide: the JSON of `/api/v2/help_center/articles.json` with its sections and translations."""

from collections.abc import Iterator
from pathlib import Path

from knowledge.importers.documents import Found, Limits, Unreadable
from knowledge.importers.exports import Count, Item, items, part, read_html, read_pages, text
from knowledge.importers.reading_room import ReadingRoom

RESTRICTED = "Only some people could read it in Zendesk; it is for staff only until you change that."


def read_zendesk(location: Path, limits: Limits, room: ReadingRoom) -> Iterator[Found]:
    """One document an article and language. SourceError at the end if pages are missing."""
    names = _names(location, limits)
    count = Count()
    for found in read_pages(location, limits, _articles):
        if isinstance(found, Unreadable):
            yield found
            continue
        _, article = found
        if article.keys() == {"_count", "_more"}:
            count.said(article["_count"])
            count.said_more(bool(article["_more"]))
            continue
        if not (number := text(article, "id")):
            continue
        count.saw(number)
        yield from _documents(number, article, names, room)
    count.check()


def _names(location: Path, limits: Limits) -> dict[str, str]:
    """What sections (else their categories) are called, by "section 12" and "category 3"."""
    names: dict[str, str] = {}
    for found in read_pages(location, limits, lambda page: iter([page])):
        if isinstance(found, Unreadable):
            continue
        for kind, several in (("section", "sections"), ("category", "categories")):
            one = found[1].get(kind)
            for each in [*items(found[1].get(several)), *([one] if isinstance(one, dict) else [])]:
                names[f"{kind} {text(each, 'id')}"] = text(each, "name")
    return names


def _articles(page: Item) -> Iterator[Item]:
    """The articles of a page; first, how many there are in all and whether another page follows."""
    if isinstance(page.get("article"), dict):
        yield page["article"]
    elif "articles" in page:
        more = bool(page.get("next_page")) or part(page, "meta").get("has_more") is True
        yield {"_count": page.get("count"), "_more": more}
        yield from items(page["articles"])
    elif "body" in page and "id" in page:
        yield page


def _documents(number: str, article: Item, names: dict[str, str], room: ReadingRoom) -> Iterator[Found]:
    locale, source = text(article, "locale"), text(article, "source_locale")
    translations = [each for each in items(article.get("translations")) if text(each, "locale") != locale]
    restricted = article.get("user_segment_id") is not None or bool(article.get("user_segment_ids"))
    for version in [article, *translations]:
        own = text(version, "locale")
        main = version is article and (not source or source == locale)
        yield read_html(
            room,
            number if main or own == source else f"{number}@{own}",
            version,
            title=text(version, "title") or text(version, "name") or text(article, "title"),
            address=text(version, "html_url") or (text(article, "html_url") if version is article else ""),
            category=names.get(f"section {text(article, 'section_id')}", ""),
            language=own,
            audience="internal" if restricted else "",
            draft=version.get("draft") is True,
            notes=(RESTRICTED,) if restricted else (),
        )
