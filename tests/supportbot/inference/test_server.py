"""The real model server, a process of its own, over its unix socket."""

import asyncio
import json
import math
import signal
import socket as socket_module
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from supportbot.inference.chances import first_token_logprobs
from supportbot.inference.client import Finish, ModelError, aembed, stream_chat
from supportbot.inference.client import list_models as listed
from supportbot.inference.reranking import rerank

pytestmark = pytest.mark.model

BASE = "smollm2-135m-instruct"
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
CHAT = {"model": BASE, "messages": MESSAGES, "max_tokens": 12}
PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def http(model_server):
    transport = httpx.HTTPTransport(uds=model_server.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://model", timeout=60) as client:
        yield client


def events_of(response: httpx.Response) -> list[dict]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer_comes_whole_or_as_a_stream_of_the_same_words(http):
    whole = http.post("/v1/chat/completions", json=CHAT).json()
    assert "Paris" in whole["choices"][0]["message"]["content"]
    events = events_of(http.post("/v1/chat/completions", json=CHAT | {"stream": True}))
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert text == whole["choices"][0]["message"]["content"]
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    assert events[-1]["usage"] == whole["usage"]
    assert whole["usage"]["completion_tokens"] > 3


async def test_an_answer_goes_on_after_its_beginning(model_server, settings):
    settings.MODEL_URL = model_server
    options = {"model": BASE, "max_tokens": 24, "first_token_seconds": 60, "total_seconds": 120}

    async def text(**more) -> str:
        return "".join([piece async for piece in stream_chat(MESSAGES, **options, **more) if isinstance(piece, str)])

    whole = await text()
    begun = " ".join(whole.split(" ")[:3])
    assert whole.startswith(begun) and len(begun) < len(whole)
    assert begun + await text(begun=begun) == whole
    assert await text(begun=whole) == ""  # nothing was missing


def test_the_usage_comes_as_an_event_of_its_own_when_asked_for(http):
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    last = events_of(http.post("/v1/chat/completions", json=body))[-1]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 10


def test_how_likely_the_words_were_is_told_when_asked_for_in_both_forms(http, settings, model_server):
    settings.MODEL_URL = model_server
    body = CHAT | {"logprobs": True, "top_logprobs": 2}
    whole = http.post("/v1/chat/completions", json=body).json()["choices"][0]["logprobs"]["content"]
    assert all(len(one["top_logprobs"]) == 2 and one["logprob"] <= 0 for one in whole)
    streamed = [
        one
        for event in events_of(http.post("/v1/chat/completions", json=body | {"stream": True}))
        for one in event["choices"][0].get("logprobs", {"content": []})["content"]
    ]
    assert [one["token"] for one in streamed] == [one["token"] for one in whole]
    likely = first_token_logprobs(MESSAGES, model=BASE, top=5)
    assert max(likely, key=lambda token: likely[token]) == whole[0]["token"]
    assert len(likely) == 5 and sum(math.exp(value) for value in likely.values()) <= 1.001


def test_the_coolest_draw_is_an_answer_too(http):
    cool = CHAT | {"temperature": 1e-320, "top_p": 1e-6, "seed": -5}
    assert http.post("/v1/chat/completions", json=cool).json()["choices"][0]["message"]["content"]
    assert http.get("/health").json()["status"] == "ready"


ODD = [
    "",
    " ",
    "\n" * 3000,
    "\u200b\n" * 3000,
    "\x00",
    "\ud83d",
    "\u202e\u0301" * 500,
    ". " * 3000,
    "a" * 50_000,
    "\ufffd",
]


@pytest.mark.parametrize("query", ["?", "\u200b", "word " * 900])
def test_no_text_ends_the_thread_that_computes(http, query):
    reply = http.post(
        "/v1/rerank",
        content=json.dumps({"model": "all-minilm-l6-v2", "query": query, "documents": ODD}),
    ).json()
    assert sorted(result["index"] for result in reply["results"]) == list(range(len(ODD)))
    assert all(math.isfinite(result["relevance_score"]) for result in reply["results"])
    vectors = http.post("/v1/embeddings", content=json.dumps({"model": "all-minilm-l6-v2", "input": ODD})).json()[
        "data"
    ]
    assert len(vectors) == len(ODD)
    assert http.get("/health").json()["status"] == "ready"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("chat/completions", b"{", 400, "bad_request"),
        ("chat/completions", b"[]", 400, "bad_request"),
        ("chat/completions", CHAT | {"max_tokens": 5000}, 400, "bad_request"),
        ("chat/completions", CHAT | {"messages": [{"role": "user", "content": "word " * 5000}]}, 400, "bad_request"),
        ("chat/completions", CHAT | {"model": "nobody"}, 404, "model_not_found"),
        ("chat/completions", CHAT | {"model": "../../etc"}, 404, "model_not_found"),
        ("embeddings", {"model": "nobody", "input": "x"}, 404, "model_not_found"),
        ("embeddings", {"model": "all-minilm-l6-v2", "input": []}, 400, "bad_request"),
        ("rerank", {"model": "nobody", "query": "x", "documents": ["x"]}, 404, "model_not_found"),
        ("rerank", {"model": "all-minilm-l6-v2", "query": "", "documents": ["x"]}, 400, "bad_request"),
        ("rerank", {"model": "all-minilm-l6-v2", "query": "x", "documents": []}, 400, "bad_request"),
        ("rerank", {"model": "all-minilm-l6-v2", "query": "x", "documents": ["x", 5]}, 400, "bad_request"),
        ("rerank", {"model": "all-minilm-l6-v2", "query": "x", "documents": ["x"] * 33}, 400, "bad_request"),
        ("rerank", {"model": "all-minilm-l6-v2", "query": "x", "documents": ["x"], "top_n": 0.5}, 400, "bad_request"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(http, path, body, status, code):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = http.post(f"/v1/{path}", content=content)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["message"].endswith(".")


def test_texts_are_ranked_in_the_form_that_other_rerankers_have(http):
    texts = ["The tent weighs two kilos.", "Parcels to Norway cost 12 euros.", {"text": "Wash the jacket by hand."}]
    body = {"model": "all-minilm-l6-v2", "query": "What does a parcel to Norway cost?", "documents": texts, "top_n": 2}
    reply = http.post("/v1/rerank", json=body).json()
    assert len(reply["results"]) == 2
    best, second = reply["results"]
    assert best["index"] == 1 and 1 >= best["relevance_score"] > second["relevance_score"]
    assert reply["usage"]["total_tokens"] > 20


def test_what_the_client_reads_is_in_the_order_of_the_texts(model_server):
    texts = ["The tent weighs two kilos.", "Parcels to Norway cost 12 euros."]
    readings = rerank(
        "What does a parcel to Norway cost?", texts, url=model_server, key="", model="all-minilm-l6-v2", timeout=30
    )
    assert readings[1].relevance > readings[0].relevance
    assert readings[1].least > readings[0].least


async def test_a_client_that_leaves_frees_its_place(model_server, http):
    story = [{"role": "user", "content": "Tell me a very long story about a ship."}]
    stream = stream_chat(story, model=BASE, max_tokens=1500, first_token_seconds=60, total_seconds=300)
    async with aclosing(stream) as items:
        await anext(items)
        assert http.get("/health").json()["running"] == 1
    await until_idle(http)


async def test_a_client_that_leaves_before_the_first_word_frees_its_place(model_server, http):
    story = [{"role": "user", "content": "Tell me a very long story about a ship. " * 150}]
    stream = stream_chat(story, model=BASE, max_tokens=1500, first_token_seconds=60, total_seconds=300)
    waiting = asyncio.create_task(anext(stream))
    async with asyncio.timeout(10):
        while http.get("/health").json()["running"] == 0:
            await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await stream.aclose()
    await until_idle(http)


async def until_idle(http: httpx.Client) -> None:
    async with asyncio.timeout(10):
        while http.get("/health").json()["running"]:
            await asyncio.sleep(0.02)


async def test_many_at_once_all_end(model_server):
    async def one(number: int) -> Finish | None:
        messages = [{"role": "user", "content": f"Say the number {number}."}]
        stream = stream_chat(messages, model=BASE, max_tokens=8, first_token_seconds=120, total_seconds=120)
        return [item async for item in stream][-1]

    finishes = await asyncio.gather(*(one(number) for number in range(20)))
    assert all(isinstance(finish, Finish) and finish.completion_tokens > 0 for finish in finishes)


async def test_questions_are_near_to_what_answers_them(model_server):
    question, answer, other = await aembed(["Can I send it back?", "Returns are free for 30 days.", "Tents are green."])
    assert dot(question, answer) > dot(question, other)
    assert dot(question, question) == pytest.approx(1, abs=0.01)


def dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


async def test_the_client_reads_a_refusal_as_its_own_error(model_server):
    with pytest.raises(ModelError) as caught:
        await anext(stream_chat(MESSAGES, model="nobody", max_tokens=5, first_token_seconds=5, total_seconds=5))
    assert caught.value.code == "bad_request"


def test_models_health_and_metrics_are_told(http, model_server):
    assert {BASE, "all-minilm-l6-v2"} <= set(listed())
    assert http.get("/health").json()["status"] == "ready"
    lines = http.get("/metrics").text.splitlines()
    assert "model_ready 1.0" in lines
    assert any(line.startswith("model_written_tokens_total") for line in lines)


def test_a_server_says_that_it_is_loading_and_ends_at_once_when_asked(run_dir):
    socket = run_dir / "loading.sock"
    command = [sys.executable, "manage.py", "serve_model", "--socket", str(socket)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        until_it_listens(socket)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=60) as client:
            response = client.get("http://model/health")
            assert (response.status_code, response.json()["status"]) == (503, "loading")
            refused = client.post("http://model/v1/chat/completions", json=CHAT)
            assert refused.status_code == 503
        second = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
        assert "already listens" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert "stopped" in process.stdout.read()
    assert not socket.exists()


def until_it_listens(path: Path) -> None:
    end = time.monotonic() + 60
    with socket_module.socket(socket_module.AF_UNIX) as probe:
        while probe.connect_ex(str(path)) != 0:
            assert time.monotonic() < end
            time.sleep(0.02)
