"""Ways of making vectors, and the vectors. Only the verbs of `publishing`, `indexing` and `spaces` write them."""

from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField

from knowledge.embedding import Recipe, cut_of
from knowledge.models.articles import Article, Chunk


class EmbeddingSpace(models.Model):
    """One way of cutting articles and of making vectors. Vectors of two spaces never meet; at most one is active."""

    class State(models.TextChoices):
        BUILDING = "building", "Being built"
        ACTIVE = "active", "Searched"
        RETIRED = "retired", "The way back"
        DROPPED = "dropped", "Being removed"

    class Goal(models.TextChoices):
        """What follows when every passage has its vector."""

        COMPARE = "compare", "Compare, and switch if it is not worse"
        WAIT = "wait", "Compare, and wait for a person"
        SWITCH = "switch", "Switch"

    fingerprint = models.CharField(max_length=16, unique=True)
    recipe = models.JSONField(
        help_text="model, dimensions, query_prefix, passage_prefix, normalise, chunking, passage_tokens"
    )
    dimensions = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.BUILDING)
    goal = models.CharField(max_length=12, choices=Goal.choices, default=Goal.COMPARE)
    paused = models.BooleanField(default=False)
    rate = models.FloatField(null=True, help_text="Passages a second, as last measured.")
    trouble = models.CharField(max_length=300, blank=True, help_text="Why it does not go on, as a sentence.")
    comparison = models.JSONField(null=True, help_text="With the space that was searched then: see spaces.compare.")
    created = models.DateTimeField(auto_now_add=True)
    activated = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["state"], condition=Q(state="active"), name="one_active_space")]

    def __str__(self) -> str:
        return f"{self.recipe.get('model')} ({self.fingerprint}, {self.state})"

    @property
    def cut(self) -> str:
        """Which of a revision's passages are this space's."""
        return cut_of(Recipe(**self.recipe))


class Embedding(models.Model):
    """The vector of one live passage in one space; each space has its own partial HNSW index."""

    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="embeddings")
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="embeddings")
    vector = HalfVectorField()
    audience = models.CharField(max_length=12)
    language = models.CharField(max_length=8)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chunk", "space"], name="one_vector_a_chunk_and_space")]
        indexes = [models.Index(fields=["space", "audience", "language"], name="embedding_faces")]


class Attempt(models.Model):
    """An article that is being embedded in a space which is not searched, or could not be.

    What concerns the space that is searched stands at the article itself: a new space's trouble is not the article's.
    """

    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="attempts")
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="+")
    count = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "article"], name="one_attempt_a_space_and_article")]
