"""Token ids to text, piece by piece: never half a character, never a part of a stop string."""

from collections.abc import Callable

HALF_CHARACTER = "\ufffd"  # what a decoder gives for bytes that do not make a character yet


class Detokenizer:
    """The text of one answer as it grows. `decode` turns a list of ids into text."""

    def __init__(self, decode: Callable[[list[int]], str], stops: tuple[str, ...] = ()) -> None:
        self._decode = decode
        self._stops = stops
        self._ids: list[int] = []
        self._settled = 0  # ids before this one are fully in the text; decoded again only as context
        self._read = 0
        self._held = ""  # text that may be the beginning of a stop string
        self.stopped = False

    def add(self, token: int) -> str:
        """The text that may be shown after one more token; maybe none yet."""
        self._ids.append(token)
        context = self._decode(self._ids[self._settled : self._read])
        text = self._decode(self._ids[self._settled :])
        if len(text) <= len(context) or text.endswith(HALF_CHARACTER):
            return ""
        self._settled, self._read = self._read, len(self._ids)
        return self._release(text[len(context) :])

    def finish(self) -> str:
        """What is still held when no token follows; bytes that never became a character are dropped."""
        if self.stopped:
            return ""
        context = self._decode(self._ids[self._settled : self._read])
        rest = self._decode(self._ids[self._settled :])[len(context) :].rstrip(HALF_CHARACTER)
        shown = self._release(rest)
        held, self._held = self._held, ""
        return shown if self.stopped else shown + held

    def _release(self, text: str) -> str:
        """Everything before a stop string, or before what may become one."""
        text = self._held + text
        self._held = ""
        found = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            return text[: min(found)]
        longest = max((_overlap(text, stop) for stop in self._stops), default=0)
        if longest:
            self._held = text[-longest:]
            return text[:-longest]
        return text


def _overlap(text: str, stop: str) -> int:
    """How many last characters of `text` begin `stop`."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
