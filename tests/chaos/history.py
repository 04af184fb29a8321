"""What happened, an event a line: written while it happens, read back by the checker and by the report.

An event is a JSON object with `t` (seconds since the run began) and `what`:

* `hello`, `ask`, `stop`, `rate`: a tab said this (`who`, and the frame's fields).
* `got`: a tab heard `frame`. `dial`, `lost` (`why`), `left`: what became of its line.
* `fault` and `healed`: `n`, `kind`, and what was done to whom.
* `row`: a message as it is stored in the end. `at_end`: what each tab still waits for.
* `wrong`: what the harness saw outside of any tab (`kind`, `text`). `fact`: a number for the report.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]
OWN_CUT = "cut by its customer"  # why a line was lost that no fault has cost
MOST_BYTES = 2_000_000_000


class HistoryFull(Exception):
    """The file has reached its bound: the run must end."""


class History:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w", encoding="utf-8")
        self._began = time.monotonic()
        self._bytes = 0

    def now(self) -> float:
        return time.monotonic() - self._began

    def note(self, what: str, **fields: Any) -> None:
        """Raises HistoryFull."""
        line = json.dumps({"t": round(self.now(), 4), "what": what, **fields}, ensure_ascii=True)
        self._bytes += len(line) + 1
        if self._bytes > MOST_BYTES:
            raise HistoryFull(f"{self.path} has {MOST_BYTES:,} bytes: make shorter runs")
        self._file.write(line + "\n")

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Event]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
