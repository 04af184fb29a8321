"""What is told about an article's index, beside the article and in the list of articles."""

from dataclasses import asdict, dataclass

from django.utils import timezone

from knowledge.indexing import MAX_ATTEMPTS, active_space, unembedded
from knowledge.models import Article, Chunk


@dataclass(frozen=True, slots=True)
class IndexState:
    """`kind` is draft, archived, moving, waiting, failed or live; `moving` asks the page to look again soon."""

    kind: str
    label: str
    text: str
    moving: bool = False

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def index_state(article: Article) -> IndexState:
    if article.status == Article.Status.DRAFT:
        return IndexState("draft", "Draft", "Customers do not see it.")
    if article.status == Article.Status.ARCHIVED:
        return IndexState("archived", "Archived", "Customers do not see it.")
    space = active_space()
    total = Chunk.objects.filter(article=article, live=True, cut=space.cut).count()
    left = unembedded(space).filter(article=article).count()
    is_behind = left or not total
    done = f"{total - left} of {total} passages embedded" if total else "It has no passages yet"
    if is_behind and article.index_attempts >= MAX_ATTEMPTS:
        reason = article.index_error or "The worker stopped each time while it embedded this article."
        return IndexState("failed", "Not embedded", f"{reason} It was tried {MAX_ATTEMPTS} times. {done}.")
    if is_behind and article.index_error:
        return IndexState("waiting", "Waiting", f"{article.index_error} {_next_try(article)} {done}.", moving=True)
    if not total:
        return IndexState("moving", "Embedding", f"{done}.", moving=True)
    if left:
        return IndexState("moving", "Embedding", f"{done}. Its words are searched already.", moving=True)
    return IndexState("live", "Live", f"{_count(total)}, {_delay(article)}.")


def _next_try(article: Article) -> str:
    if article.index_retry_at is None or article.index_retry_at <= timezone.now():
        return "It is tried again now."
    return f"It is tried again at {timezone.localtime(article.index_retry_at):%H:%M:%S}."


def _count(passages: int) -> str:
    return "1 passage" if passages == 1 else f"{passages} passages"


def _delay(article: Article) -> str:
    if article.answerable_at is None or article.published_at is None:
        return "answerable"
    seconds = max(0.0, (article.answerable_at - article.published_at).total_seconds())
    if seconds < 0.1:
        return "answerable as soon as it was saved"
    return (
        f"answerable {seconds:.1f} s after saving"
        if seconds < 60
        else f"answerable {seconds / 60:.0f} min after saving"
    )
