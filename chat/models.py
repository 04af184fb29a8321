"""What was said, by whom, and what each answer rested on.

A customer's `Message` and the bot's reply to it are a row each. The reply's row is made first and always gets a last
word: `status` ends as done or failed, and `outcome` says how. `epoch` and the lease belong to whoever writes the
answer: every write of a reply says `WHERE epoch = …`, so a process that lost its lease can write nothing.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from chat.widget_settings import WidgetSettings
from knowledge.models import Audience

MIN_SECRET_CHARS = 32  # HS256 is as strong as its key: RFC 7518, section 3.2


class Widget(WidgetSettings):
    """One place where the chat is shown: its public key and the sites that may open it."""

    class SignIn(models.TextChoices):
        APART = "apart", "It stays with the browser's stranger, apart from the customer"
        ALONG = "along", "It is taken along, and becomes the customer's"

    key = models.SlugField(max_length=40, unique=True, help_text="Public; part of the socket's address.")
    name = models.CharField(max_length=80)
    allowed_origins = models.TextField(
        blank=True,
        help_text="One origin a line, such as https://shop.example. The server's own address is always allowed.",
    )
    greeting = models.CharField(max_length=300, blank=True)
    suggestions = ArrayField(models.CharField(max_length=120), default=list, blank=True, size=4)
    identity_secret = models.CharField(
        max_length=100,
        blank=True,
        validators=[MinLengthValidator(MIN_SECRET_CHARS)],
        help_text=f"Signs known customers in (HS256), {MIN_SECRET_CHARS} characters or more; empty: nobody.",
    )
    # With a default in the database too: a process of the version before knows nothing of these three.
    identity_secret_before = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        validators=[MinLengthValidator(MIN_SECRET_CHARS)],
        help_text="While a new secret is brought to your servers: the one before it, good until this is emptied.",
    )
    identity_issuer = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="If given, a token must name it as its issuer (iss).",
    )
    on_sign_in = models.CharField(
        max_length=8,
        choices=SignIn.choices,
        default=SignIn.APART,
        db_default=SignIn.APART,
        help_text="What becomes of the conversation that a customer began before signing in.",
    )
    only_language = models.BooleanField(
        "only in the customer's language",
        default=False,
        help_text="Answer from articles in the language of the question alone. Otherwise they only come first.",
    )
    active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

    @property
    def identity_keys(self) -> list[str]:
        """What a customer's signed word may be signed with."""
        return [key for key in (self.identity_secret, self.identity_secret_before) if key]

    @property
    def origins(self) -> list[str]:
        return [line.strip() for line in self.allowed_origins.splitlines() if line.strip()]


class Visitor(models.Model):
    """A browser, or a known customer (`external_id` from the company's own signed word)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    widget = models.ForeignKey(Widget, on_delete=models.PROTECT, related_name="visitors")
    external_id = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=120, blank=True)
    token_generation = models.PositiveIntegerField(default=1, help_text="Raised by log-out: older tokens end.")
    created = models.DateTimeField(auto_now_add=True)
    seen = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["widget", "external_id"], condition=~Q(external_id=""), name="one_visitor_a_known_customer"
            )
        ]

    def __str__(self) -> str:
        return self.name or f"Visitor {str(self.id)[-6:]}"

    @property
    def audiences(self) -> list[str]:
        """What may be quoted to this visitor."""
        known = self.external_id and self.widget.audience == Widget.Reach.CUSTOMERS
        return [str(Audience.PUBLIC), *([str(Audience.CUSTOMERS)] if known else [])]


class Conversation(models.Model):
    class State(models.TextChoices):
        BOT = "bot", "With the assistant"
        WAITING = "waiting", "Waiting for a person"
        AGENT = "agent", "With a person"
        CLOSED = "closed", "Closed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    widget = models.ForeignKey(Widget, on_delete=models.PROTECT, related_name="conversations")
    visitor = models.ForeignKey(Visitor, on_delete=models.CASCADE, related_name="conversations")
    state = models.CharField(max_length=8, choices=State.choices, default=State.BOT)
    language = models.CharField(max_length=16, blank=True)
    page_url = models.CharField(max_length=500, blank=True)
    page_title = models.CharField(max_length=200, blank=True)
    about = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="{name, email}: what the visitor said before the chat."
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    waiting_since = models.DateTimeField(null=True, blank=True)
    handover_reason = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated"]
        permissions = [
            ("answer_conversation", "Can answer customers"),
            ("export_conversation", "Can export conversations"),
        ]
        indexes = [models.Index(fields=["visitor", "-updated"]), models.Index(fields=["state", "waiting_since"])]

    @property
    def unproven(self) -> list[tuple[str, str]]:
        """What the visitor says of itself, as pairs: a template would take a name such as `items` for a method."""
        return list(self.about.items())

    def __str__(self) -> str:
        return f"Conversation {str(self.id)[-6:]}"


class Message(models.Model):
    class Role(models.TextChoices):
        CUSTOMER = "customer", "Customer"
        BOT = "bot", "Assistant"
        AGENT = "agent", "Person"

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        STREAMING = "streaming", "Being written"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    class Outcome(models.TextChoices):
        ANSWERED = "answered", "Answered"
        EXTRACTED = "extracted", "Passage shown"
        ABSTAINED = "abstained", "Nothing found"
        HANDED_OVER = "handed_over", "Handed to a person"
        STOPPED = "stopped", "Stopped by the customer"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=8, choices=Role.choices)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DONE)
    created = models.DateTimeField(auto_now_add=True)
    # A customer's message.
    client_id = models.UUIDField(
        null=True, editable=False, help_text="Made by the client: the same id is the same message."
    )
    # An agent's message.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # The bot's reply.
    reply_to = models.OneToOneField("self", null=True, on_delete=models.CASCADE, related_name="reply")
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=40, blank=True, help_text="Why it was not answered: a code.")
    epoch = models.PositiveIntegerField(
        default=0, help_text="0: nobody has begun. Raised by each owner and each restart."
    )
    seq = models.PositiveIntegerField(default=0, help_text="The last stored frame of this epoch that the text holds.")
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, help_text="By the database's clock.")
    stop_requested = models.BooleanField(default=False)
    nearest = models.JSONField(default=list, blank=True, help_text="[{title, url}] offered when nothing answered.")
    follow_ups = models.JSONField(default=list, blank=True)
    standalone_question = models.TextField(blank=True, help_text="The question as it was searched for.")
    model = models.CharField(max_length=120, blank=True)
    adapter = models.CharField(max_length=80, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    answerable_score = models.FloatField(null=True)
    # With a default in the database too: a process of the version before knows nothing of these two.
    support = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="[{text, cited, score}]: how well the passages support each sentence, from 0 to 1.",
    )
    stopped = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="What was held back from the customer, after its kind: a fact in no passage, or a sentence.",
    )
    times = models.JSONField(
        default=dict, blank=True, help_text="Milliseconds from acceptance: queued, searched, first, total."
    )
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["conversation", "id"]),
            models.Index(
                fields=["lease_until"], name="message_unfinished", condition=Q(status__in=["queued", "streaming"])
            ),
            models.Index(fields=["created"], name="message_bot_created", condition=Q(role="bot")),
            GinIndex(
                fields=["nearest"],
                name="message_nearest",
                opclasses=["jsonb_path_ops"],
                condition=Q(outcome="abstained"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "client_id"], name="one_message_a_client_id"),
            models.CheckConstraint(
                name="message_done_has_outcome", condition=~Q(role="bot", status="done") | ~Q(outcome="")
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.get_role_display()}, {self.created:%Y-%m-%d %H:%M}"
            if isinstance(self.created, datetime)
            else self.role
        )


class RetrievedPassage(models.Model):
    """A passage that was retrieved for an answer, whether it was cited, and where it stood."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="passages")
    n = models.PositiveSmallIntegerField(help_text="Its number in the prompt and in the text's [n] markers.")
    chunk = models.ForeignKey("knowledge.Chunk", null=True, on_delete=models.SET_NULL, related_name="+")
    revision = models.ForeignKey("knowledge.Revision", null=True, on_delete=models.SET_NULL, related_name="citations")
    title = models.CharField(max_length=200)
    heading = models.CharField(max_length=600, blank=True)
    url = models.CharField(max_length=400)
    score = models.FloatField(help_text="Fused.")
    similarity = models.FloatField(null=True, help_text="Cosine, of the dense arm.")
    lexical = models.FloatField(null=True)
    cited = models.BooleanField(default=False)

    class Meta:
        ordering = ["n"]
        constraints = [models.UniqueConstraint(fields=["message", "n"], name="passage_number_once")]
        indexes = [models.Index(fields=["revision", "message"], name="passage_revision_message")]


class Rating(models.Model):
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="rating")
    score = models.SmallIntegerField(choices=[(1, "Helpful"), (-1, "Not helpful")])
    comment = models.CharField(max_length=1000, blank=True)
    updated = models.DateTimeField(auto_now=True)


class Review(models.Model):
    """A manager's judgement of one answer."""

    class Verdict(models.TextChoices):
        GOOD = "good", "Good"
        PARTLY = "partly", "Partly"
        WRONG = "wrong", "Wrong"
        SHOULD_HAVE_ANSWERED = "should_answer", "Should have answered"
        SHOULD_HAVE_ABSTAINED = "should_abstain", "Should have abstained"

    class Label(models.TextChoices):
        SEARCH_MISSED = "search_missed", "Search missed the article"
        ARTICLE_MISSING = "article_missing", "Article is missing"
        ARTICLE_WRONG = "article_wrong", "Article is wrong"
        MISREAD = "misread", "Passage was misread"
        TONE = "tone", "Tone"
        UNSAFE = "unsafe", "Unsafe"

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="review")
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    labels = ArrayField(models.CharField(max_length=20, choices=Label.choices), default=list, blank=True)
    corrected_answer = models.TextField(blank=True, max_length=4000)
    note = models.TextField(blank=True, max_length=2000)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    updated = models.DateTimeField(auto_now=True)


class ContactRequest(models.Model):
    """What a customer left when nobody was on duty: stored, and promised nothing more than that."""

    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=models.SET_NULL, related_name="contact_requests"
    )
    widget = models.ForeignKey(Widget, on_delete=models.PROTECT, related_name="+")
    email = models.EmailField()
    note = models.TextField(blank=True, max_length=2000)
    created = models.DateTimeField(auto_now_add=True)
    handled = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created"]
