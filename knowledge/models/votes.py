"""What readers of the help pages say of an article: was it helpful?"""

from django.db import models


class HelpfulVote(models.Model):
    """One a visitor and article; the visitor is a random word in a cookie, kept as its hash."""

    article = models.ForeignKey("knowledge.Article", on_delete=models.CASCADE, related_name="votes")
    revision = models.ForeignKey("knowledge.Revision", on_delete=models.CASCADE, related_name="+")
    visitor = models.CharField(max_length=64)
    helpful = models.BooleanField()
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["article", "visitor"], name="one_vote_a_visitor_and_article")]

    def __str__(self) -> str:
        return f"{'Helpful' if self.helpful else 'Not helpful'}, {self.updated:%Y-%m-%d}"
