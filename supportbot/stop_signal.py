"""Ctrl-C and its kin, heard at safe points only: an exception in the midst of a library leaves its locks held."""

import signal
import time
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLICE_SECONDS = 0.1


class Stopped(BaseException):
    """We were asked to stop. Not an Exception: nothing on the way may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopSignal:
    def __init__(self) -> None:
        self.asked: int | None = None

    def listen(self) -> None:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup: a hang-up is no end
                signal.signal(number, self._hear)

    def pause(self, seconds: float) -> None:
        """Sleep; raises Stopped as soon as a signal has come."""
        end = time.monotonic() + seconds
        while self.asked is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))
        if self.asked is not None:
            raise Stopped(self.asked)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = self.asked or number
