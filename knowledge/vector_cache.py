"""Vectors that were made before, by recipe and text: an evaluation that is run again encodes nothing twice."""

import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

READ = 500  # SQLite's old limit of parameters is 999


class VectorCache:
    """A SQLite file. Vectors are kept as 4-byte floats, in this machine's byte order."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = sqlite3.connect(path, timeout=30)
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS vector "
            "(recipe TEXT, text_hash TEXT, value BLOB, PRIMARY KEY (recipe, text_hash))"
        )

    def __enter__(self) -> "VectorCache":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def get(self, recipe: str, hashes: Iterable[str]) -> dict[str, list[float]]:
        wanted, found = list(hashes), {}
        for start in range(0, len(wanted), READ):
            part = wanted[start : start + READ]
            rows = self.file.execute(
                f"SELECT text_hash, value FROM vector WHERE recipe = ? AND text_hash IN ({_marks(part)})",  # nosec B608 # marks
                [recipe, *part],
            )
            found.update({text_hash: array("f", value).tolist() for text_hash, value in rows})
        return found

    def missing(self, recipe: str, hashes: Iterable[str]) -> set[str]:
        """Those that have no vector yet."""
        wanted = list(dict.fromkeys(hashes))
        left = set(wanted)
        for start in range(0, len(wanted), READ):
            part = wanted[start : start + READ]
            rows = self.file.execute(
                f"SELECT text_hash FROM vector WHERE recipe = ? AND text_hash IN ({_marks(part)})",  # nosec B608 # marks
                [recipe, *part],
            )
            left.difference_update(text_hash for (text_hash,) in rows)
        return left

    def put(self, recipe: str, vectors: Mapping[str, Sequence[float]]) -> None:
        with self.file:
            self.file.executemany(
                "INSERT OR REPLACE INTO vector VALUES (?, ?, ?)",
                [(recipe, text_hash, array("f", vector).tobytes()) for text_hash, vector in vectors.items()],
            )


def _marks(values: Sequence[str]) -> str:
    """A question mark for each value; nothing of theirs gets into the statement."""
    return ",".join("?" * len(values))
