"""Articles, what was published of them, and the passages that are searched.

An `Article` is the thing with an address and holds the draft. A `Revision` is what was published, and never changes.
A `Chunk` is one passage of a revision. Only the verbs of `publishing` write revisions and chunks.
"""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from uuid6 import uuid7

from knowledge.bounds import LANGUAGES, MAX_BODY_CHARS, MAX_TITLE_CHARS

FIRST_CUT = "1/200"


class Audience(models.TextChoices):
    """Who may be shown an article, and so who may be quoted from it."""

    PUBLIC = "public", "Public"
    CUSTOMERS = "customers", "Known customers"
    INTERNAL = "internal", "Internal"


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Article(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=MAX_TITLE_CHARS)
    body = models.TextField(
        blank=True, max_length=MAX_BODY_CHARS, help_text="Markdown. What customers see changes when you publish."
    )
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="articles")
    language = models.CharField(max_length=8, choices=LANGUAGES, default="en")
    audience = models.CharField(max_length=12, choices=Audience.choices, default=Audience.PUBLIC)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT, editable=False)
    review_date = models.DateField(null=True, blank=True, help_text="When somebody should read this again.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    live_revision = models.OneToOneField(
        "Revision", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="live_article"
    )
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    # The state of the index, shown beside the article. What is stale is a query over chunks and embeddings, not a flag.
    published_at = models.DateTimeField(null=True, editable=False, help_text="When the live revision was saved.")
    answerable_at = models.DateTimeField(null=True, editable=False, help_text="When its last passage was embedded.")
    index_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    index_error = models.CharField(max_length=300, blank=True, editable=False)
    index_retry_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["title"]
        indexes = [
            models.Index(fields=["status", "audience", "language"]),
            # The list is searched by parts of words, in the title and in the text.
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="article_title_words"),
            GinIndex(OpClass(Upper("body"), name="gin_trgm_ops"), name="article_body_words"),
        ]
        constraints = [
            models.CheckConstraint(
                name="article_live_only_when_published",
                condition=Q(status="published", live_revision__isnull=False)
                | (~Q(status="published") & Q(live_revision__isnull=True)),
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/help/{self.slug}/"

    @property
    def is_live(self) -> bool:
        return self.status == self.Status.PUBLISHED


class Revision(models.Model):
    """What was published, once. Passages, citations and answers refer to it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=MAX_TITLE_CHARS)
    body = models.TextField(blank=True)
    language = models.CharField(max_length=8)
    audience = models.CharField(max_length=12, choices=Audience.choices)
    category = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["article", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"{self.title} (revision {self.number})"

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise ValidationError("A revision never changes; publish the article again to make a new one.")
        super().save(*args, **kwargs)


class Chunk(models.Model):
    """One passage of a revision. `live`, `audience` and `language` repeat the article's, so that search needs no join.

    Two spaces may be of different cuts; then a live revision has the passages of each, and search reads one cut only.
    Chunks of retired revisions stay (an old answer can be rebuilt from them); they are not live and have no vectors.
    """

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="chunks")
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="chunks")
    cut = models.CharField(
        max_length=16, default=FIRST_CUT, help_text="How the revision was cut: version of the rules / most tokens."
    )
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=600, blank=True, help_text="The heading path, joined by ' > '.")
    anchor = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    text_hash = models.CharField(max_length=64, help_text="sha256 of what is embedded: title, heading path and text.")
    live = models.BooleanField(default=True)
    audience = models.CharField(max_length=12)
    language = models.CharField(max_length=8)
    search = SearchVectorField(null=True, help_text="Weighted: title A, heading B, text C.")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["revision", "cut", "position"], name="chunk_position_once")]
        indexes = [
            GinIndex(fields=["search"], name="chunk_search_live", condition=Q(live=True)),
            models.Index(fields=["article"], name="chunk_live_article", condition=Q(live=True)),
            models.Index(fields=["cut", "audience", "language"], name="chunk_live_faces", condition=Q(live=True)),
            models.Index(fields=["text_hash"], name="chunk_text_hash"),
        ]
