"""How a space comes to be searched: cut, filled, indexed, compared, switched; and how one that is dropped goes.

`build` does a bounded part of it each time it is called, and may be killed anywhere: what is left to do is always a
question to the database. The space that is searched comes first.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from time import monotonic

from django.db import transaction
from django.db.models import Case, When
from django.utils import timezone

from knowledge import built_in_questions, indexing, spaces
from knowledge.attempts import SpaceAttempts, give_up
from knowledge.comparison import Comparison, compare_spaces
from knowledge.embedding import EmbeddingFailed
from knowledge.evaluation import EvaluationFailed
from knowledge.evaluation_files import GivenQuestion
from knowledge.filling import BATCH, Filling, Stale
from knowledge.models import Article, Chunk, Embedding, EmbeddingSpace
from knowledge.passages import Uncuttable, add_cut
from knowledge.spaces import SpaceError
from knowledge.vector_index import BUILDER_LOCK, IndexWaits, advisory_lock, build_index, count_rows, drop_index
from supportbot.log import get_logger

logger = get_logger(__name__)

CUT_AT_ONCE = 20  # articles, between two looks for passages without a vector
REMOVED_AT_ONCE = 5_000  # rows
State, Goal = EmbeddingSpace.State, EmbeddingSpace.Goal


def build(seconds: float) -> bool:
    """Do what is due, for about this long (an index or a comparison takes as long as it takes).

    Gives whether there is more to do at once. Does nothing beside another process that is at it.
    """
    with advisory_lock(BUILDER_LOCK) as held:
        if not held:
            return False
        end = monotonic() + seconds
        _look_after_active(end)
        more = any([_remove(space, end) for space in EmbeddingSpace.objects.filter(state=State.DROPPED)])
        for space in _in_the_making():
            more |= _advance(space, end)
        return more


def is_held_elsewhere() -> bool:
    """Whether another process is building just now."""
    with advisory_lock(BUILDER_LOCK) as held:
        return not held


def _look_after_active(end: float) -> None:
    """What customers search is never behind a space that is being built."""
    active = indexing.active_space()
    while monotonic() < end and _add_missing_cut(active, end):
        pass
    try:
        indexing.embed_stale(seconds=end - monotonic())
    except EmbeddingFailed as error:
        logger.warning("active_space_waits", space=active.pk, reason=error.text)
    try:
        indexing.settle()
    except IndexWaits as error:
        logger.warning("active_space_waits", space=active.pk, reason=str(error))


def _in_the_making() -> list[EmbeddingSpace]:
    """The way back before anything new."""
    building = EmbeddingSpace.objects.filter(state=State.BUILDING, paused=False)
    return list(building.order_by(Case(When(goal=Goal.SWITCH, then=0), default=1), "pk"))


def _advance(space: EmbeddingSpace, end: float) -> bool:
    """One step on the way. Gives whether the next can follow at once; a space that waits says why."""
    try:
        if not fill(space, end):
            return True
        space.refresh_from_db()  # somebody may have said otherwise meanwhile
        if space.state != State.BUILDING or space.paused or spaces.missing(space):
            return False  # some articles wait for their next attempt
        if build_index(space):
            return True
        if space.goal == Goal.SWITCH:
            spaces.switch_by_itself(space)
        elif not spaces.is_compared(space):
            compare(space, built_in_questions.questions())
            return True
        else:
            _decide(space)
    except (EmbeddingFailed, EvaluationFailed, IndexWaits, SpaceError) as error:
        tell(space, str(error))
    return False


def _decide(space: EmbeddingSpace) -> None:
    """Switch if it may be done without anybody; else say what is waited for."""
    comparison = space.comparison or {}
    if reason := spaces.loses(space):
        tell(space, reason)
    elif comparison.get("worse"):
        tell(space, "It is worse than the space that is searched, and is not switched to by itself.")
    elif not comparison.get("n"):
        tell(space, "There is no question to compare on. Add test questions to articles, or switch by hand.")
    elif space.goal == Goal.WAIT:
        tell(space, "It is ready. Switch to it when you like.")
    else:
        spaces.switch_by_itself(space)


def tell(space: EmbeddingSpace, text: str) -> None:
    if space.trouble != text[:300]:
        space.trouble = text[:300]
        EmbeddingSpace.objects.filter(pk=space.pk, state=State.BUILDING).update(trouble=space.trouble)
        logger.info("space_waits", space=space.pk)


def fill(space: EmbeddingSpace, end: float) -> bool:
    """Cut and embed until `end`. Gives whether nothing can be done. Raises EmbeddingFailed when the server is away."""
    filling = Filling(space, indexing.recipe_of(space), SpaceAttempts(space), end)
    start = monotonic()
    filling.run(_stale(space, end))
    if filling.written:
        tell(space, "")
    if filling.written >= BATCH:
        rate = filling.written / (monotonic() - start)
        EmbeddingSpace.objects.filter(pk=space.pk).update(rate=rate)
    return not filling.moved and monotonic() < end


def _stale(space: EmbeddingSpace, end: float) -> Iterator[Stale]:
    """Passages as they are needed: those there are, then those of the next few articles that are not cut yet."""
    last = 0  # what was given once is under way, and has no vector yet
    while True:
        for passage in indexing.stale_pages(space, after=last):
            last = passage.chunk_id
            yield passage
        if not _add_missing_cut(space, end):
            return


def _add_missing_cut(space: EmbeddingSpace, end: float) -> int:
    """Cut some articles for this space. Gives how many were tried."""
    tried_no_more = indexing.given_up(space).values("pk")
    keys = indexing.not_cut(space).exclude(pk__in=tried_no_more).order_by("pk").values_list("pk", flat=True)
    tried = 0
    for article in list(islice(keys, CUT_AT_ONCE)):
        if monotonic() >= end:
            break
        tried += 1
        try:
            add_cut(article_id=article, cut=space.cut)
        except Uncuttable as error:
            give_up(space, article, str(error))
    return tried


def compare(
    space: EmbeddingSpace, questions: Sequence[GivenQuestion], say: Callable[[str], object] = lambda _: None
) -> Comparison | None:
    """Ask both spaces the same questions and keep what came of it. None without a question that can be asked.

    Raises SpaceError if another space came to be searched meanwhile: what was found says nothing of that one.
    """
    current = indexing.active_space()
    count_rows()
    found = compare_spaces(current, space, questions, say=say) if questions else None
    kept = {"n": 0, "worse": False} if found is None else found.as_json()
    kept |= {"with": str(current.recipe.get("model")), "with_cut": current.cut, "at": timezone.now().isoformat()}
    spaces.keep_comparison(space, current, kept)
    logger.info("space_compared", space=space.pk, questions=kept["n"], worse=kept["worse"])
    return found


# --- What goes ------------------------------------------------------------------------------------------------------


def _remove(space: EmbeddingSpace, end: float) -> bool:
    """A part of a dropped space. Gives whether there is more of it."""
    try:
        drop_index(space)
    except IndexWaits as error:
        logger.warning("dropped_space_waits", space=space.pk, reason=str(error))
        return False
    while monotonic() < end:
        keys = list(space.embeddings.values_list("pk", flat=True)[:REMOVED_AT_ONCE])
        if not keys:
            break
        Embedding.objects.filter(pk__in=keys).delete()
    if space.embeddings.exists():
        return True
    _retire_unneeded_cuts()
    EmbeddingSpace.objects.filter(pk=space.pk).delete()
    logger.info("space_removed", space=space.pk)
    return False


def _retire_unneeded_cuts() -> None:
    """Passages of a cut that no space reads are live no longer. Old answers keep them, to show where they came from."""
    unneeded = Chunk.objects.filter(live=True).exclude(cut__in=indexing.needed_cuts())
    articles = list(unneeded.order_by("article").values_list("article", flat=True).distinct())
    for article in articles:
        with transaction.atomic():
            Article.objects.select_for_update().filter(pk=article).first()
            indexing.lock_spaces(shared=True)
            unneeded = Chunk.objects.filter(article=article, live=True).exclude(cut__in=indexing.needed_cuts())
            unneeded.update(live=False)
