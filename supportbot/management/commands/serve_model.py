"""`manage.py serve_model`: the process that holds the models; the only one that imports torch."""

import asyncio
import os
import signal
import socket
import stat
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from supportbot.inference.silent_lines import SilentLines
from supportbot.open_files import allow_many

if TYPE_CHECKING:
    import uvicorn

    from supportbot.inference.runtime import Runtime

DRAIN_SECONDS = 2  # after SIGTERM: answers that take longer are cut, and their clients ask again
WATCH_SECONDS = 0.5
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SPARE_CONNECTIONS = 512  # beside those of answers that wait: for vectors, /health, and what clients keep open


class Command(BaseCommand):
    help = "Serve the language model, its adapters and the sentence encoder as an OpenAI-compatible API."
    requires_system_checks: list[str] = []
    _path: Path | None = None  # of our unix socket, removed when we leave

    def add_arguments(self, parser: ArgumentParser) -> None:
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--socket", type=Path, help="unix socket to listen on (default: that of MODEL_URL)")
        place.add_argument("--port", type=int, help="TCP port to listen on")
        parser.add_argument("--host", default="127.0.0.1", help="address for --port (default: 127.0.0.1)")
        parser.add_argument("--threads", type=int, default=settings.MODEL_THREADS, help="processor threads to use")

    def handle(self, *_args: object, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)  # uvicorn drains first, then raises the signal again
        _prepare_environment(options["threads"])
        allow_many()
        listener, place = self._listen(options)
        self.stdout.write(f"model server: listening on {place}, loading")
        self.stdout.flush()
        keys = frozenset() if self._path is not None else self._keys(options["host"])
        dead = asyncio.run(self._serve(listener, options["threads"], keys))
        if dead:
            raise CommandError("The computing thread ended by a fault; the log above says which.")

    def _leave(self, _number: int, _frame: object) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self.stdout.write("model server: stopped")
        self.stdout.flush()
        os._exit(0)  # a thread that is still loading weights must not hold up the end

    def _keys(self, host: str) -> frozenset[str]:
        """Those that our own clients send, wanted of all who come by TCP; a unix socket has the rights of its file."""
        held = (settings.MODEL_API_KEY, settings.EMBEDDING_API_KEY, settings.RERANK_API_KEY)
        keys = frozenset(key for key in held if key)
        if not keys and host not in LOOPBACK:
            self.stdout.write(f"model server: everybody who reaches {host} may use it: set MODEL_API_KEY")
        return keys

    def _listen(self, options: dict[str, Any]) -> tuple[socket.socket, str]:
        if options["port"] is not None:
            try:
                return socket.create_server((options["host"], options["port"])), f"{options['host']}:{options['port']}"
            except OSError as error:
                raise CommandError(f"Port {options['port']} cannot be used: {error.strerror}.") from error
        path = options["socket"] or _socket_of(settings.MODEL_URL)
        listener = _unix_listener(path)
        self._path = path
        return listener, str(path)

    async def _serve(self, listener: socket.socket, threads: int, keys: frozenset[str]) -> bool:
        """Until SIGTERM, or until the computing thread dies: then True."""
        import uvicorn

        from supportbot.inference.runtime import Plan, Runtime
        from supportbot.inference.server import make_app

        plan = Plan(
            base=settings.BASE_MODEL,
            chat=settings.CHAT_MODEL,
            embedding=settings.EMBEDDING_MODEL,
            adapter_dirs=tuple(Path(folder) for folder in settings.ADAPTER_DIRS),
            threads=threads,
            max_batch=settings.MODEL_MAX_BATCH,
            max_waiting=settings.MODEL_MAX_WAITING,
            weights=settings.MODEL_WEIGHTS,
            built=settings.DATA_DIR / "models",
            device=settings.MODEL_DEVICE,
            prompt_version=import_string(settings.PROMPT_VERSION),
        )
        runtime = Runtime(plan)
        config = uvicorn.Config(
            make_app(runtime, keys),
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            limit_concurrency=settings.MODEL_MAX_WAITING + SPARE_CONNECTIONS,
        )
        server = uvicorn.Server(config)
        watch = asyncio.create_task(self._watch(runtime, server))
        await server.serve(sockets=[listener])
        watch.cancel()
        return runtime.dead

    async def _watch(self, runtime: "Runtime", server: "uvicorn.Server") -> None:
        """Say when the models are there; end the server when its computing thread is gone, so that it is restarted.

        Also end connections that never ask for anything: a few hundred of them would keep everybody else out.
        """
        status, lines = "loading", SilentLines()
        while not server.should_exit:
            health = runtime.health()
            if health.status != status:
                status = health.status
                stages = runtime.stages
                detail = f"in {stages.total:.1f} s ({stages})" if status == "ready" else health.reason
                self.stdout.write(f"model server: {status} {detail}")
                self.stdout.flush()
            server.should_exit = server.should_exit or runtime.dead
            lines.end_old(server.server_state.connections, time.monotonic())
            await asyncio.sleep(WATCH_SECONDS)


def _prepare_environment(threads: int) -> None:
    """What torch and its libraries read once, when they are imported.

    Threads that wait for each other spin by default. On cores that others use too, that wastes the very time that the
    slower one needs: 0.8 to 2.5 words a second were measured beside other work, and 11 to 16 with short spins.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"


def _socket_of(url: str) -> Path:
    if not url.startswith("unix:"):
        raise CommandError("MODEL_URL names another server: say --socket PATH or --port N to serve here.")
    return Path(url.removeprefix("unix:"))


def _unix_listener(path: Path) -> socket.socket:
    """A socket that only this user may use. A stale one is replaced, a living one is left alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise CommandError(f"{path} is there and is not a socket: name another path.")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise CommandError(f"Another model server already listens on {path}.")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise CommandError(f"{path} cannot be listened on: {error}.") from error
    finally:
        os.umask(mask)
    listener.listen(1024)
    return listener
