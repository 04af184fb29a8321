"""What customers are shown of a passage: its title, its heading, where to read it. Editors and imports wrote these."""

from collections.abc import Iterable, Sequence
from typing import Any

from chat.models import Message
from chat.visible import visible
from knowledge.retrieval import Passage


def sources_of(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    return [{"n": n, **_place(p.title, p.url), "heading": _seen(p.heading)} for n, p in enumerate(passages, 1)]


def shown_sources(row: Message) -> list[dict[str, Any]]:
    """The sources of a reply as it stands in the database."""
    return [
        {"n": p.n, **_place(p.title, p.url), "heading": _seen(p.heading), "cited": p.cited} for p in row.passages.all()
    ]


def nearest_of(articles: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Title and address of each article that is offered where nothing answered."""
    return [_place(title, url) for title, url in articles]


def _place(title: str, url: str) -> dict[str, str]:
    return {"title": _seen(title), "url": url}


def _seen(words: str) -> str:
    return visible(words, joined=True)
