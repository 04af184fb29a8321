"""The network between browsers and one web process: a TCP forwarder that can cut, hold and swallow."""

import asyncio
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends a reset
CHUNK = 65_536


class Line:
    """One forwarded connection."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.flows = asyncio.Event()
        self.flows.set()
        self.swallowed: float | None = None  # since when nothing comes through and nobody is told

    def cut(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()


class Lines:
    """Listens on a port of its own and forwards to `target`. `reaped(seconds)`: the server left a swallowed line."""

    def __init__(self, target: int, reaped: Callable[[float], None]) -> None:
        self.target, self.reaped = target, reaped
        self.lines: set[Line] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in list(self.lines):
            line.cut()

    def some(self, share: float, chance: random.Random) -> list[Line]:
        """So many of the lines that are well, at least one if there is one."""
        well = [line for line in self.lines if line.swallowed is None]
        return chance.sample(well, min(len(well), max(1, round(share * len(well)))))

    def swallowed(self) -> list[float]:
        """For how long the server has kept each line that leads nowhere."""
        return [time.monotonic() - line.swallowed for line in self.lines if line.swallowed is not None]

    async def _forward(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            there, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client.transport.abort()
            return
        line = Line(client, server)
        self.lines.add(line)
        try:
            up = asyncio.create_task(self._pump(line, reader, server))
            down = asyncio.create_task(self._pump(line, there, client))
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if line.swallowed is not None:  # the browser has gone, and the server is not told
                await down
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        finally:
            self.lines.discard(line)
            for end in (client, server):
                end.close()
            if line.swallowed is not None:
                self.reaped(time.monotonic() - line.swallowed)

    async def _pump(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await line.flows.wait()
                if line.swallowed is None:
                    writer.write(data)
                    await writer.drain()
            if line.swallowed is None and writer.can_write_eof():
                writer.write_eof()
                await writer.drain()
