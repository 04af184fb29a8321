"""A Python process whose clock is wrong: `python -m tests.chaos.skewed SECONDS uvicorn ARGUMENTS`.

Only what asks `time.time` is wrong, which is what identifiers, tokens and limits ask; timers go as they always do.
"""

import runpy
import sys
import time


def main() -> None:
    seconds, module = float(sys.argv[1]), sys.argv[2]
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
