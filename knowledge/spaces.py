"""What people do with embedding spaces. Each verb is one transaction, and refuses with a sentence.

A space is prepared, then built in the background (`building`), compared with the one that is searched, and searched in
its place if it is not worse. The one before is kept as the way back until somebody drops it.
"""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from knowledge.embedding import EmbeddingFailed, Recipe, default_recipe, embed_question
from knowledge.indexing import activate, active_space, existing_spaces, given_up, lock_spaces, not_cut, unembedded
from knowledge.models import Article, EmbeddingSpace
from knowledge.vector_index import is_built
from supportbot.log import get_logger

logger = get_logger(__name__)

MAX_SPACES = 4  # each doubles what a publication writes
MAX_NAME_CHARS, MAX_PREFIX_CHARS = 200, 500
MAX_DIMENSIONS = 4_000  # HNSW over halfvec takes no more
LEAST_PASSAGE_TOKENS, MOST_PASSAGE_TOKENS = 32, 460
SETTLED_SECONDS = 60.0  # questions that began before a switch have ended by then

State = EmbeddingSpace.State
COMPARE, WAIT, SWITCH = EmbeddingSpace.Goal.values


class SpaceError(ValueError):
    """A verb that cannot be done; its text is a sentence for the person who asked for it."""


def prepare(recipe: Recipe | None = None, *, goal: str = COMPARE) -> EmbeddingSpace:
    """Begin to build a space beside the one that is searched; of the settings' recipe unless another is given.

    The encoder is asked for one vector first: a model that nobody serves, or other dimensions, are told at once.
    """
    recipe = recipe or default_recipe()
    _check(recipe)
    active_space()
    with transaction.atomic():
        lock_spaces()
        same = EmbeddingSpace.objects.filter(fingerprint=recipe.fingerprint).first()
        if same is not None:
            return _take_up(same, goal)
        if existing_spaces().filter(state=State.BUILDING).exists():
            raise SpaceError("Another space is being built. Let it end, or drop it first.")
        if existing_spaces().count() >= MAX_SPACES:
            raise SpaceError(f"There are {MAX_SPACES} spaces already. Drop one that nobody needs.")
        space = EmbeddingSpace.objects.create(
            fingerprint=recipe.fingerprint, recipe=asdict(recipe), dimensions=recipe.dimensions, goal=goal
        )
    logger.info("space_prepared", space=space.pk, model=recipe.model, cut=space.cut)
    return space


def _take_up(space: EmbeddingSpace, goal: str) -> EmbeddingSpace:
    if space.state == State.DROPPED:
        raise SpaceError("A space of this recipe is being removed. Try again in a minute.")
    if space.state == State.ACTIVE:
        raise SpaceError("Articles are searched by exactly this recipe already.")
    space.state, space.goal, space.paused, space.trouble, space.comparison = State.BUILDING, goal, False, "", None
    space.save(update_fields=["state", "goal", "paused", "trouble", "comparison"])
    return space


def _check(recipe: Recipe) -> None:
    if not recipe.model or len(recipe.model) > MAX_NAME_CHARS:
        raise SpaceError("Name the model as the embeddings server calls it.")
    if not 1 <= recipe.dimensions <= MAX_DIMENSIONS:
        raise SpaceError(
            f"Vectors of 1 to {MAX_DIMENSIONS:,} dimensions can be searched, not of {recipe.dimensions:,}."
        )
    if max(len(recipe.query_prefix), len(recipe.passage_prefix)) > MAX_PREFIX_CHARS:
        raise SpaceError(f"A prefix has at most {MAX_PREFIX_CHARS} characters.")
    if not LEAST_PASSAGE_TOKENS <= recipe.passage_tokens <= MOST_PASSAGE_TOKENS:
        raise SpaceError(f"A passage has at most {LEAST_PASSAGE_TOKENS} to {MOST_PASSAGE_TOKENS} tokens.")
    try:
        embed_question(recipe, "Is anybody there?")
    except EmbeddingFailed as error:
        raise SpaceError(f"{recipe.model} gives no vectors: {error.text}") from None


def pause(space: EmbeddingSpace) -> None:
    """Stop building it, between two requests."""
    with transaction.atomic():
        held = _hold(space)
        if held.state != State.BUILDING or held.paused:
            raise SpaceError("Only a space that is being built can be paused.")
        _change(space, paused=True)


def resume(space: EmbeddingSpace) -> None:
    """Go on where it was paused, and try again what could not be embedded."""
    with transaction.atomic():
        held = _hold(space)
        if held.state != State.BUILDING or not (held.paused or held.trouble):
            raise SpaceError("Only a space that was paused, or that waits, can be resumed.")
        _change(space, paused=False, trouble="")
        space.attempts.all().delete()


def compare_again(space: EmbeddingSpace) -> None:
    """Ask the questions again, in the background; then the space waits for a person."""
    with transaction.atomic():
        held = _hold(space)
        if held.state != State.BUILDING:
            raise SpaceError("Only a space that is being built is compared with the one that is searched.")
        _change(space, comparison=None, goal=WAIT, paused=False, trouble="")


def switch(space: EmbeddingSpace, *, anyway: bool = False) -> None:
    """Search this space from now on. A space that is worse, or that would lose articles, only `anyway`."""
    _switch(space, anyway=anyway)


def switch_by_itself(space: EmbeddingSpace) -> None:
    """Search this space from now on, unless somebody paused it, wants to decide, or searches another meanwhile."""
    _switch(space, goal=space.goal)


def _switch(space: EmbeddingSpace, *, anyway: bool = False, goal: str | None = None) -> None:
    """A goal is given where nobody asked for the switch just now."""
    with transaction.atomic():
        lock_spaces()
        held = _hold(space)
        if goal is not None and not _is_still_wanted(held, goal):
            raise SpaceError("Something was changed while it was got ready. It is looked at again.")
        if held.state == State.ACTIVE:
            raise SpaceError("This space is searched already.")
        if held.state == State.DROPPED:
            raise SpaceError("This space is being removed.")
        if reason := lacks(held):
            raise SpaceError(reason)
        if not anyway:
            _refuse_worse(held)
            if reason := loses(held):
                raise SpaceError(reason)
        activate(held)
    _begin_counting_anew(space)
    space.refresh_from_db()
    logger.info("space_switched", space=space.pk, anyway=anyway)


def _is_still_wanted(held: EmbeddingSpace, goal: str) -> bool:
    if held.state != State.BUILDING or held.paused or held.goal != goal or goal == WAIT:
        return False
    return goal == SWITCH or is_compared(held)


def is_compared(space: EmbeddingSpace) -> bool:
    """Whether it was compared with the space that is searched now, and not with one before."""
    return (space.comparison or {}).get("with_pk") == active_space().pk


def keep_comparison(space: EmbeddingSpace, current: EmbeddingSpace, found: dict[str, Any]) -> None:
    """What a comparison found. SpaceError if `current` is not searched any more, or this space is."""
    with transaction.atomic():
        lock_spaces()
        held = _hold(space)
        if active_space().pk != current.pk or held.state not in (State.BUILDING, State.RETIRED):
            raise SpaceError("Another space came to be searched meanwhile. Compare again.")
        _change(space, comparison=found | {"with_pk": current.pk}, trouble="")


def _begin_counting_anew(space: EmbeddingSpace) -> None:
    """Failures of another space say nothing of this one. Not in the transaction of a switch, which locks no article."""
    lost = list(unembedded(space).values_list("article", flat=True).distinct())
    Article.objects.filter(pk__in=lost).update(answerable_at=None)
    not_cut(space).update(answerable_at=None)
    Article.objects.filter(index_attempts__gt=0).update(index_attempts=0, index_error="", index_retry_at=None)
    space.attempts.all().delete()


def missing(space: EmbeddingSpace) -> str:
    """What is not cut or not embedded yet, as a sentence; empty if nothing. What was given up is not waited for."""
    tried_no_more = given_up(space).values("pk")
    left = unembedded(space).exclude(article__in=tried_no_more).count()
    uncut = not_cut(space).exclude(pk__in=tried_no_more).count()
    if uncut:
        return f"{_many(uncut, 'article is', 'articles are')} not cut into its passages yet."
    if left:
        return f"{_many(left, 'passage has', 'passages have')} no vector in it yet."
    return ""


def lacks(space: EmbeddingSpace) -> str:
    """What must still be done before it can be searched, as a sentence; empty if nothing."""
    if reason := missing(space):
        return reason
    if not is_built(space) and space.embeddings.exists():
        return "Its index is not built yet."
    return ""


def lost_articles(space: EmbeddingSpace) -> list[str]:
    """Titles of articles that are searched by meaning now, and would not be in this space: they have no vectors."""
    active = active_space()
    lost = given_up(space).exclude(pk__in=unembedded(active).values("article")).exclude(pk__in=not_cut(active))
    return list(lost.order_by("title").values_list("title", flat=True))


def loses(space: EmbeddingSpace) -> str:
    """Which articles a switch to it would lose, as a sentence; empty if none."""
    lost = lost_articles(space)
    if not lost:
        return ""
    more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
    return f"“{lost[0]}”{more} could not be embedded in it, and would be found by words alone. Switch anyway?"


def _refuse_worse(space: EmbeddingSpace) -> None:
    if space.comparison and space.comparison.get("worse"):
        raise SpaceError("It found the right articles less often than the space that is searched. Switch anyway?")


def back() -> EmbeddingSpace:
    """Search the space before this one again; at once, or as soon as it has caught up with what was published since."""
    with transaction.atomic():
        lock_spaces()
        before = one_before()
        if before is None:
            raise SpaceError("There is no space to go back to.")
        if lacks(before) or lost_articles(before):
            _take_up(before, SWITCH)
        else:
            activate(before)
            before.refresh_from_db()
    if before.state == State.ACTIVE:
        _begin_counting_anew(before)
    logger.info("space_back", space=before.pk, at_once=before.state == State.ACTIVE)
    return before


def one_before() -> EmbeddingSpace | None:
    """The way back."""
    retired = existing_spaces().filter(state=State.RETIRED).exclude(activated=None)
    return retired.order_by("-activated").first()


def drop(space: EmbeddingSpace) -> None:
    """Remove it with its vectors, its index, and the passages that no other space needs. `building` carries it out."""
    with transaction.atomic():
        lock_spaces()
        held = _hold(space)
        if held.state == State.ACTIVE:
            raise SpaceError("The space that is searched cannot be dropped. Switch to another first.")
        if held.state == State.RETIRED and active_space().activated > timezone.now() - timedelta(
            seconds=SETTLED_SECONDS
        ):
            raise SpaceError("It was searched a moment ago, and some questions still are. Drop it in a minute.")
        _change(space, state=State.DROPPED, paused=False, trouble="")
    logger.info("space_dropped", space=space.pk)


def _hold(space: EmbeddingSpace) -> EmbeddingSpace:
    held = EmbeddingSpace.objects.select_for_update().filter(pk=space.pk).first()
    if held is None:
        raise SpaceError("This space was removed meanwhile.")
    return held


def _change(space: EmbeddingSpace, **values: object) -> None:
    EmbeddingSpace.objects.filter(pk=space.pk).update(**values)
    space.refresh_from_db()


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
