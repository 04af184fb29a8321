"""Look at an article that changed, and keep what is found. What is due is a query; a task only hurries it.

Every check is safe twice and in any order: a finding is its two articles and the hashes of the texts compared, so the
same finding is the same row, and what somebody dismissed stays dismissed until one of the texts changes.
"""

import random
from collections.abc import Iterable
from time import monotonic
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from knowledge.findings.contradictions import contradictions
from knowledge.findings.held_questions import ask_again
from knowledge.findings.links import broken_links, internal_links
from knowledge.findings.neighbours import near_articles, pairs
from knowledge.findings.overlaps import overlaps
from knowledge.findings.rows import contradiction_rows, keep, link_row, overlap_row, question_row, touching
from knowledge.indexing import MAX_ATTEMPTS, active_cut, active_space
from knowledge.models import Article, Checkup, Finding, InternalLink
from knowledge.retrieval import RetrievalError
from supportbot.log import get_logger

logger = get_logger(__name__)

OF_TWO = (Finding.Kind.OVERLAP, Finding.Kind.CONTRADICTION)
MAX_OF_A_KIND = 20  # findings of one article
MAX_SLUG_CHARS = 120  # of an article; a link to a longer one leads nowhere
MAX_LINKING = 500  # articles that are looked at again because a page they link to changed
READ = 200
BUSY = 20  # articles
CUT_ANEW = """
UPDATE knowledge_checkup SET compared = NULL WHERE compared IS NOT NULL AND article_id IN (
    SELECT finding.article_id FROM knowledge_finding AS finding
    JOIN knowledge_article AS own ON own.id = finding.article_id AND own.answerable_at IS NOT NULL
    JOIN knowledge_article AS other ON other.id = finding.other_id AND other.answerable_at IS NOT NULL
    WHERE finding.dismissed_at IS NULL AND EXISTS (
        SELECT FROM jsonb_array_elements(finding.details -> 'passages' -> 0) AS named (chunk)
        WHERE NOT EXISTS (
            SELECT FROM knowledge_chunk AS chunk
            WHERE chunk.id = named.chunk::bigint AND chunk.live AND chunk.cut = %(cut)s
        )
    )
    LIMIT %(most)s
)"""


def check_article(article_id: UUID) -> None:
    """Compare it with the others, try its links and those to it, and ask its test questions again.

    Raises RetrievalError where the articles cannot be searched; the article is due again then.
    """
    article = Article.objects.select_related("live_revision").filter(pk=article_id).first()
    if article is None:
        return
    before = Checkup.objects.filter(article=article).first()
    compared = before.compared if before else None
    readers = {"audience": str(article.audience), "language": article.language}
    if not article.is_live or (before and any(getattr(before, name) != value for name, value in readers.items())):
        compared = None
    check_links(article)
    face = {"slug": article.slug, "audience": str(article.audience), "revision": article.live_revision_id}
    if before is None or any(getattr(before, name) != value for name, value in face.items()):
        check_linking({article.slug} | ({before.slug} if before else set()), but=article.pk)
    Checkup.objects.update_or_create(
        article=article, defaults=face | readers | {"updated": article.updated, "compared": compared}
    )
    if not article.is_live:
        Finding.objects.filter(touching(article), kind__in=OF_TWO, dismissed_at=None).delete()
        article.findings.filter(kind=Finding.Kind.TEST_QUESTION_LOST, dismissed_at=None).delete()
    elif article.answerable_at and compared != article.live_revision_id:
        check_texts(article)
        check_questions(article)
        Checkup.objects.filter(article=article).update(compared=article.live_revision_id)
    logger.info("article_checked", article=str(article.pk), findings=article.findings.count())


def check_texts(article: Article) -> None:
    """Overlaps and contradictions with other live articles."""
    space = active_space()
    recorded = Finding.objects.filter(touching(article), kind__in=OF_TWO).values_list("article_id", "other_id")
    partners = {key for both in recorded for key in both if key and key != article.pk}
    partners.update(near_articles(article, space))
    compared = pairs(article, partners, space)
    found = [overlap_row(article, overlap) for overlap in overlaps(compared)[:MAX_OF_A_KIND]]
    found += contradiction_rows(article, contradictions(compared))[:MAX_OF_A_KIND]
    keep(found, Finding.objects.filter(touching(article), kind__in=OF_TWO, dismissed_at=None))


def check_links(article: Article) -> None:
    """The links of its live text and of its draft."""
    bodies = [article.body] + ([article.live_revision.body] if article.live_revision else [])
    slugs = {link.slug for body in bodies for link in internal_links(body) if 0 < len(link.slug) <= MAX_SLUG_CHARS}
    with transaction.atomic():
        article.internal_links.exclude(slug__in=slugs).delete()
        InternalLink.objects.bulk_create(
            [InternalLink(article=article, slug=slug) for slug in sorted(slugs)], ignore_conflicts=True
        )
    found = [link_row(article, link) for link in broken_links(article)[:MAX_OF_A_KIND]]
    keep(found, article.findings.filter(kind=Finding.Kind.BROKEN_LINK))


def check_linking(slugs: Iterable[str], *, but: UUID | None = None) -> None:
    """The links of the articles that link to these addresses."""
    linking = InternalLink.objects.filter(slug__in=list(slugs)).exclude(article=but).values("article")
    for article in Article.objects.filter(pk__in=linking).select_related("live_revision")[:MAX_LINKING]:
        try:
            check_links(article)
        except DatabaseError as error:  # one that cannot be looked at stops no other, and is due itself
            logger.warning("checkup_failed", article=str(article.pk), error=type(error).__name__)
            Checkup.objects.filter(article=article).delete()


def check_questions(article: Article) -> None:
    """A question that is no longer answered from here is a finding."""
    found = [question_row(article, question) for question in ask_again(article).lost[:MAX_OF_A_KIND]]
    keep(found, article.findings.filter(kind=Finding.Kind.TEST_QUESTION_LOST, dismissed_at=None))


def due() -> QuerySet[Article]:
    """Articles that changed since they were looked at, longest unchanged first."""
    same = Q(checkup__updated=F("updated"), checkup__slug=F("slug"))
    same &= Q(checkup__revision=F("live_revision_id")) | Q(checkup__revision=None, live_revision=None)
    same &= Q(checkup__compared=F("live_revision_id")) | Q(answerable_at=None)
    return Article.objects.filter(Q(checkup=None) | ~same).order_by("updated")


def compare_again() -> None:
    """Make due what has a finding of passages that are searched no longer: texts are cut anew without being changed."""
    with connection.cursor() as cursor:
        cursor.execute(CUT_ANEW, {"cut": active_cut(), "most": READ})


def check_due(*, seconds: float) -> int:
    """Look at what is due until the time is over. Gives how many articles were looked at."""
    end, count = monotonic() + seconds, 0
    for gone in Checkup.objects.filter(article=None)[:READ]:
        if monotonic() >= end:
            return count
        try:
            check_linking([gone.slug])
            gone.delete()
        except DatabaseError as error:
            logger.warning("checkup_failed", checkup=gone.pk, error=type(error).__name__)
    compare_again()
    keys = list(due().values_list("pk", flat=True)[:READ])
    random.shuffle(keys)  # one that always fails or takes too long must not stand before the others for ever
    for key in keys:
        if monotonic() >= end:
            break
        try:
            check_article(key)
        except (RetrievalError, DatabaseError) as error:
            logger.warning("checkup_failed", article=str(key), error=type(error).__name__)
        else:
            count += 1
    return count


def is_awaited(article: Article) -> bool:
    """Something may be found soon: it changed, or its passages are about to get their vectors."""
    if due().filter(pk=article.pk).exists():
        return True
    if not article.is_live or article.index_attempts >= MAX_ATTEMPTS:
        return False
    return not Checkup.objects.filter(article=article, compared=article.live_revision_id).exists()


def is_embedding_busy() -> bool:
    """Many articles wait for their vectors: being answerable goes before being looked at."""
    waiting = Article.objects.filter(
        status=Article.Status.PUBLISHED, answerable_at=None, index_attempts__lt=MAX_ATTEMPTS
    )
    return len(waiting.order_by().values_list("pk")[: BUSY + 1]) > BUSY


def findings_of(article: Article) -> list[Finding]:
    """What is open, gravest first: contradictions, overlaps, broken links, lost questions."""
    order = {kind: place for place, kind in enumerate(Finding.Kind.values)}
    found = Finding.objects.filter(touching(article), dismissed_at=None).select_related("article", "other")
    return sorted(found[: 5 * MAX_OF_A_KIND], key=lambda finding: (order[finding.kind], finding.pk))


def dismiss(*, finding: Finding, by: object) -> None:
    """Remember that this is no fault. It holds until the text of either article changes."""
    Finding.objects.filter(pk=finding.pk).update(dismissed_by=by, dismissed_at=timezone.now())
    logger.info("finding_dismissed", finding=finding.pk, kind=finding.kind)
