"""Connections that ask for nothing: the HTTP server itself waits for the rest of a request's head for ever."""

from collections.abc import Collection
from typing import Any

HEAD_SECONDS = 20.0  # from the connection, or the answer before, to the last line of a request's head


class SilentLines:
    """Those of one server. A connection is uvicorn's protocol: its `cycle` is the request that it has or had last."""

    def __init__(self) -> None:
        self._since: dict[Any, float] = {}

    def end_old(self, connections: Collection[Any], now: float) -> int:
        """Close what has been silent for too long by this clock; gives how many."""
        silent = [one for one in connections if one.cycle is None or one.cycle.response_complete]
        self._since = {one: self._since.get(one, now) for one in silent}
        old = [one for one, since in self._since.items() if now - since > HEAD_SECONDS]
        for one in old:
            one.transport.abort()
        return len(old)
