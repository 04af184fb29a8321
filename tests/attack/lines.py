"""Sockets of attackers and visitors: frames as they come, and handshakes byte by byte."""

import json
import socket
import time
import uuid
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

Frame = dict[str, Any]
HEAR_SECONDS = 30.0


class Line:
    """One open socket. `address` is the visitor's, as the proxy tells it."""

    def __init__(self, host: str, address: str, *, key: str = "demo", origin: str | None = None) -> None:
        self.host, self.address = host, address
        self.closed: int | None = None  # the code; 1006 without one
        self.heard: list[Frame] = []
        self._socket = connect(
            f"ws://{host}/ws/chat/{key}/",
            origin=origin or f"http://{host}",  # type: ignore[arg-type]
            additional_headers={"X-Forwarded-For": address},
            compression=None,
            proxy=None,
            max_size=2**23,
            ping_interval=None,
            close_timeout=1,
        )

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def say_raw(self, message: str | bytes) -> None:
        try:
            self._socket.send(message)
        except ConnectionClosed as closed:
            self._end(closed)

    def say(self, **frame: Any) -> None:
        self.say_raw(json.dumps(frame))

    def hear(self, seconds: float = HEAR_SECONDS) -> Frame | None:
        """The next frame; None when the socket was closed. Raises TimeoutError."""
        try:
            frame: Frame = json.loads(self._socket.recv(seconds))
        except ConnectionClosed as closed:
            self._end(closed)
            return None
        self.heard.append(frame)
        return frame

    def until(self, *kinds: str, seconds: float = HEAR_SECONDS, **fields: Any) -> Frame | None:
        """The next frame of one of these kinds with these fields; None when the socket was closed first."""
        end = time.monotonic() + seconds
        while True:
            frame = self.hear(max(0.01, end - time.monotonic()))
            if frame is None or (frame["type"] in kinds and fields.items() <= frame.items()):
                return frame

    def settle(self, n: int) -> list[Frame] | None:
        """Every frame up to the answer to a ping, which the server gives last; None when the socket was closed."""
        self.say(type="ping", n=n)
        before = len(self.heard)
        return None if self.until("pong", n=n) is None else self.heard[before:-1]

    def hello(self, **fields: Any) -> Frame | None:
        self.say(type="hello", protocol=1, **({"token": None} | fields))
        return self.until("welcome", "error")

    def ask(self, text: str, key: str | None = None) -> Frame | None:
        key = key or str(uuid.uuid4())
        self.say(type="ask", id=key, text=text)
        while frame := self.until("accepted", "error"):
            if frame.get("id") in (key, None):  # an error may be of the frame, and name no question
                return frame
        return None

    def answer(self, text: str, seconds: float = 60.0) -> Frame | None:
        """Ask, and give the last frame of the reply."""
        accepted = self.ask(text)
        if accepted is None or accepted["type"] == "error":
            return accepted
        return self.until("done", "failed", reply=accepted["reply"], seconds=seconds)

    def _end(self, closed: ConnectionClosed) -> None:
        self.closed = closed.rcvd.code if closed.rcvd else 1006


def handshake(host: str, headers: bytes, path: str = "/ws/chat/demo/") -> int:
    """The status of a websocket handshake with exactly these further header lines; 0 if the server hung up."""
    name, _, port = host.partition(":")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    )
    with socket.create_connection((name, int(port)), timeout=10) as plain:
        plain.sendall(request.encode() + headers + b"\r\n")
        first = plain.recv(4096).split(b"\r\n", 1)[0].split()
    return int(first[1]) if len(first) > 1 else 0
