"""The product's processes on one machine, kept running by its own supervisor: two or more web processes, a worker with
its beat, PostgreSQL, Valkey, and the fake engine in place of the model server.

Started by `tests.chaos.stack` as a process of its own; faults are done to these processes from outside.
"""

import argparse
import os
import sys
from pathlib import Path

import httpx

TOO_MANY_DEATHS = 3  # before all have answered once


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", type=int, nargs="+", required=True)
    parser.add_argument("--engine-script", type=Path, required=True, help="what the engine meets when it starts anew")
    parser.add_argument("--skew", type=float, default=0.0, help="seconds that the clock of the last web is ahead")
    options = parser.parse_args()

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")
    django.setup()
    from supportbot.stop_signal import Stopped, StopSignal

    stop = StopSignal()
    stop.listen()
    try:
        run(options.ports, options.engine_script, options.skew, stop.pause)
    except Stopped:
        sys.exit(0)


def run(ports: list[int], script: Path, skew: float, pause) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from supportbot.embedded import EmbeddedServices
    from supportbot.log_file import log_tail
    from supportbot.stack import beat_child, web_child, worker_child
    from supportbot.supervisor import FIRST_DELAY, TICK_SECONDS, Child, Supervisor
    from tests.chaos import shop

    services = EmbeddedServices(settings.DATA_DIR, settings.RUN_DIR, attach=False, pause=pause)
    supervisor = Supervisor(
        logs=services.logs, folder=settings.BASE_DIR, environment=os.environ, services=services, say=say
    )
    try:
        services.start()
        supervisor.start(engine_child(settings.RUN_DIR / "model.sock", script, Child))
        call_command("migrate", verbosity=0, interactive=False)
        worker = worker_child()
        worker.command = [*worker.command, "--include", "tests.chaos.poison"]
        supervisor.start(worker)
        supervisor.start(beat_child())
        for number, port in enumerate(ports, 1):
            child = web_child("127.0.0.1", port)
            child.name = f"web-{number}"
            if skew and number == len(ports):
                python, _, *uvicorn = child.command  # python -m uvicorn …
                child.command = [python, "-m", "tests.chaos.skewed", str(skew), *uvicorn]
            supervisor.start(child)
        shop.fill()
        connection.close()
        connection.close_pool()
        said = False
        while True:
            supervisor.look()
            for child in supervisor.children:
                child.delay = FIRST_DELAY  # each fault is to be met as the first one
            if not said and any(child.deaths >= TOO_MANY_DEATHS for child in supervisor.children):
                sys.exit(
                    "\n".join(log_tail(supervisor.log_of(child.name)) for child in supervisor.children if child.deaths)
                )
            if not said and all(child.answered for child in supervisor.children):
                said = True
                say("Ready", "")
            pause(TICK_SECONDS)
    finally:
        supervisor.stop()
        services.stop()


def engine_child(socket: Path, script: Path, child_of):
    command = [sys.executable, "-m", "supportbot.inference.fake_server", "--socket", str(socket)]

    def answers() -> bool:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=1.5) as client:
                return client.get("http://model/health").status_code == 200
        except httpx.HTTPError:
            return False

    return child_of("model", [*command, "--script", str(script)], answers, stop_seconds=3)


def say(verb: str, text: str) -> None:
    print(verb, text, flush=True)


if __name__ == "__main__":
    main()
