"""`python -m tests.attack.run --minutes 30 --seed 7`: attacks on a running instance, and what came of them.

Everything runs on 127.0.0.1 in a data folder of its own, which is removed afterwards. Exit status 1: something got
through. `--real` asks the real model, which injections need; the other attacks want the fake engine, which is faster
and says what it is told to.
"""

import argparse
import json
import logging
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent.parent


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="of frame fuzzing (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of what is chosen by chance (default: by chance)")
    parser.add_argument("--kinds", default="", help="names, separated by commas (default: all that fit the engine)")
    parser.add_argument("--real", action="store_true", help="ask the real model: injections alone, unless --kinds")
    parser.add_argument("--few", action="store_true", help="a sample of each list, as the tests do")
    parser.add_argument("--models", type=Path, help="a folder of weights that were converted before, for --real")
    parser.add_argument("--json", type=Path, help="where the report is written")
    parser.add_argument("--keep", type=Path, help="a new folder for the logs")
    options = parser.parse_args(given)
    options.kinds = [name.strip() for name in options.kinds.split(",") if name.strip()]
    return options


def prepare(data_dir: Path, port: int) -> None:
    """The environment of every process, before Django reads it. Empty means the default, whatever `.env` says."""
    for line in (PROJECT / ".env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            os.environ[line.partition("=")[0]] = ""
    from tests.attack.instance import ENGINE, SETTINGS

    os.environ.update(SETTINGS)
    os.environ |= {"DATA_DIR": str(data_dir), "PORT": str(port), "DJANGO_SETTINGS_MODULE": "supportbot.settings"}
    os.environ["MODEL_URL"] = f"unix:{data_dir / ENGINE}"  # of this process; the product reaches it through the tap
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright runs its loop in this thread
    import django

    django.setup()
    logging.disable(logging.CRITICAL)  # of this process alone: the report has the screen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that all is put away
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    data_dir = Path(tempfile.gettempdir()) / f"supportbot-attack-{os.getpid()}"
    port = free_port()
    prepare(data_dir, port)
    from supportbot.embedded import make_data_dir

    make_data_dir(data_dir)
    if options.models:
        (data_dir / "models").symlink_to(options.models.resolve())
    try:
        report = _run(options, seed, data_dir, port)
        if options.keep:
            shutil.copytree(data_dir / "logs", options.keep)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    return 1 if report["summary"]["got_through"] else 0


def _run(options: argparse.Namespace, seed: int, data_dir: Path, port: int) -> dict[str, Any]:
    from tests.attack import tally
    from tests.attack.instance import Instance
    from tests.attack.kinds import FAKE, KINDS, REAL
    from tests.attack.scene import Scene

    if unknown := set(options.kinds) - KINDS.keys():
        sys.exit(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    instance = Instance(data_dir, port, free_port(), real=options.real)
    began, rows = time.monotonic(), []
    try:
        instance.start()
        print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
        scene = Scene(instance, random.Random(seed), minutes=options.minutes, few=options.few)
        for name in options.kinds or (REAL if options.real else FAKE):
            since = time.monotonic()
            found = [each.as_row() for each in KINDS[name](scene)]
            rows += found
            through = sum(row["got_through"] for row in found)
            print(f"{name}: {through} got through, {time.monotonic() - since:.0f} s", flush=True)
            for row in found:
                print(*row["examples"], sep="\n", flush=True) if row["examples"] else None
    finally:
        instance.stop()
    summary = {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "tried": sum(row["tried"] for row in rows),
        "got_through": sum(row["got_through"] for row in rows),
    }
    report = {"rows": rows, "summary": summary}
    print(tally.as_text(report), flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False))
    return report


if __name__ == "__main__":
    sys.exit(main())
