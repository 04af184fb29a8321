"""What the desk tells editors about their articles: overlaps, contradictions, broken links, questions to hold.

Everything here is made by `knowledge.findings` in a task, and may be made anew at any time; only the questions to hold
and what somebody has dismissed are people's own.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from knowledge.models.articles import Article


class Finding(models.Model):
    """Something that an editor should see. One of two articles is kept once: `article` has the smaller key.

    The hashes say which text of either side was looked at: a finding of other texts is another finding, so that "not a
    duplicate" holds until either text changes.
    """

    class Kind(models.TextChoices):
        CONTRADICTION = "contradiction", "Says otherwise"
        OVERLAP = "overlap", "Overlap"
        BROKEN_LINK = "broken_link", "Broken link"
        TEST_QUESTION_LOST = "test_question_lost", "Question lost"

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="findings")
    other = models.ForeignKey(Article, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    text_hash = models.CharField(max_length=64, help_text="sha256 of what was looked at in the article.")
    other_hash = models.CharField(max_length=64, blank=True, help_text="The same of the other article.")
    details = models.JSONField(default=dict, help_text="A few short fields for the page, by kind.")
    found_at = models.DateTimeField(auto_now_add=True)
    dismissed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    dismissed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["article", "other", "kind", "text_hash", "other_hash"],
                name="finding_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["kind", "article"], name="finding_open", condition=Q(dismissed_at__isnull=True)),
            models.Index(fields=["kind", "other"], name="finding_open_other", condition=Q(dismissed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.pk})"


class TestQuestion(models.Model):
    """A question that the article must go on answering. It is searched for again after each publication."""

    __test__ = False  # not a test to be collected

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="test_questions")
    question = models.CharField(max_length=500)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    last_rank = models.PositiveSmallIntegerField(null=True, help_text="The article's place; empty: not found.")
    last_checked = models.DateTimeField(null=True, help_text="Empty: not searched for yet.")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["article", "question"], name="test_question_once")]

    def __str__(self) -> str:
        return self.question


class InternalLink(models.Model):
    """A link from an article's live text or draft to the help page of another, so that the others are found fast."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="internal_links")
    slug = models.CharField(max_length=120, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["article", "slug"], name="internal_link_once")]

    def __str__(self) -> str:
        return f"/help/{self.slug}/"


class Checkup(models.Model):
    """What an article was when it was last looked at. One that differs from its checkup is due.

    It outlives its article, without it: whoever links to that address is looked at again, and then it goes.
    """

    article = models.OneToOneField(Article, null=True, on_delete=models.SET_NULL, related_name="checkup")
    slug = models.CharField(max_length=120)
    audience = models.CharField(max_length=12, blank=True)
    language = models.CharField(max_length=8, blank=True)
    updated = models.DateTimeField()
    revision = models.UUIDField(null=True, help_text="The live one.")
    compared = models.UUIDField(null=True, help_text="The live one whose passages were compared: it had its vectors.")
    checked_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Checkup of {self.slug}"
