"""Our own model server as a peer: a process of its own, asked over HTTP as the website asks it."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx

from supportbot.inference.bench.peers import LOAD_SECONDS, PROJECT, ROUND_SECONDS, PeerFailed, memory_of
from supportbot.inference.sse import MalformedStream, StreamRefused, read_deltas
from supportbot.server_binaries import die_with_parent

LOOK_SECONDS = 0.2
WAY = re.compile(r"words are written by (\w+ (\w+))")  # the server measures that at its start, and logs it
NATURAL_STREAMS = 8
BYTES = {"int8": 1, "bf16": 2, "fp32": 4}
TOKENS = re.compile(r"^model_(prompt|reused)_tokens_total (\S+)", re.MULTILINE)


class Server:
    """`serve_model` with the settings of this installation, but for its socket and threads."""

    name = "ours"

    def __init__(self, socket: Path, log: Path, model: str, threads: int) -> None:
        self.socket, self.log = socket, log
        self.model, self.threads = model, threads
        self.facts: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "manage.py", "serve_model", "--socket", str(self.socket)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--threads", str(self.threads)],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        end = time.monotonic() + LOAD_SECONDS
        while self._status() != "ready":
            if self._process.poll() is not None or time.monotonic() > end:
                raise PeerFailed(f"Our model server did not start; {self.log} says why.")
            time.sleep(LOOK_SECONDS)
        if way := WAY.search(self.log.read_text(errors="replace")):
            self.facts |= {"precision": way[1], "bytes_a_weight": BYTES.get(way[2], 2)}

    def ask(self, work: Mapping[str, Any]) -> dict[str, Any]:
        """So many streams ask at once; each asks its next question when it has its answer."""
        return asyncio.run(self._round(work["asked"], work["streams"], exact=True))

    def natural_lengths(self, asked: Sequence[Mapping[str, Any]]) -> list[int]:
        """How many tokens each answer has where the model may end it, of at most `tokens`."""
        told = asyncio.run(self._round(asked, NATURAL_STREAMS, exact=False))
        return [one["tokens"] for one in told["heard"]]

    def memory(self) -> dict[str, int]:
        assert self._process is not None
        return memory_of(self._process.pid)

    def reused(self) -> float:
        """The share of the prompts' tokens that were taken from the cache."""
        counts = {name: float(value) for name, value in TOKENS.findall(self._get("metrics").text)}
        return counts["reused"] / max(1.0, counts["reused"] + counts["prompt"])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    async def _round(self, asked: Sequence[Mapping[str, Any]], streams: int, *, exact: bool) -> dict[str, Any]:
        waiting = list(enumerate(asked))
        heard: list[dict[str, Any]] = []
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://model", timeout=ROUND_SECONDS) as client:

            async def stream() -> None:
                while waiting:
                    number, one = waiting.pop(0)
                    heard.append({"number": number, **await self._ask(client, one, exact=exact)})

            began = time.perf_counter()
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    await asyncio.gather(*(stream() for _ in range(streams)))
            except (TimeoutError, httpx.HTTPError, MalformedStream, StreamRefused) as error:
                raise PeerFailed(
                    f"Our model server gave no answer ({type(error).__name__}); see {self.log}."
                ) from error
            wall = time.perf_counter() - began
        return {"heard": sorted(heard, key=lambda one: one["number"]), "wall": wall}

    async def _ask(self, client: httpx.AsyncClient, one: Mapping[str, Any], *, exact: bool) -> dict[str, Any]:
        body = {"model": self.model, "messages": one["messages"], "max_tokens": one["tokens"], "temperature": 0}
        body |= {"stream": True, "stream_options": {"include_usage": True}, "ignore_eos": exact}
        asked = time.perf_counter()
        first, prompt, tokens = 0.0, 0, 0
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != 200:
                raise PeerFailed(f"Our model server refused a question (status {response.status_code}).")
            async with aclosing(read_deltas(response.aiter_bytes())) as deltas:
                async for delta in deltas:
                    if delta.text and not first:
                        first = time.perf_counter() - asked
                    prompt, tokens = delta.prompt_tokens or prompt, delta.completion_tokens or tokens
        whole = time.perf_counter() - asked
        return {"prompt": prompt, "tokens": tokens, "first": first or whole, "whole": whole}

    def _status(self) -> str:
        try:
            return str(self._get("health").json()["status"])
        except (httpx.HTTPError, ValueError, KeyError):
            return "silent"

    def _get(self, path: str) -> httpx.Response:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), timeout=5.0) as client:
            return client.get(f"http://model/{path}")
