"""Exports of Intercom Articles: the JSON of `GET /articles` with its collections and translations."""

from collections.abc import Iterator
from pathlib import Path

from knowledge.importers.documents import Found, Limits, Unreadable
from knowledge.importers.exports import Count, Item, items, read_html, read_pages, text
from knowledge.importers.reading_room import ReadingRoom

COLLECTIONS = {"collection", "section"}


def read_intercom(location: Path, limits: Limits, room: ReadingRoom) -> Iterator[Found]:
    """One document an article and language. SourceError at the end if pages are missing."""
    names: dict[str, str] = {}
    for found in read_pages(location, limits, _objects):
        if not isinstance(found, Unreadable) and found[1].get("type") in COLLECTIONS:
            names[text(found[1], "id")] = text(found[1], "name")
    count = Count()
    for found in read_pages(location, limits, _objects):
        if isinstance(found, Unreadable):
            yield found
            continue
        _, article = found
        count.said(article.get("_count"))
        number = text(article, "id")
        if number and article.get("type", "article") == "article":
            count.saw(number)
            yield from _documents(number, article, names, room)
    count.check()


def _objects(page: Item) -> Iterator[Item]:
    """Articles and collections; first, how many articles there are in all."""
    if isinstance(page.get("data"), dict):  # a search: its articles are one level down
        page = page | page["data"] | {"data": page["data"].get("articles")}
    if isinstance(page.get("data"), list):
        if any(each.get("type", "article") == "article" for each in items(page["data"])):
            yield {"_count": page.get("total_count"), "type": "count"}
        yield from items(page["data"])
    elif "id" in page and ("body" in page or page.get("type") in COLLECTIONS):
        yield page


def _documents(number: str, article: Item, names: dict[str, str], room: ReadingRoom) -> Iterator[Found]:
    main = text(article, "default_locale")
    versions = [(number, main, article)]
    translated = article.get("translated_content")
    for locale, version in translated.items() if isinstance(translated, dict) else ():
        if not isinstance(version, dict) or locale == main:
            continue
        if not main and version.get("body") == article.get("body"):
            versions[0] = (number, locale, article)
            continue
        versions.append((f"{number}@{locale}", locale, version))
    parents = article.get("parent_ids")
    parent = text(article, "parent_id") or (str(parents[-1]) if isinstance(parents, list) and parents else "")
    for key, locale, version in versions:
        yield read_html(
            room,
            key,
            version,
            title=text(version, "title"),
            address=text(version, "url"),
            category=names.get(parent, ""),
            language=locale,
            draft=text(version, "state") == "draft",
        )
