"""The HNSW indexes of each space: partial, and built after the fill (an insert into a standing one costs 5-12 ms)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from knowledge.models import EmbeddingSpace
from knowledge.scope import COUNTED_PASSAGES, most_read
from supportbot.log import get_logger

logger = get_logger(__name__)

# Advisory locks of this database; any numbers nobody else uses.
SWEEP_LOCK, BUILD_LOCK, BUILDER_LOCK = 7_220_001, 7_220_002, 7_220_003
# With pgvector's own 16 and 64, many passages that are much alike hide one another: see docs/scaling.md.
LINKS, BUILD_WIDTH = 24, 128
MANY_OTHERS = 3_000
LOCK_TIMEOUT = "20s"  # of what can be tried again at no cost; a build that is done waits for older transactions


class IndexWaits(Exception):
    """Another transaction is in the way of an index; the text is a sentence for people."""


@contextmanager
def advisory_lock(key: int) -> Iterator[bool]:
    """Whether this process alone holds the lock, for as long as the block runs. It is released when a process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def index_name(space: EmbeddingSpace, audience: str = "") -> str:
    return f"embedding_hnsw_{space.pk}" + (f"_{audience}" if audience else "")


def wanted_audiences(space: EmbeddingSpace) -> list[str]:
    """Whose passages have an index: everybody's (""), and the public's own where a walk would meet many others.

    What is public and what is not are of different subjects. A question about the other subject walks past all of that
    first: at 100,000 passages, 57 % of them public, one in twenty questions took six times as long as the rest.
    """
    many = most_read(COUNTED_PASSAGES, space.dimensions)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FROM (
                    SELECT FROM knowledge_embedding WHERE space_id = %(space)s AND audience = 'public'
                    LIMIT {many}
                ) AS public
                UNION ALL SELECT count(*) FROM (
                    SELECT FROM knowledge_embedding
                    WHERE space_id = %(space)s AND audience IN ('customers', 'internal') LIMIT {MANY_OTHERS}
                ) AS others""",  # nosec B608 # two numbers of our own
            {"space": space.pk},
        )
        (public,), (others,) = cursor.fetchall()
    return ["", "public"] if public >= many and others >= MANY_OTHERS else [""]


def is_built(space: EmbeddingSpace) -> bool | None:
    """True if every index that is wanted may be used, False if one is missing or broken off, None if there is none."""
    states = _states(space)
    if all(states.get(index_name(space, audience)) for audience in wanted_audiences(space)):
        return True
    return False if states else None


def build_index(space: EmbeddingSpace) -> bool:
    """Build what is missing if there are vectors. Not inside a transaction. Gives whether this call built it.

    Raises IndexWaits.
    """
    if is_built(space):
        return False
    with advisory_lock(BUILD_LOCK) as held:
        if not held or is_built(space) or not space.embeddings.exists():
            return False
        states = _states(space)
        for audience in wanted_audiences(space):
            if not states.get(index_name(space, audience)):
                _build(space, audience)
    count_rows()
    logger.info("index_built", space=space.pk)
    return True


def count_rows() -> None:
    """The planner guesses one row for a space that it has not heard of, and leaves its index unused.

    What is known of words is left to autovacuum: the search takes its own meaning from it (`lexemes`).
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE knowledge_embedding, knowledge_chunk (article_id, cut, live)")


def drop_index(space: EmbeddingSpace) -> None:
    """Not inside a transaction. Raises IndexWaits."""
    for name in _states(space):
        _drop(name)


def _drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        try:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise IndexWaits("An index waits for another transaction to end. It is tried again.") from None
            raise
        finally:
            cursor.execute("RESET lock_timeout")


def _states(space: EmbeddingSpace) -> dict[str, bool]:
    """The indexes of the space that there are, and whether each may be used."""
    names = [index_name(space), index_name(space, "public")]
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT relname, indisvalid FROM unnest(%s::text[]) AS relname
               JOIN pg_index ON indexrelid = to_regclass(relname)""",
            [names],
        )
        return dict(cursor.fetchall())


def _build(space: EmbeddingSpace, audience: str) -> None:
    name, dimensions = index_name(space, audience), int(space.dimensions)
    of = f"space_id = {int(space.pk)}" + (f" AND audience = '{audience}'" if audience else "")
    _drop(name)
    with connection.cursor() as cursor:
        # When all the work is done it waits for older transactions: ending it then would begin it anew, for ever.
        cursor.execute("SET lock_timeout = 0")
        try:
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON knowledge_embedding "
                f"USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) "
                f"WITH (m = {LINKS}, ef_construction = {BUILD_WIDTH}) WHERE {of}"
            )
        finally:
            cursor.execute("RESET lock_timeout")
