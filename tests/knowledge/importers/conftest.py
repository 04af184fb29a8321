"""A website of the tests' own on this machine, which answers what a test tells it to."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as changed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from knowledge.importers import Found, Limits, read

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """`pages` gives for each path a body, (status, headers, body), or a function that writes the answer itself."""

    server: ThreadingHTTPServer
    pages: dict[str, str | bytes | tuple[int, dict[str, str], bytes] | Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, Host header

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def limits(self) -> Limits:
        return Limits(allowed_networks=(f"127.0.0.1/32:{self.port}",), seconds_a_fetch=5)

    def read(self, kind: str, location: str, **limits: object) -> list[Found]:
        return list(read(kind, location, limits=changed(self.limits, **limits)))


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place.asked.append((self.path, self.headers["Host"]))
            page = place.pages.get(self.path, (404, {}, b"no"))
            if callable(page):
                try:
                    page(self)
                except (BrokenPipeError, ConnectionResetError):
                    return
                return
            status, headers, body = page if isinstance(page, tuple) else (200, {}, page)
            body = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: socket.socket, client_address: object) -> None:
            return  # the fetcher hangs up in the middle of many answers, as it should

    server = Server(("127.0.0.1", 0), Handler)
    place = Site(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield place
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="session")
def room():
    from knowledge.importers.reading_room import ReadingRoom

    with ReadingRoom(Limits()) as room:
        yield room
