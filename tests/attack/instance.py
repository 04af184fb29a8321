"""The product under attack: `manage.py up` in a data folder of its own, on 127.0.0.1, and a tap on what it sends to the
engine.

Behind the tap stands the fake engine, or the real model server with `real`. The attacker comes from many addresses:
the instance believes X-Forwarded-For of 127.0.0.1, so that the limits of one attack do not hide another.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from supportbot.server_binaries import die_with_parent

PROJECT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 420.0
STOP_SECONDS = 60.0
SETTINGS = {
    "TRUSTED_PROXIES": "127.0.0.1",
    "RERANK_PASSAGES": "0",
    # Lower than usual, so that too much is soon reached.
    "CHAT_QUESTIONS_PER_MINUTE": "12",
    "CHAT_DEEDS_PER_MINUTE": "60",
}
MOST_BODIES = 5000
ENGINE = "engine.sock"
WRONG = re.compile(r"level=(?:error|critical)[^\n]*|^\S*(?:Error|Exception|Failed): [^\n]*", re.MULTILINE)


class InstanceFailed(Exception):
    """The product does not run; the text has the end of its output."""


class Tap:
    """An OpenAI-compatible server that hands everything on, keeps each body it was sent, and may change messages."""

    def __init__(self, upstream: Path, port: int) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.change: Callable[[list[dict[str, str]]], list[dict[str, str]]] = lambda messages: messages
        self._client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(upstream)), timeout=120)
        app = Starlette(routes=[Route("/{path:path}", self._pass, methods=["GET", "POST", "PUT"])])
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        if self._thread.is_alive():
            self._thread.join(5)

    async def _pass(self, request: Request) -> Response:
        content = await request.body()
        if request.url.path.endswith("/chat/completions"):
            body = json.loads(content)
            if len(self.bodies) < MOST_BODIES:
                self.bodies.append(body)
            content = json.dumps(body | {"messages": self.change(body["messages"])}).encode()
        sent = self._client.build_request(
            request.method,
            f"http://model{request.url.path}",
            content=content,
            headers={"Content-Type": "application/json"},
        )
        answer = await self._client.send(sent, stream=True)
        kind = answer.headers.get("content-type", "application/json")
        return StreamingResponse(answer.aiter_raw(), answer.status_code, media_type=kind)


class Instance:
    def __init__(self, data_dir: Path, port: int, engine_port: int, *, real: bool) -> None:
        self.data_dir, self.port, self.real = data_dir, port, real
        self.url, self.address = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
        self.engine = data_dir / ENGINE
        self.tap = Tap(self.engine, engine_port)
        self.output = data_dir / "up.log"
        self._engine_url = f"http://127.0.0.1:{engine_port}/v1"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        fake = ["-m", "supportbot.inference.fake_server", "--socket", str(self.engine)]
        self._spawn(["manage.py", "serve_model", "--socket", str(self.engine)] if self.real else fake, "engine.log")
        self._wait(self._engine_answers, "a healthy engine", self.data_dir / "engine.log")
        self.tap.start()
        self._spawn(["manage.py", "up"], "up.log", MODEL_URL=self._engine_url)
        self._wait(lambda: "Ready" in self.output.read_text(errors="replace"), "the product being ready", self.output)

    def _spawn(self, command: list[str], log: str, **more: str) -> None:
        with (self.data_dir / log).open("wb") as out:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    cwd=PROJECT,
                    env=os.environ | {"NO_COLOR": "1", "PORT": str(self.port)} | more,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    preexec_fn=die_with_parent(signal.SIGTERM),
                )
            )

    def _engine_answers(self) -> bool:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.engine)), timeout=2) as client:
                return client.get("http://model/health").status_code == 200
        except httpx.HTTPError:
            return False

    def _wait(self, true: Callable[[], bool], what: str, log: Path) -> None:
        end = time.monotonic() + START_SECONDS
        while not true():
            if time.monotonic() > end or any(process.poll() is not None for process in self._processes):
                raise InstanceFailed(f"{what} did not happen:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.tap.stop()

    def is_alive(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def script(self, **steps: list[str]) -> None:
        """What the fake engine's next requests meet."""
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.engine)), timeout=5) as client:
            client.put("http://model/script", json=steps).raise_for_status()

    def mark(self) -> int:
        """Where the web server's log ends now."""
        return self._web_log().stat().st_size

    def complaints(self, since: int = 0) -> list[str]:
        """Errors that the web server logged after this mark, and exceptions that it printed."""
        with self._web_log().open("rb") as log:
            log.seek(since)
            return WRONG.findall(log.read().decode(errors="replace"))

    def _web_log(self) -> Path:
        return self.data_dir / "logs" / "web.log"
