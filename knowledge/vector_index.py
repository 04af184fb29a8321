"""The HNSW index of each space: partial, and built after the fill (an insert into a standing one costs 5-12 ms)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from knowledge.models import EmbeddingSpace
from supportbot.log import get_logger

logger = get_logger(__name__)

# Advisory locks of this database; any numbers nobody else uses.
SWEEP_LOCK, BUILD_LOCK, BUILDER_LOCK = 7_220_001, 7_220_002, 7_220_003
# With pgvector's own 16 and 64, many passages that are much alike hide one another: see docs/scaling.md.
LINKS, BUILD_WIDTH = 24, 128
LOCK_TIMEOUT = "20s"  # a build waits for older transactions; one that idles must not hold a worker for ever


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


def index_name(space: EmbeddingSpace) -> str:
    return f"embedding_hnsw_{space.pk}"


def is_built(space: EmbeddingSpace) -> bool | None:
    """True if the index may be used, False if a build was broken off, None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [index_name(space)])
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def build_index(space: EmbeddingSpace) -> bool:
    """Build the index if there are vectors and no index. Not inside a transaction. Gives whether this call built it."""
    if is_built(space):
        return False
    with advisory_lock(BUILD_LOCK) as held:
        if not held or is_built(space) or not space.embeddings.exists():
            return False
        name, dimensions, number = index_name(space), int(space.dimensions), int(space.pk)
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            try:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                cursor.execute(
                    f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON knowledge_embedding "
                    f"USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) "
                    f"WITH (m = {LINKS}, ef_construction = {BUILD_WIDTH}) WHERE space_id = {number}"
                )
            finally:
                cursor.execute("RESET lock_timeout")
    logger.info("index_built", space=number)
    return True


def drop_index(space: EmbeddingSpace) -> None:
    """Not inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(space)}")
