"""The rows of findings: what identifies one, what its page shows of it, and how a new look replaces an old one."""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from knowledge.findings.contradictions import Contradiction
from knowledge.findings.links import BrokenLink
from knowledge.findings.neighbours import Pair, Passage
from knowledge.findings.overlaps import Overlap
from knowledge.models import Article, Finding, TestQuestion

SHOWN = 5  # pairs of passages kept in the details
SHOWN_CHARS = 240
IDENTITY = ("article_id", "other_id", "kind", "text_hash", "other_hash")


def touching(article: Article) -> Q:
    return Q(article=article) | Q(other=article)


def keep(found: list[Finding], recorded: QuerySet[Finding]) -> None:
    """These are the findings now: new ones are added, the same ones stay as they are, others of `recorded` go.

    What was dismissed is better left out of `recorded`: it holds again when the same texts are compared again.
    """
    fresh = {_identity(finding) for finding in found}
    with transaction.atomic():
        gone = [finding.pk for finding in recorded if _identity(finding) not in fresh]
        Finding.objects.filter(pk__in=gone).delete()
        Finding.objects.bulk_create(
            found,
            update_conflicts=True,
            unique_fields=["article", "other", "kind", "text_hash", "other_hash"],
            update_fields=["details"],
        )


def _identity(finding: Finding) -> tuple[object, ...]:
    return tuple(getattr(finding, name) for name in IDENTITY)


def link_row(article: Article, link: BrokenLink) -> Finding:
    details = {"href": shorten(link.href), "reason": shorten(link.reason), "where": link.where}
    kind = Finding.Kind.BROKEN_LINK
    return Finding(article=article, kind=kind, text_hash=text_hash([link.href, link.reason]), details=details)


def question_row(article: Article, question: TestQuestion) -> Finding:
    """Its article is live."""
    live = article.live_revision
    details = {"id": question.pk, "question": shorten(question.question), "rank": question.last_rank}
    asked = text_hash([question.question, live.title, live.body] if live else [question.question])
    return Finding(article=article, kind=Finding.Kind.TEST_QUESTION_LOST, text_hash=asked, details=details)


def overlap_row(article: Article, overlap: Overlap) -> Finding:
    passages = [[pair.own.chunk_id, pair.other.chunk_id] for pair in overlap.pairs[:SHOWN]]
    details = {"count": len(overlap.pairs), "percent": round(100 * overlap.share), "passages": passages}
    return _of_two(article, str(Finding.Kind.OVERLAP), overlap.other, list(overlap.alike), details)


def contradiction_rows(article: Article, found: list[Contradiction]) -> list[Finding]:
    """One finding for each other article."""
    by_article: dict[UUID, list[Contradiction]] = {}
    for each in found:
        by_article.setdefault(each.article, []).append(each)
    return [_contradiction(article, other, several) for other, several in by_article.items()]


def _contradiction(article: Article, other: UUID, several: list[Contradiction]) -> Finding:
    shown = [
        {"own": shorten(each.own.text), "other": shorten(each.other.text), "unit": each.unit}
        for each in several[:SHOWN]
    ]
    passages = [[each.own.passage.chunk_id, each.other.passage.chunk_id] for each in several[:SHOWN]]
    sides = [Pair(each.own.passage, each.other.passage, 1.0) for each in several]
    details = {"count": len(several), "statements": shown, "passages": passages}
    return _of_two(article, str(Finding.Kind.CONTRADICTION), other, sides, details)


def _of_two(article: Article, kind: str, other: UUID, sides: list[Pair], details: dict[str, Any]) -> Finding:
    """The article with the smaller key comes first, so that the pair is one row, from whichever side it was found."""
    own_hash, other_hash = _side(pair.own for pair in sides), _side(pair.other for pair in sides)
    if article.pk < other:
        return Finding(article_id=article.pk, other_id=other, kind=kind, text_hash=own_hash, other_hash=other_hash,
                       details=details)  # fmt: skip
    turned = details | {"passages": [[second, first] for first, second in details["passages"]]}
    if "statements" in details:
        turned["statements"] = [
            {"own": each["other"], "other": each["own"], "unit": each["unit"]} for each in details["statements"]
        ]
    return Finding(article_id=other, other_id=article.pk, kind=kind, text_hash=other_hash, other_hash=own_hash,
                   details=turned)  # fmt: skip


def _side(passages: Iterable[Passage]) -> str:
    return text_hash(sorted({passage.text_hash for passage in passages}))


def text_hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def shorten(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
