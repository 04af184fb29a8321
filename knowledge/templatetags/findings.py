"""`{% findings_of article %}`: what was found about an article, beside its form."""

from typing import Any

from django import template

from knowledge.findings import checkups
from knowledge.findings.held_questions import held_questions
from knowledge.models import Article, Finding

register = template.Library()

DISMISS = {
    "contradiction": "No contradiction, remember",
    "overlap": "Not a duplicate, remember",
    "broken_link": "Leave it, remember",
    "test_question_lost": "Not from here, remember",
}


@register.inclusion_tag("admin/knowledge/article/findings.html", takes_context=True)
def findings_of(context: template.Context, article: Article) -> dict[str, Any]:
    """Open findings, gravest first; `due` says that the article is about to be looked at."""
    return context_of(article, may_change=bool(context.get("has_change_permission")))


def context_of(article: Article, *, may_change: bool) -> dict[str, Any]:
    return {
        "article": article,
        "rows": [row(finding, article) for finding in checkups.findings_of(article)],
        "due": checkups.is_awaited(article),
        "held": str(held_questions(article)),
        "may_change": may_change,
    }


def row(finding: Finding, article: Article) -> dict[str, Any]:
    """A finding as this article's reader sees it: the other article, and what is said here and there."""
    turned = finding.article_id != article.pk
    statements = [
        {"here": each["other"], "there": each["own"]} if turned else {"here": each["own"], "there": each["other"]}
        for each in finding.details.get("statements", [])
    ]
    other = finding.article if turned else finding.other
    return {"finding": finding, "other": other, "statements": statements, "dismiss": DISMISS[finding.kind]}
