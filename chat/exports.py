"""Conversations as files for spreadsheets (CSV) and programs (JSONL): an answer a row, in the order they were said."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from chat.models import Conversation, Message
from supportbot.spreadsheet import csv_lines

MAX_ANSWERS = 50_000
COLUMNS = [
    "conversation", "started", "language", "page", "state", "answer_id", "asked", "question", "answer", "status",
    "outcome", "reason",
    "cited", "retrieved", "rating", "rating_comment", "verdict", "labels", "corrected_answer", "note", "reviewer",
    "model", "adapter", "prompt_version", "answerable_score", "first_word_ms", "total_ms",
]  # fmt: skip


def answers_of(conversations: QuerySet[Conversation]) -> QuerySet[Message]:
    """The bot's replies in these conversations, oldest first, with what a row needs."""
    return (
        Message.objects.filter(role=Message.Role.BOT, conversation__in=conversations.order_by().values("pk"))
        .select_related("conversation", "reply_to", "rating", "review", "review__reviewer")
        .prefetch_related("passages")
        .order_by("conversation__created", "id")
    )


def as_row(answer: Message) -> dict[str, Any]:
    """One answer with its question, evidence and judgement; plain values only."""
    conversation, rating, review = answer.conversation, getattr(answer, "rating", None), getattr(answer, "review", None)
    passages = list(answer.passages.all())
    return {
        "conversation": str(conversation.pk),
        "started": conversation.created.isoformat(),
        "language": conversation.language,
        "page": conversation.page_url,
        "state": conversation.state,
        "answer_id": str(answer.pk),
        "asked": answer.created.isoformat(),
        "question": answer.reply_to.text if answer.reply_to else "",
        "answer": answer.text,
        "status": answer.status,
        "outcome": answer.outcome,
        "reason": answer.reason,
        "cited": [_passage(p) for p in passages if p.cited],
        "retrieved": [_passage(p) for p in passages],
        "rating": rating.score if rating else None,
        "rating_comment": rating.comment if rating else "",
        "verdict": review.verdict if review else "",
        "labels": review.labels if review else [],
        "corrected_answer": review.corrected_answer if review else "",
        "note": review.note if review else "",
        "reviewer": review.reviewer.get_username() if review and review.reviewer else "",
        "model": answer.model,
        "adapter": answer.adapter,
        "prompt_version": answer.prompt_version,
        "answerable_score": answer.answerable_score,
        "first_word_ms": answer.times.get("first"),
        "total_ms": answer.times.get("total"),
    }


def _passage(passage: Any) -> dict[str, Any]:
    revision = str(passage.revision_id) if passage.revision_id else None
    return {
        "n": passage.n,
        "title": passage.title,
        "heading": passage.heading,
        "url": passage.url,
        "revision": revision,
    }


def as_csv(answers: Iterable[Message]) -> Iterator[str]:
    return csv_lines(COLUMNS, (_cells(answer) for answer in answers))


def _cells(answer: Message) -> list[Any]:
    row = as_row(answer)
    for name in ("cited", "retrieved"):
        row[name] = "; ".join(f"[{p['n']}] {p['title']}" for p in row[name])
    row["labels"] = ", ".join(row["labels"])
    return [row[name] for name in COLUMNS]


def as_jsonl(answers: Iterable[Message]) -> Iterator[str]:
    for answer in answers:
        yield json.dumps(as_row(answer), ensure_ascii=False) + "\n"
