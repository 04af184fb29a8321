"""Where articles came from: sources, runs over them, and what each run did with each document."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from knowledge.models.articles import LANGUAGES, Article, Audience, Category

MAX_KEY_CHARS = 500
MAX_MESSAGE_CHARS = 300


class ImportSource(models.Model):
    """A folder, file or address that articles come from, and what is taken for granted about its documents."""

    class Missing(models.TextChoices):
        KEEP = "keep", "Keep them as they are"
        UNPUBLISH = "unpublish", "Unpublish them"
        ARCHIVE = "archive", "Archive them"

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20, blank=True, help_text="How to read it. Left empty, it is guessed.")
    location = models.CharField(max_length=1000, blank=True, help_text="An address, or a folder of the server.")
    upload = models.CharField(max_length=60, blank=True, editable=False, help_text="Its folder in the data folder.")
    upload_name = models.CharField(max_length=200, blank=True, editable=False, help_text="What staff called it.")
    uploaded = models.DateTimeField(null=True, editable=False)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="For documents that name none.",
    )  # fmt: skip
    language = models.CharField(
        max_length=8, choices=LANGUAGES, default="en", help_text="Of documents that do not say it."
    )
    audience = models.CharField(
        max_length=12, choices=Audience.choices, default=Audience.PUBLIC, help_text="Of documents that do not say it."
    )
    publish = models.BooleanField(default=False, help_text="Otherwise all stay drafts until somebody publishes them.")
    missing = models.CharField(
        max_length=12,
        choices=Missing.choices,
        default=Missing.KEEP,
        verbose_name="articles whose document is gone",
        help_text="What a run does when a document that it imported before is no longer there.",
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "import"

    def __str__(self) -> str:
        return self.name


class ImportRun(models.Model):
    """One reading of a source. A preview writes no article."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        READING = "reading", "Reading"
        WRITING = "writing", "Writing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (State.QUEUED, State.READING, State.WRITING)

    source = models.ForeignKey(ImportSource, on_delete=models.CASCADE, related_name="runs")
    preview = models.BooleanField(default=False)
    overwrite = models.BooleanField(default=False, help_text="Replace what was edited here since.")
    allow_missing = models.BooleanField(default=False, help_text="Even if the source may be broken.")
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    found = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="How many items of each action there are.")
    planned = models.PositiveIntegerField(default=0, help_text="Documents that are to be written.")
    written = models.PositiveIntegerField(default=0, help_text="Of these, how many are done.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a process began or continued it.")
    cancel_asked = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    heartbeat = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(state__in=("queued", "reading", "writing")), name="one_run_a_source"
            )
        ]

    def __str__(self) -> str:
        return f"{'Preview' if self.preview else 'Import'} of {self.source}, {self.created:%Y-%m-%d %H:%M}"

    @property
    def is_finished(self) -> bool:
        return self.state not in self.UNFINISHED


class ImportItem(models.Model):
    """What a run did, or would do, with one document."""

    class Action(models.TextChoices):
        FAILED = "failed", "Failed"
        HELD = "held", "Held back"
        EDITED = "edited", "Edited here since"
        MISSING = "missing", "Missing"
        NEW = "new", "New"
        CHANGED = "changed", "Changed"
        MOVED = "moved", "Moved"
        UNCHANGED = "unchanged", "Unchanged"

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=MAX_KEY_CHARS)
    action = models.CharField(max_length=12, choices=Action.choices)
    title = models.CharField(max_length=200, blank=True)
    article = models.ForeignKey(Article, null=True, on_delete=models.SET_NULL, related_name="+")
    message = models.CharField(max_length=MAX_MESSAGE_CHARS, blank=True)
    sample = models.TextField(blank=True, help_text="The beginning of the text, for the first items of a preview.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_item_a_run_and_key")]
        indexes = [models.Index(fields=["run", "action"])]

    def __str__(self) -> str:
        return f"{self.key}: {self.get_action_display()}"


class ImportedArticle(models.Model):
    """Which document an article came from, and what it said then."""

    source = models.ForeignKey(ImportSource, on_delete=models.CASCADE, related_name="articles")
    key = models.CharField(max_length=MAX_KEY_CHARS)
    article = models.OneToOneField(Article, on_delete=models.CASCADE, related_name="imported")
    text_digest = models.CharField(max_length=64, help_text="sha256 of title and body as they were written.")
    content_digest = models.CharField(max_length=64, help_text="sha256 of the document's own text, to know it again.")
    facts = models.JSONField(default=dict, help_text="Category, language and audience as the document said them.")
    left_as = models.CharField(max_length=12, choices=Article.Status.choices)
    address = models.CharField(max_length=1000, blank=True, help_text="Where the document was published.")
    last_seen = models.ForeignKey(ImportRun, null=True, on_delete=models.SET_NULL, related_name="+")
    missing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="one_article_a_source_and_key")]

    def __str__(self) -> str:
        return f"{self.article} from {self.key}"
