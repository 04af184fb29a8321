"""Ways of making vectors, and the vectors. Only the verbs of `publishing` and `indexing` write them."""

from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField

from knowledge.models.articles import Chunk


class EmbeddingSpace(models.Model):
    """One way of making vectors. Vectors of two spaces never meet; at most one space is active."""

    class State(models.TextChoices):
        BUILDING = "building", "Building"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    fingerprint = models.CharField(max_length=16, unique=True)
    recipe = models.JSONField(help_text="model, dimensions, query_prefix, passage_prefix, normalise, chunking")
    dimensions = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.BUILDING)
    created = models.DateTimeField(auto_now_add=True)
    activated = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["state"], condition=Q(state="active"), name="one_active_space")]

    def __str__(self) -> str:
        return f"{self.recipe.get('model')} ({self.fingerprint}, {self.state})"


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
