"""A process of its own in which HTML, PDF and DOCX are read: bounded memory, bounded time, no secrets.

What comes from elsewhere may be made to harm its reader. The process is started when it is first needed, reads one
document after another, and is replaced when a document was its end.
"""

import json
import os
import signal
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from knowledge.importers.documents import MIB, BadDocument, Limits

PROJECT = Path(__file__).resolve().parents[2]
SIZES = struct.Struct(">II")  # of the question's header and of the document
SIZE = struct.Struct(">I")  # of the reply
MAX_REPLY_BYTES = 16 * MIB
START_SECONDS = 30.0  # to import the parsers on a busy machine


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; the body is markdown."""

    title: str
    body: str
    language: str = ""
    address: str = ""
    category: str = ""
    notes: tuple[str, ...] = ()


class ReadingRoom:
    """A context manager. `read` may be called any number of times, from one thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ReadingRoom":
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def read(self, kind: str, data: bytes, *, base: str = "", charset: str = "") -> Reading:
        """A document: "page" (HTML with a frame around it), "fragment" (HTML alone), "pdf" or "docx". BadDocument."""
        process = self._process or self._start()
        late = threading.Event()
        timer = threading.Timer(self._limits.seconds_a_document, _kill, (process, late))
        timer.start()
        try:
            reply = _ask(process, {"kind": kind, "base": base, "charset": charset}, data)
        finally:
            timer.cancel()
        if reply is None:
            self._end()
            if late.is_set() or process.returncode == -signal.SIGXCPU:
                raise BadDocument(f"Reading it takes longer than {self._limits.seconds_a_document:g} seconds.")
            raise BadDocument(f"Reading it breaks off: it is damaged, or needs more than {_memory(self._limits)}.")
        if reply.get("worn"):
            self._end()
        if "error" in reply:
            raise BadDocument(str(reply["error"])[:500].replace("{memory}", _memory(self._limits)))
        return Reading(**reply | {"notes": tuple(reply["notes"])})

    def _start(self) -> subprocess.Popen[bytes]:
        """Its environment holds no passwords; it ends by itself when nobody asks any more."""
        process = subprocess.Popen(
            [sys.executable, "-m", "knowledge.importers.reading_process", *_limits_of(self._limits)],
            cwd=PROJECT,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._process = process
        late = threading.Event()
        timer = threading.Timer(START_SECONDS, _kill, (process, late))
        timer.start()
        try:
            ready = process.stdout is not None and process.stdout.read(1)
        finally:
            timer.cancel()
        if not ready:
            self._end()
            raise BadDocument("The process that reads documents did not start. Try again later.")
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                _close(pipe)


def _limits_of(limits: Limits) -> list[str]:
    seconds = int(limits.seconds_a_document) + 1
    return [str(each) for each in (limits.memory, seconds, limits.expansion, limits.bytes_a_document)]


def _memory(limits: Limits) -> str:
    return f"{limits.memory // MIB:,} MiB of memory"


def _kill(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:  # what was left to write is for nobody
        return


def _ask(process: subprocess.Popen[bytes], question: dict[str, str], data: bytes) -> dict | None:
    """The reply; None if the process ended instead."""
    header = json.dumps(question).encode()
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(SIZES.pack(len(header), len(data)) + header)
        process.stdin.write(data)
        process.stdin.flush()
        size = process.stdout.read(SIZE.size)
        length = SIZE.unpack(size)[0] if len(size) == SIZE.size else MAX_REPLY_BYTES + 1
        reply = process.stdout.read(length) if length <= MAX_REPLY_BYTES else b""
        return json.loads(reply) if reply and len(reply) == length else None
    except (BrokenPipeError, ConnectionResetError, ValueError):
        return None
