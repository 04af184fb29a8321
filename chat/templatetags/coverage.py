"""`{% questions_of article %}`: what an article answered and should have, beside its form."""

from typing import Any

from django import template

from chat import coverage
from knowledge.models import Article

register = template.Library()


@register.inclusion_tag("admin/knowledge/article/questions.html", takes_context=True)
def questions_of(context: template.Context, article: Article) -> dict[str, Any]:
    """Conversations are linked for those who may read them; the questions themselves are theirs to see alone."""
    user = context["request"].user
    allowed = user.has_perm("chat.view_conversation")
    return {"article": article, "coverage": coverage.questions_of(article), "may_read": allowed}
