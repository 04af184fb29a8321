"""`python -m tests.chaos.run --minutes 30 --seed 7`: customers, faults, a history of both, and what is wrong with it.

Everything runs on 127.0.0.1 in a data folder of its own, which is removed afterwards. Exit status 1: a promise was
broken; the history is kept then, and its path printed.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent.parent
# Shorter than in production, so that minutes show what days would.
SETTINGS = {
    "CHAT_LEASE_SECONDS": "4",
    "CHAT_GRACE_SECONDS": "8",
    "CHAT_FIRST_TOKEN_SECONDS": "8",
    "CHAT_QUESTIONS_PER_MINUTE": "100000",
    "CHAT_ADDRESS_QUESTIONS_PER_MINUTE": "1000000",
    "CHAT_WIDGET_QUESTIONS_PER_MINUTE": "1000000",
    "CHAT_ANSWERABLE_FLOOR": "0.1",
    "RERANK_PASSAGES": "0",
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="of faults (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the faults and customers (default: by chance)")
    parser.add_argument("--browsers", type=int, default=16, help="customers (default: %(default)s)")
    parser.add_argument("--webs", type=int, default=2, help="web processes (default: %(default)s)")
    parser.add_argument("--faults", default="", help="names, separated by commas (default: all)")
    parser.add_argument("--apart", type=float, nargs=2, default=(1.5, 5.0), help="seconds between two faults")
    parser.add_argument("--resumes", type=int, default=0, help="come back to an answer so often, in place of faults")
    parser.add_argument("--disk", type=int, default=0, help="MB of a disk of its own, which is filled (as root)")
    parser.add_argument("--skew", type=float, default=0.0, help="seconds that one web process's clock is ahead")
    parser.add_argument("--production", action="store_true", help="leases and patience as in production")
    parser.add_argument("--json", type=Path, help="where the report is written")
    parser.add_argument("--keep", type=Path, help="a new folder for history and logs, also if all went well")
    options = parser.parse_args(given)
    options.faults = [name.strip() for name in options.faults.split(",") if name.strip()]
    return options


def prepare(data_dir: Path, *, production: bool) -> None:
    """The environment of every process, before Django reads it. Empty means the default, whatever `.env` says."""
    for line in (PROJECT / ".env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            os.environ[line.partition("=")[0]] = ""
    longer = {name for name in SETTINGS if name.endswith("_SECONDS")} if production else set()
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in longer})
    os.environ |= {"DATA_DIR": str(data_dir), "PORT": str(free_port()), "DJANGO_SETTINGS_MODULE": "supportbot.settings"}
    import django

    django.setup()
    logging.disable(logging.WARNING)  # of this process alone: the report has the screen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    data_dir = Path(tempfile.gettempdir()) / f"supportbot-chaos-{os.getpid()}"
    prepare(data_dir, production=options.production)
    from supportbot.embedded import make_data_dir

    make_data_dir(data_dir)
    if options.disk:
        size = f"size={options.disk}m,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(data_dir)], check=True)
    kept = options.keep or data_dir.with_suffix(".kept")
    kept.mkdir(parents=True)
    try:
        report = asyncio.run(_run(options, seed, data_dir, kept / "history.jsonl"))
        if report["violations"] or options.keep:
            shutil.copytree(data_dir / "logs", kept / "logs")
            print(f"the history and the logs are in {kept}")
        else:
            shutil.rmtree(kept)
    finally:
        if options.disk:
            subprocess.run(["umount", str(data_dir)], check=True)
        shutil.rmtree(data_dir, ignore_errors=True)
    return 1 if report["violations"] else 0


async def _run(options: argparse.Namespace, seed: int, data_dir: Path, path: Path) -> dict[str, Any]:
    from django.conf import settings

    from tests.chaos import checker, history, report
    from tests.chaos.faults import FAULTS
    from tests.chaos.scene import Scene
    from tests.chaos.stack import Stack

    if unknown := set(options.faults) - FAULTS.keys():
        sys.exit(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    stack = Stack(data_dir, settings.RUN_DIR, [free_port() for _ in range(options.webs)], options.skew)
    began = time.monotonic()
    stack.start()
    try:
        await stack.ready()
        print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
        scene = Scene(stack, history.History(path), options, seed)
        about = await scene.play()
    finally:
        stack.stop()
    findings = checker.check(history.read(path), float(settings.CHAT_GRACE_SECONDS))
    found = report.summarise(history.read(path), findings, about)
    print(report.as_text(found), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return found


if __name__ == "__main__":
    sys.exit(main())
