"""What a bench ran on, and how large its tables are."""

import os
import platform
import time
from pathlib import Path
from typing import Any

from django.db import connection

from knowledge.models import EmbeddingSpace
from knowledge.vector_index import index_name

SETTINGS = (
    "server_version",
    "shared_buffers",
    "maintenance_work_mem",
    "work_mem",
    "hnsw.ef_search",
    "hnsw.iterative_scan",
)


def facts() -> dict[str, Any]:
    """Of this machine, and of the server that the connection leads to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        told = {"pgvector": cursor.fetchone()[0]}
        for name in SETTINGS:
            cursor.execute("SELECT current_setting(%s)", [name])
            told[name] = cursor.fetchone()[0]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return told | {"processor": processor(), "cores": os.cpu_count(), "memory_gib": round(pages / 2**30, 1)}


def load() -> list[float]:
    """The load average of 1, 5 and 15 minutes: figures of a busy machine are too high."""
    return [round(value, 2) for value in os.getloadavg()]


def sizes(space: EmbeddingSpace) -> dict[str, int]:
    """Bytes of the tables and of the indexes that a search uses, and of this session's own memory where it is near."""
    indexes = {index_name(space): "hnsw", index_name(space, "public"): "hnsw_public"}
    names = ["knowledge_embedding", "knowledge_chunk", "chunk_search_live", "chunk_live_faces", "embedding_faces"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_table_size(oid) FROM pg_class WHERE relname = ANY(%s)",
            [[*names, *indexes]],
        )
        found = {indexes.get(name, name): size for name, size in cursor.fetchall()}
    if (process := server_process()) is not None:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        found["backend_private"] = int(fields["RssAnon"].split()[0]) * 1024
    return found


def server_process() -> int | None:
    """The server's process that serves this connection, if it runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        process = int(cursor.fetchone()[0])
    name = Path(f"/proc/{process}/comm")
    return process if name.exists() and "postgres" in name.read_text() else None


class Processor:
    """Milliseconds of a core that a search costs, here and in the server. On a busy machine the clock tells more."""

    def __init__(self, process: int | None) -> None:
        self.place = Path(f"/proc/{process}/schedstat") if process else None

    def spent(self) -> float | None:
        """So far; None where the server's share cannot be known."""
        if self.place is None or not self.place.exists():
            return None
        return int(self.place.read_text().split()[0]) / 1e6 + 1000 * time.process_time()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
