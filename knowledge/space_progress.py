"""How far a space is, how long it will take, what it costs: in numbers for the terminal and in words for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from django.db import connection

from knowledge.embedding import Recipe, cut_of, embed_passages, passage_text
from knowledge.indexing import active_space, given_up, not_cut, unembedded
from knowledge.models import Article, Chunk, EmbeddingSpace
from knowledge.vector_index import index_name, is_built

PROBE = 32  # passages, embedded once to see how fast this server is
# Of a vector in the table with its small indexes, and in the HNSW index; halves, and what pages leave empty. Measured
# with 64, 384 and 1,024 dimensions: 0.8, 2.2 and 5.7 KB in all.
ROW_BYTES, INDEX_BYTES, NUMBER_BYTES = 210, 290, 2.25
State = EmbeddingSpace.State


@dataclass(frozen=True, slots=True)
class Progress:
    """`total` is an estimate while some articles are not cut yet. `step` is one word; `text` a sentence for people."""

    total: int
    done: int
    articles_given_up: int
    rate: float | None  # passages a second
    seconds_left: float | None
    bytes_now: int
    bytes_expected: int
    step: str
    text: str

    @property
    def percent(self) -> int:
        return 100 if self.total == 0 else min(100, int(100 * self.done / self.total))

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"percent": self.percent}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a space would cost that is not there yet."""

    passages: int
    rate: float
    seconds: float
    size: int  # bytes

    @property
    def text(self) -> str:
        return (
            f"{many(self.passages)} at {self.rate:.0f} a second: {duration(self.seconds)} with nobody chatting, "
            f"and {megabytes(self.size)} of disk."
        )


def progress(space: EmbeddingSpace) -> Progress:
    total, done = _passages(space), space.embeddings.count()
    lost = given_up(space).count()
    left = max(0, total - done)
    seconds = left / space.rate if space.rate else None
    step = _step(space, left, lost)
    return Progress(
        total=total,
        done=done,
        articles_given_up=lost,
        rate=space.rate,
        seconds_left=seconds if step == "embedding" else None,
        bytes_now=done * _row_bytes(space.dimensions) + _index_bytes(space),
        bytes_expected=size_of(total, space.dimensions),
        step=step,
        text=_sentence(space, step, total, done, seconds),
    )


def _passages(space: EmbeddingSpace) -> int:
    """Those that are cut, and for the articles that are not as many as the others have in the mean."""
    cut = Chunk.objects.filter(live=True, cut=space.cut).count()
    uncut = not_cut(space).count()
    if not uncut:
        return cut
    articles = Article.objects.filter(status=Article.Status.PUBLISHED).count() - uncut
    return round(cut + uncut * (cut / articles if articles else _mean_passages(space.cut)))


def _mean_passages(cut: str) -> float:
    """Passages an article, from those of the searched cut: half as long are at most twice as many."""
    active = active_space().cut
    articles = Article.objects.filter(status=Article.Status.PUBLISHED).count()
    known = Chunk.objects.filter(live=True, cut=active).count() / max(1, articles)
    return known * max(1.0, int(active.rpartition("/")[2]) / int(cut.rpartition("/")[2]))


def _step(space: EmbeddingSpace, left: int, lost: int) -> str:
    if space.state != State.BUILDING:
        return str(space.state)
    if space.paused:
        return "paused"
    if left and (not lost or unembedded(space).exclude(article__in=given_up(space).values("pk")).exists()):
        return "embedding"
    if not is_built(space) and space.embeddings.exists():
        return "indexing"
    return "ready" if space.comparison is not None or space.goal == EmbeddingSpace.Goal.SWITCH else "comparing"


def _sentence(space: EmbeddingSpace, step: str, total: int, done: int, seconds: float | None) -> str:
    behind = total - done
    match step:
        case "active":
            waiting = f" {many(behind)} wait for their vectors." if behind else ""
            return f"Searched now. {many(total)}.{waiting}"
        case "retired":
            late = f"It would first catch up with {many(behind)}." if behind else "It is up to date."
            return f"The way back. {late}"
        case "dropped":
            return f"Being removed: {done:,} vectors left."
        case "paused":
            return f"Paused at {done:,} of {many(total)}."
        case "embedding":
            verb = "Catching up" if space.goal == EmbeddingSpace.Goal.SWITCH else "Embedding"
            after = ", then it is searched" if space.goal == EmbeddingSpace.Goal.SWITCH else ""
            left = f", {duration(seconds)} left at {space.rate:.0f} a second" if seconds is not None else ""
            return f"{verb}: {done:,} of {many(total)}{left}{after}."
        case "indexing":
            return f"All of {many(total)} embedded. The index is being built."
        case "comparing":
            return "Being compared with the space that is searched."
    return "Ready."


def estimate(recipe: Recipe) -> Estimate:
    """From some passages that are embedded once. Raises EmbeddingFailed."""
    articles = Article.objects.filter(status=Article.Status.PUBLISHED).count()
    passages = Chunk.objects.filter(live=True, cut=cut_of(recipe)).count() or round(
        articles * _mean_passages(cut_of(recipe))
    )
    rate = measured_rate(recipe, _sample())
    return Estimate(passages, rate, passages / rate, size_of(passages, recipe.dimensions))


def measured_rate(recipe: Recipe, texts: Sequence[str]) -> float:
    """Passages a second, on this server, now."""
    start = monotonic()
    embed_passages(recipe, texts)
    return len(texts) / max(1e-6, monotonic() - start)


def _sample() -> list[str]:
    live = Chunk.objects.filter(live=True, cut=active_space().cut).order_by("text_hash")  # as good as by chance
    words = live.values_list("revision__title", "heading", "text")[:PROBE]
    return [passage_text(*parts) for parts in words] or ["There is no passage yet."]


def size_of(passages: int, dimensions: int) -> int:
    """Bytes of the vectors and of their index."""
    return passages * (_row_bytes(dimensions) + INDEX_BYTES + round(NUMBER_BYTES * dimensions))


def _row_bytes(dimensions: int) -> int:
    return ROW_BYTES + round(NUMBER_BYTES * dimensions)


def _index_bytes(space: EmbeddingSpace) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(pg_relation_size(to_regclass(%s)), 0)", [index_name(space)])
        return int(cursor.fetchone()[0])


def many(passages: int) -> str:
    return "1 passage" if passages == 1 else f"{passages:,} passages"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


def verdict(space: EmbeddingSpace) -> str:
    """What the comparison found, as a sentence; empty before there is one."""
    found = space.comparison
    if not found:
        return ""
    if not found.get("n"):
        return "There was no question to compare on."
    gain = found["ndcg@10"]
    better = "Better" if gain["low"] > 0 else "Worse" if found["worse"] else "No worse"
    asked = "1 question" if found["n"] == 1 else f"{found['n']:,} questions"
    interval = f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    return f"{better} than {found['with']} on {asked}: nDCG@10 {interval}."
