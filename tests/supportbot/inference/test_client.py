"""The client survives a server that refuses, hangs, breaks off or talks nonsense."""

import asyncio
import time
from contextlib import aclosing

import httpx
import pytest

from supportbot.inference import client
from supportbot.inference.client import Finish, ModelError, aembed, chat, embed, list_models, stream_chat

ANSWER = "Parcels arrive within three days. [1]"
MESSAGES = [
    {"role": "system", "content": "Answer from the passages."},
    {
        "role": "user",
        "content": "[1] Delivery\nParcels arrive within three days. Islands take a week.\n\nQuestion: When?",
    },
]


@pytest.fixture
def server(fake_model):
    with httpx.Client(transport=httpx.HTTPTransport(uds=fake_model.removeprefix("unix:")), base_url="http://m") as http:
        http.put("/script", json={}).raise_for_status()
        yield http
        http.put("/script", json={}).raise_for_status()


async def said(*, first: float = 5.0, total: float = 10.0) -> tuple[list[str], list[Finish]]:
    stream = stream_chat(MESSAGES, model="support-v1", max_tokens=50, first_token_seconds=first, total_seconds=total)
    items = [item async for item in stream]
    return [i for i in items if isinstance(i, str)], [i for i in items if isinstance(i, Finish)]


async def test_an_answer_comes_in_pieces_and_ends_with_one_finish(server):
    pieces, finishes = await said()
    assert "".join(pieces) == ANSWER
    assert len(pieces) == 6
    assert [finish.reason for finish in finishes] == ["stop"]
    assert finishes[0].completion_tokens == 6
    assert finishes[0].prompt_tokens > 0


@pytest.mark.parametrize("faults", [["429"], ["500", "503"]])
async def test_a_refusal_before_the_first_word_is_tried_again(server, faults):
    server.put("/script", json={"chat": faults})
    pieces, _ = await said()
    assert "".join(pieces) == ANSWER
    assert server.get("/seen").json()["chat"] == len(faults) + 1


@pytest.mark.parametrize(
    ("status", "code", "tries"), [("429", "busy", 3), ("500", "unavailable", 3), ("400", "bad_request", 1)]
)
async def test_a_lasting_refusal_has_its_own_code(server, status, code, tries):
    server.put("/script", json={"chat": [status] * 5})
    with pytest.raises(ModelError) as caught:
        await said()
    assert caught.value.code == code
    assert server.get("/seen").json()["chat"] == tries


async def test_a_server_that_hangs_before_the_first_word_costs_the_time_allowed(server):
    server.put("/script", json={"chat": ["hang"]})
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        await said(first=0.3)
    assert caught.value.code == "timeout"
    assert time.monotonic() - start < 10  # it hangs for good


async def test_a_server_that_falls_silent_between_words_is_given_up(server):
    server.put("/script", json={"chat": ["stall"]})
    with pytest.raises(ModelError) as caught:
        await said(total=0.5)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(("fault", "code"), [("cut", "cut"), ("malformed", "malformed")])
async def test_an_answer_that_breaks_in_the_middle_is_never_tried_again(server, fault, code):
    server.put("/script", json={"chat": [fault]})
    pieces = []
    with pytest.raises(ModelError) as caught:
        async for item in stream_chat(MESSAGES, model="m", max_tokens=50, first_token_seconds=5, total_seconds=5):
            pieces.append(item)
    assert caught.value.code == code
    assert "".join(pieces) == "Parcels arrive within"
    assert server.get("/seen").json()["chat"] == 1


async def test_leaving_hangs_up_on_the_server(server):
    server.put("/script", json={"chat": ["stall"]})
    stream = stream_chat(MESSAGES, model="m", max_tokens=50, first_token_seconds=5, total_seconds=60)
    async with aclosing(stream) as items:
        assert await anext(items) == "Parcels"
    async with asyncio.timeout(5):
        while not server.get("/seen").json().get("hung_up"):
            await asyncio.sleep(0.02)


async def test_nobody_listening_is_unavailable_after_some_tries(settings, tmp_path):
    settings.MODEL_URL = f"unix:{tmp_path}/nobody.sock"
    with pytest.raises(ModelError) as caught:
        await said()
    assert caught.value.code == "unavailable"


def test_vectors_come_in_batches_in_the_order_of_the_texts(server):
    texts = [f"text number {number}" for number in range(150)]
    vectors = embed(texts)
    assert server.get("/seen").json()["embeddings"] == 3
    assert vectors[149] == embed([texts[149]])[0]
    assert len(vectors) == 150
    assert sum(value * value for value in vectors[0]) == pytest.approx(1)


async def test_vectors_survive_a_refusal_and_refuse_nonsense(server):
    server.put("/script", json={"embeddings": ["429", "ok", "malformed"]})
    assert len(await aembed(["one"])) == 1
    with pytest.raises(ModelError) as caught:
        await aembed(["two"])
    assert caught.value.code == "malformed"


def test_vectors_that_do_not_come_are_a_timeout(server):
    server.put("/script", json={"embeddings": ["hang"]})
    with pytest.raises(ModelError) as caught:
        embed(["one"], timeout=0.3)
    assert caught.value.code == "timeout"


def test_a_whole_answer_and_the_list_of_models(server):
    text, finish = chat(MESSAGES, model="support-v1", max_tokens=50)
    assert text == ANSWER
    assert finish.reason == "stop"
    assert "support-v1" in list_models()


async def test_the_clients_pool_follows_the_event_loop(server):
    here = client.async_client(server_url := "unix:/a", "")
    assert client.async_client(server_url, "") is here
    there = await asyncio.to_thread(asyncio.run, _client_of_another_loop())
    assert there is not here


async def _client_of_another_loop() -> httpx.AsyncClient:
    return client.async_client("unix:/a", "")
