"""The network between browsers and server can be cut, held and swallowed."""

import asyncio
import random
from contextlib import asynccontextmanager, suppress

import pytest

from tests.chaos.lines import Lines


@asynccontextmanager
async def echo():
    """A line to a server that says again what it hears: its two ends, the network, and what was reaped."""
    reaped: list[float] = []

    async def say_again(reader, writer):
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(say_again, "127.0.0.1", 0)
    lines = Lines(server.sockets[0].getsockname()[1], reaped.append)
    await lines.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", lines.port)
    writer.write(b"one")
    assert await asyncio.wait_for(reader.read(100), 5) == b"one"
    yield reader, writer, lines, reaped, server
    writer.close()
    await lines.close()
    server.close()


async def _emptied(lines):
    while lines.lines:
        await asyncio.sleep(0.01)
    return True


async def test_a_line_that_is_cut_ends_for_its_client():
    async with echo() as (reader, _writer, lines, _reaped, _server):
        [line] = lines.some(1.0, random.Random(1))
        line.cut()
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(100), 5) == b""
        assert await asyncio.wait_for(_emptied(lines), 5)


async def test_a_line_that_is_held_gives_everything_later():
    async with echo() as (reader, writer, lines, _reaped, _server):
        [line] = lines.lines
        line.flows.clear()
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), 0.2)
        line.flows.set()
        assert await asyncio.wait_for(reader.read(100), 5) == b"two"


async def test_a_line_that_is_swallowed_tells_neither_end_until_the_server_gives_up():
    async with echo() as (reader, writer, lines, reaped, server):
        [line] = lines.lines
        line.swallowed = 0.0
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), 0.2)
        writer.close()  # the browser goes
        await asyncio.sleep(0.1)
        assert lines.swallowed() and not reaped
        line.server.transport.abort()
        async with asyncio.timeout(5):
            while not reaped:
                await asyncio.sleep(0.01)
        assert not lines.lines
