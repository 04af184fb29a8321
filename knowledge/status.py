"""Whether saved articles become answerable, for the page of `supportbot.status`."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Min
from django.utils import timezone

from knowledge.indexing import MAX_ATTEMPTS, given_up, unembedded
from knowledge.models import Chunk, Embedding, EmbeddingSpace
from supportbot.status import Check, Figure, Part, State, briefly, register

GROUP = "What waits"
LATE_SECONDS, STUCK_SECONDS = 60, 300
MOVING_SECONDS = 120  # a vector was written so lately: what waits is worked at
WAITING, BUILDING = "Passages that wait for a vector", "Embedding spaces in the making"


def register_all() -> None:
    register(Check("passages", WAITING, GROUP, waiting))
    register(Check("spaces", BUILDING, GROUP, building))


def waiting() -> Iterator[Part]:
    """Of the space that is searched: until then a passage is found by its words alone."""
    with briefly():
        space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
        passages = (
            unembedded(space) if space else Chunk.objects.filter(live=True)
        )  # the first space comes with a vector
        due = passages.filter(article__index_attempts__lt=MAX_ATTEMPTS)
        count, oldest = due.count(), due.aggregate(oldest=Min("article__published_at"))["oldest"]
        lost = given_up(space).count() if space else 0
        newest = Embedding.objects.filter(space=space).order_by("-pk").values_list("created", flat=True).first()
    yield _waiting(count, _seconds_since(oldest), lost, _seconds_since(newest), oldest)


def _waiting(count: int, age: float, lost: int, moved: float, oldest: datetime | None) -> Part:
    state, text, remedy = State.WORKS, "None waits: every published article is found by its meaning.", ""
    if count:
        text = f"{_passages(count)}, the oldest for {age:.0f} s."
        if age > STUCK_SECONDS and moved > MOVING_SECONDS:
            state, text = State.STUCK, f"{text} None was embedded in the last minutes."
        elif age > LATE_SECONDS:
            state, text = State.LATE, f"{text} They are worked at, or tried again."
        if state != State.WORKS:
            remedy = "See the embeddings server, the queue “embed” and the sweep “embed what is stale” above."
    if lost and state == State.WORKS:
        state, remedy = State.LATE, "Open them in the list of articles (index: failed): each says why; save it again."
    if lost:
        text += f" {lost} article{'s were' if lost > 1 else ' was'} given up."
    since = oldest if count and state in (State.LATE, State.STUCK) else None
    return Part("passages", WAITING, state, text, remedy, since, figures(count, age if count else 0, lost))


def figures(count: int, age: float, lost: int) -> tuple[Figure, ...]:
    return (
        Figure("supportbot_passages_waiting", "Live passages without a vector in the searched space.", count),
        Figure("supportbot_passages_waiting_oldest_seconds", "How long the oldest of them has waited.", age),
        Figure("supportbot_articles_given_up", "Published articles whose embedding is tried no more.", lost),
    )


def building() -> Iterator[Part]:
    """The backlog of re-embedding; customers notice nothing of it."""
    with briefly():
        spaces = list(EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.BUILDING))
        left = sum(unembedded(space).count() for space in spaces)
    figure = Figure("supportbot_passages_to_reembed", "Passages without a vector in spaces in the making.", left)
    troubled = any(space.trouble for space in spaces)
    if not spaces:
        text = "None is being built."
    else:
        paused = " (paused)" if all(space.paused for space in spaces) else ""
        text = f"{len(spaces)} being built{paused}; {left} vectors are to be made."
    state = State.LATE if troubled else State.WORKS
    remedy = "The page “Embedding spaces” says what is in the way." if troubled else ""
    yield Part("spaces", BUILDING, state, text, remedy, figures=(figure,))


def _passages(count: int) -> str:
    return "1 passage waits" if count == 1 else f"{count} passages wait"


def _seconds_since(when: datetime | None) -> float:
    return max(0.0, (timezone.now() - when).total_seconds()) if when else float("inf")
