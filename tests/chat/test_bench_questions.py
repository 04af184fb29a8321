"""A visitor who measures notes when things come, and what is told of many is what they noted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from chat.bench import beside, questions
from chat.bench.visitor import Unheard, Visitor, origin_of

DONE = {"type": "done", "epoch": 1, "text": "In 3 days. [1]", "outcome": "answered", "reason": None}
WAIT = 0.05


@asynccontextmanager
async def chat_that_says(*frames: dict[str, Any] | float) -> AsyncIterator[str]:
    """A server that welcomes everybody and answers each question with these frames; numbers are silences."""

    async def talk(socket: ServerConnection) -> None:
        assert socket.request.headers["Origin"].startswith("http://127.0.0.1:")
        async for raw in socket:
            if json.loads(raw)["type"] == "hello":
                await socket.send(json.dumps({"type": "welcome"}))
                continue
            for frame in frames:
                if isinstance(frame, float):
                    await asyncio.sleep(frame)
                else:
                    await socket.send(json.dumps(frame))

    async with serve(talk, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/chat/demo/"


async def heard_from(*frames: dict[str, Any] | float):
    async with chat_that_says(*frames) as url, Visitor.arrive(url) as visitor:
        return await visitor.ask("When?", 10)


async def test_the_sign_the_word_and_the_end_are_timed_apart():
    stage, delta = {"type": "stage", "stage": "searching"}, {"type": "delta", "epoch": 1, "text": "In 3"}
    heard = await heard_from(stage, WAIT, {"type": "delta", "epoch": 1, "text": " "}, WAIT, delta, WAIT, DONE)
    assert heard.sign < heard.word - WAIT and heard.word == heard.kept and heard.word <= heard.whole - WAIT
    assert (heard.outcome, heard.reason, heard.epochs) == ("answered", "", 1)


async def test_a_word_that_was_withdrawn_is_not_the_one_that_stayed():
    delta, restart = {"type": "delta", "epoch": 1, "text": "In 3"}, {"type": "restart", "epoch": 2}
    heard = await heard_from(delta, WAIT, restart, delta, DONE | {"outcome": "extracted", "reason": "unsupported"})
    assert heard.word <= heard.kept - WAIT
    assert (heard.outcome, heard.reason, heard.epochs) == ("extracted", "unsupported", 2)


async def test_an_answer_without_deltas_has_its_word_at_its_end():
    heard = await heard_from(WAIT, DONE)
    assert heard.word == heard.kept == heard.whole >= WAIT


async def test_a_refusal_is_an_outcome_and_no_time_of_an_answer():
    heard = await heard_from({"type": "error", "code": "rate_limited", "text": "Wait."})
    assert (heard.outcome, heard.reason) == ("error", "rate_limited")
    told = questions.summary([questions._row("a", heard)])
    assert (told["n"], told["outcomes"]) == (0, {"error": 1})
    assert questions.lines(told) == ["0 answers: 1 error"]


async def test_an_instance_that_is_not_there_is_said_in_a_sentence():
    with pytest.raises(Unheard, match="cannot be talked to"):
        async with Visitor.arrive("ws://127.0.0.1:9/ws/chat/demo/"):
            pass


def test_the_origin_is_that_of_the_page_of_the_socket():
    assert origin_of("wss://help.example/ws/chat/demo/") == "https://help.example"


def test_percentiles_come_with_their_intervals():
    rows = [
        {"sign": 0.1, "word": second / 10, "kept": second / 10, "whole": second, "outcome": "answered"}
        for second in range(1, 41)
    ]
    told = questions.summary(rows)
    assert told["word"]["p50"][0] == 2.0 and told["word"]["p95"][0] == 3.8
    low, high = told["word"]["p95"][1:]
    assert 3.0 < low <= 3.8 <= high <= 4.0
    assert "first word" in questions.lines(told)[2]


def test_the_ratio_beside_bulk_work_is_of_the_slowest():
    rows = [
        {"turn": turn, "block": 0, "first": time * slower, "whole": 2 * time * slower}
        for turn, slower in (("quiet", 1.0), ("beside", 1.5))
        for time in (0.1, 0.2, 0.3, 0.4)
    ]
    told = beside.summary_of(rows)
    assert told["first"]["ratio_p95"][0] == pytest.approx(1.5)
    assert told["whole"]["beside"]["p95"][0] == pytest.approx(1.2)
    assert any("1.50" in line for line in beside.lines(told | {"texts_per_second_beside": 3.0}))
