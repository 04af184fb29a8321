"""Exports of Chatwoot's help centre: the JSON of a portal's articles, whose text is markdown already."""

from collections.abc import Iterator
from pathlib import Path

from knowledge.importers.documents import PROVOKED, BadDocument, Found, Limits, Unreadable, make_document, strange
from knowledge.importers.exports import Count, Item, items, part, read_pages, text

NOT_PUBLISHED = {"draft", "archived", "0", "2"}


def read_chatwoot(location: Path, limits: Limits) -> Iterator[Found]:
    """One document an article. SourceError at the end if pages are missing."""
    count = Count()
    for found in read_pages(location, limits, _articles):
        if isinstance(found, Unreadable):
            yield found
            continue
        _, article = found
        count.said(article.get("_count"))
        if number := text(article, "id"):
            count.saw(number)
            yield _document(number, article)
    count.check()


def _articles(page: Item) -> Iterator[Item]:
    """The articles of a page; first, how many there are in all."""
    payload, meta = page.get("payload"), page.get("meta")
    if isinstance(payload, dict):
        yield from items(payload["articles"]) if "articles" in payload else [payload]
    elif payload is not None:
        yield {"_count": meta.get("articles_count") if isinstance(meta, dict) else None}
        yield from items(payload)
    elif "id" in page and "content" in page:
        yield page


def _document(number: str, article: Item) -> Found:
    category, portal = part(article, "category"), part(article, "portal")
    status = text(article, "status")
    try:
        return make_document(
            number,
            text(article, "title"),
            text(article, "content"),
            category=text(category, "name") or text(category, "slug").replace("-", " ").capitalize(),
            language=text(article, "locale") or text(category, "locale"),
            slug=text(article, "slug"),
            address=_address(text(portal, "custom_domain"), text(portal, "slug"), text(article, "slug")),
            draft=status in NOT_PUBLISHED,
            notes=["It was archived in Chatwoot."] if status in ("archived", "2") else [],
        )
    except BadDocument as error:
        return Unreadable(number, str(error))
    except PROVOKED as error:
        return Unreadable(number, strange(error))


def _address(domain: str, portal: str, slug: str) -> str:
    host = domain.removeprefix("https://").removeprefix("http://").strip("/")
    return f"https://{host}/hc/{portal}/articles/{slug}" if host and portal and slug else ""
