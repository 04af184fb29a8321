"""What an editor is told of a question that was tried: where the article stood, and why it stood there; pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from knowledge.models import Audience
from knowledge.retrieval import Passage, Retrieval

EXCERPT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Subject:
    """The article that the question is asked for, as it is in the chosen version."""

    key: UUID
    passages: int
    audience: str
    is_draft: bool


def is_read(found: Retrieval, subject: Subject, given: Sequence[Passage]) -> bool:
    """Whether the answer is written from this article, or would be if the search were sure enough to give any."""
    return any(passage.article_id == subject.key for passage in given or found.passages)


def verdict(
    found: Retrieval | None,
    subject: Subject,
    *,
    given: Sequence[Passage],
    audiences: Collection[str],
    floor: float,
    missing: Sequence[str],
) -> dict[str, Any]:
    """One line, and whether it is good news. `found` is None when nothing was searched for."""
    if found is None:
        return {"good": False, "text": "Nothing was searched for: this is no question to the articles."}
    if reason := _not_there(subject, audiences):
        return {"good": False, "text": f"Not found: {reason}"}
    ranks = [place for place, key in enumerate(found.ranked_article_ids, 1) if key == subject.key]
    if is_read(found, subject, given):
        text = f"This article ranks {ranks[0] if ranks else 1} of {len(found.ranked_article_ids)}."
        if found.answerable >= floor:
            return {"good": True, "text": text}
        sure = f"The search is not sure enough to answer ({found.answerable:.2f} where {floor:.2f} is needed)."
        return {"good": False, "text": f"{text} {sure}"}
    among = len(found.ranked_article_ids)
    text = f"Not found: best rank {ranks[0]}." if ranks else f"Not found among the first {among} articles."
    words = f" Missing words: {', '.join(missing)}." if missing else ""
    return {"good": False, "text": text + words}


def _not_there(subject: Subject, audiences: Collection[str]) -> str:
    if not subject.passages:
        return "the draft has no text yet." if subject.is_draft else "this article is not published."
    if subject.audience not in audiences:
        what = "this draft" if subject.is_draft else "this article"
        return f"{what} is for “{Audience(subject.audience).label}”, who did not ask."
    return ""


def rows(found: Retrieval, subject: Subject, given: Sequence[Passage]) -> list[dict[str, Any]]:
    """The ranked passages for a table. `given`: those that the answer is written from."""
    numbers = {passage.chunk_id: n for n, passage in enumerate(given, 1)}
    return [
        {
            "title": passage.title,
            "heading": passage.heading,
            "text": excerpt(passage.text),
            "article": "" if passage.chunk_id < 0 else str(passage.article_id),
            "meaning": passage.similarity and round(passage.similarity, 2),
            "words": passage.lexical and round(passage.lexical, 2),
            "together": round(passage.score + passage.gain, 2),  # by which they are ordered
            "own": passage.article_id == subject.key,
            "n": numbers.get(passage.chunk_id, 0),  # its number in the answer
        }
        for passage in found.ranked
    ]


def excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1].rstrip() + "…"
