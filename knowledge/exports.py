"""Articles as a folder of markdown files with front matter, in a zip that is written while it is sent.

What comes out goes in again: `manage.py import_articles` reads every field that is written here.
"""

import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import Any

import yaml
from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from knowledge.models import Article

READ = 200


def as_markdown(article: Article) -> str:
    """The article as it is saved now, the draft and not what was published."""
    facts: dict[str, Any] = {
        "title": article.title,
        "slug": article.slug,
        "category": article.category.name,
        "language": article.language,
        "audience": str(article.audience),
    }
    if article.review_date:
        facts["review_date"] = article.review_date.isoformat()
    if article.owner is not None:
        facts["owner"] = article.owner.get_username()
    if not article.is_live:
        facts["draft"] = True
    front = yaml.safe_dump(facts, allow_unicode=True, sort_keys=False, width=10_000)
    return f"---\n{front}---\n\n{article.body.rstrip()}\n"


def file_name(article: Article) -> str:
    """`<category>/<address>.md`; addresses are unique, and hold letters, digits, hyphens and underscores alone."""
    return f"{article.category.slug}/{article.slug}.md"


class _Passing(io.RawIOBase):
    """A file that hands on what was written to it; zipfile writes to it as to a pipe."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self.parts.append(bytes(part))
        return len(part)

    def take(self) -> bytes:
        whole, self.parts = b"".join(self.parts), []
        return whole


def as_zip(articles: QuerySet[Article]) -> Iterator[bytes]:
    """Parts of a zip file, an article or so each; no more than READ articles are held at a time."""
    passing = _Passing()
    with zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED) as archive:
        for article in articles.select_related("category", "owner").order_by("pk").iterator(chunk_size=READ):
            archive.writestr(file_name(article), as_markdown(article))
            yield passing.take()
    yield passing.take()


async def sent(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same, for a server that awaits: a response of a plain iterator would be read whole before it is sent."""
    following = sync_to_async(lambda: next(parts, None))
    while (part := await following()) is not None:
        yield part
