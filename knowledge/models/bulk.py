"""One change of many articles: asked for in the list, confirmed on its own page, done there or by a worker."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid6 import uuid7

MAX_ARTICLES = 20_000


class BulkChange(models.Model):
    """`done` and `failed` count the articles from the front of the list, so that a worker goes on where one stopped."""

    class Verb(models.TextChoices):
        PUBLISH = "publish", "Publish"
        UNPUBLISH = "unpublish", "Unpublish"
        ARCHIVE = "archive", "Archive"
        REEMBED = "reembed", "Embed again"
        CATEGORY = "category", "Set category"
        OWNER = "owner", "Set owner"
        LANGUAGE = "language", "Set language"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    verb = models.CharField(max_length=12, choices=Verb.choices)
    value = models.CharField(max_length=40, blank=True, help_text="The category, owner or language to set.")
    articles = ArrayField(models.UUIDField(), size=MAX_ARTICLES)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True, help_text="By the database's clock: somebody is at it.")
    finished_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures = models.JSONField(default=list, help_text="The first failures: title and sentence.")

    class Meta:
        indexes = [
            models.Index(
                fields=["created"],
                name="bulk_unfinished",
                condition=models.Q(confirmed_at__isnull=False, finished_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {len(self.articles)} articles"
