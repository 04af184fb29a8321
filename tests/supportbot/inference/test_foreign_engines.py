"""MODEL_URL on other engines: each one's own wire, what it lacks, and how it breaks."""

import asyncio
import json
from functools import partial

import pytest

from supportbot.inference.chances import first_token_logprobs
from supportbot.inference.client import Finish, ModelError, aembed, chat, embed, stream_chat
from supportbot.inference.reranking import rerank
from tests.supportbot.inference.canned import Engine, Reply, refusal

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When does it come?"}]
ANSWER = "In three days – “surely”. [1]"
PIECES = ["In three", " days – “", "surely”.", " [1]"]


def event(text: str | None = None, reason: str | None = None, **more) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice], **more}).encode()


def lines(*events: bytes, end: bytes = b"\n\n") -> bytes:
    return b"".join(b"data: " + one + end for one in events)


USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
ROLE = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
VLLM = lines(
    json.dumps({"object": "chat.completion.chunk", "choices": [ROLE]}).encode(),
    *map(event, PIECES),
    event("", "stop", stop_reason=None),
    json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": USAGE}).encode(),
    b"[DONE]",
)
LLAMA_SERVER = b":\n\n" + lines(  # null content first, timings beside the usage, comments while it reads the prompt
    b'{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,'
    b'"system_fingerprint":"b6000-abc","object":"chat.completion.chunk"}',
    *map(event, PIECES),
    event(None, "stop"),
    json.dumps({"choices": [], "usage": USAGE, "timings": {"prompt_n": 20, "predicted_n": 9}}).encode(),
    b"[DONE]",
)
LLAMA_CPP_PYTHON = b": ping - 2026-01-01 00:00:00\r\n\r\n" + lines(  # ends of line of the other kind, no usage at all
    b'{"choices": [{"index": 0, "delta": {"role": "assistant"}, "logprobs": null, "finish_reason": null}]}',
    *map(event, PIECES),
    event(None, "stop"),
    b"[DONE]",
    end=b"\r\n\r\n",
)
TGI = b"".join(  # no space, a reason of its own, and no [DONE]
    b"data:" + one + b"\n\n" for one in [*map(event, PIECES[:-1]), event(PIECES[-1], "eos_token")]
)
GATEWAY = b": PROCESSING\n\n" + lines(  # empty choices first, no reason at any time
    b'{"choices":[],"prompt_filter_results":[]}',
    *(event(text, "") for text in PIECES),
    b'{"usage": {"prompt_tokens": 20, "completion_tokens": 9}}',
    b"[DONE]",
)
TOLD = Finish("stop", 20, 9)
UNTOLD = Finish("stop", None, None)
WIRES = {
    "vllm": (VLLM, TOLD),
    "llama-server": (LLAMA_SERVER, TOLD),
    "llama-cpp-python": (LLAMA_CPP_PYTHON, UNTOLD),
    "tgi": (TGI, UNTOLD),
    "gateway": (GATEWAY, TOLD),
}


async def heard(engine: Engine, settings, *, first: float = 5.0, total: float = 10.0) -> tuple[str, Finish]:
    settings.MODEL_URL = engine.url
    stream = stream_chat(MESSAGES, model="support-v1", max_tokens=50, first_token_seconds=first, total_seconds=total)
    items = [item async for item in stream]
    return "".join(item for item in items if isinstance(item, str)), items[-1]


async def broken(engine: Engine, settings, **limits: float) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await heard(engine, settings, **limits)
    return caught.value


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_each_engines_stream_is_understood_wherever_the_network_cuts_it(name, size, settings):
    wire, finish = WIRES[name]
    async with Engine([Reply([wire[start : start + size] for start in range(0, len(wire), size)])]) as engine:
        assert await heard(engine, settings) == (ANSWER, finish)


async def test_nothing_is_sent_that_engines_lack(settings):
    async with Engine([Reply([VLLM])]) as engine:
        await heard(engine, settings)
    (path, body) = engine.asked[0]
    assert path == "/v1/chat/completions"
    assert set(body) == {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}


async def test_the_reason_length_is_kept_under_every_name(settings):
    async with Engine([Reply([lines(event("a"), event(None, "max_tokens"))])]) as engine:
        assert await heard(engine, settings) == ("a", Finish("length"))


async def test_a_server_that_keeps_the_line_open_after_its_last_word_is_not_waited_for(settings, monkeypatch):
    monkeypatch.setattr("supportbot.inference.client.COUNTS_SECONDS", 0.05)
    async with Engine([Reply([lines(event("a"), event(None, "stop")), 30.0])]) as engine:
        assert await heard(engine, settings, total=20) == ("a", UNTOLD)


async def test_a_line_that_breaks_after_the_last_word_harms_nothing(settings):
    async with Engine([Reply([lines(event("a"), event(None, "stop")), b"data: {half", None])]) as engine:
        assert await heard(engine, settings) == ("a", UNTOLD)


async def test_the_halves_of_a_character_are_joined_and_what_no_database_takes_is_left_out(settings):
    escaped = [
        b'{"choices":[{"delta":{"content":"%s"}}]}' % text for text in (rb"a\ud83d", rb"\ude00b", rb"\udc00\u0000c")
    ]
    async with Engine([Reply([lines(*escaped, event(None, "stop"))])]) as engine:
        assert (await heard(engine, settings))[0] == "a😀b\N{REPLACEMENT CHARACTER}c"


async def test_a_service_that_does_not_stream_is_heard_at_once(settings):
    message = {"role": "assistant", "content": ANSWER}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    async with Engine([Reply([json.dumps(body).encode()], kind="application/json; charset=utf-8")]) as engine:
        assert await heard(engine, settings) == (ANSWER, TOLD)


@pytest.mark.parametrize(
    ("event_of_error", "code"),
    [
        (b'data: {"error":{"message":"out of memory","type":"InternalServerError","code":500}}\n\n', "unavailable"),
        (b'data: {"object":"error","message":"too long","type":"BadRequestError","code":400}\n\n', "bad_request"),
        (b'error: {"code":503,"message":"Loading model","type":"unavailable_error"}\n\n', "unavailable"),
        (b'data: {"error":{"message":"slow down","code":429}}\n\n', "busy"),
        (b'data: {"error":"it broke"}\n\n', "unavailable"),
        (lines(event("", "error", error={"code": "server_error", "message": "gone"})), "unavailable"),
        (b"data: [DONE]\n\n", "unavailable"),
    ],
)
async def test_an_error_inside_the_stream_has_the_code_of_its_kind(event_of_error, code, settings):
    async with Engine([Reply([event_of_error])]) as engine:
        assert (await broken(engine, settings)).code == code
    assert len(engine.asked) == (1 if code == "bad_request" else 3)


@pytest.mark.parametrize("reason", ["error", "abort", "content_filter"])
async def test_an_answer_that_the_engine_gave_up_is_cut_and_never_tried_again(reason, settings):
    async with Engine([Reply([lines(event("In"), event("", reason), b"[DONE]")])]) as engine:
        assert (await broken(engine, settings)).code == "cut"
    assert len(engine.asked) == 1


@pytest.mark.parametrize("wire", [lines(event("In")), lines(event("In")) + b'data: {"cho'])
async def test_a_stream_that_ends_without_saying_so_is_cut(wire, settings):
    async with Engine([Reply([wire])]) as engine:
        assert (await broken(engine, settings)).code == "cut"


@pytest.mark.parametrize(
    "nonsense",
    [b"data: {}", b"data: []", b'data: {"choices": 1}', b'data: {"choices":[1]}', b'data: {"choices":[{"delta":[]}]}',
     b'data: {"choices":[{"delta":{"content":5}}]}', b'data: {"choices":[{"finish_reason":null}]}', b"data: \xff"],
)  # fmt: skip
async def test_what_is_no_chat_completion_is_malformed(nonsense, settings):
    async with Engine([Reply([nonsense + b"\n\n"])]) as engine:
        assert (await broken(engine, settings)).code == "malformed"


async def test_comments_that_keep_a_dead_engine_alive_do_not_keep_the_customer(settings):
    async with Engine([Reply([part for _ in range(200) for part in (b": ping\n\n", 0.05)])]) as engine:
        assert (await broken(engine, settings, first=0.3)).code == "timeout"


STRICT = [
    ("stream_options", refusal(422, "stream_options: Extra inputs are not permitted")),
    ("max_tokens", refusal(400, "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")),
    ("temperature", refusal(400, "'temperature' does not support 0.0 with this model; it is unsupported.")),
]


@pytest.mark.parametrize(("name", "refused"), STRICT)
async def test_what_an_engine_says_it_does_not_know_is_left_out_from_then_on(name, refused, settings):
    async with Engine([refused, Reply([VLLM])]) as engine:
        assert (await heard(engine, settings))[0] == ANSWER
        assert (await heard(engine, settings))[0] == ANSWER
    sent = [name in body for _, body in engine.asked]
    assert sent == [True, False, False]
    assert ("max_completion_tokens" in engine.asked[-1][1]) == (name == "max_tokens")


async def test_a_template_that_knows_no_system_gets_its_words_before_the_question(settings):
    refused = refusal(400, "System role not supported")
    async with Engine([refused, Reply([VLLM])]) as engine:
        assert (await heard(engine, settings))[0] == ANSWER
    assert engine.asked[-1][1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhen does it come?"}]


async def test_several_refusals_are_learnt_one_after_the_other_and_an_endless_one_ends(settings):
    async with Engine([STRICT[0][1], STRICT[1][1], STRICT[1][1]]) as engine:
        assert (await broken(engine, settings)).code == "bad_request"
    assert len(engine.asked) == 3


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (refusal(404, "The model `support-v1` does not exist.", type="NotFoundError"), "model's name"),
        (refusal(400, "default chat template is no longer allowed: provide a chat template"), "no chat template"),
        (refusal(400, "This model's maximum context length is 512 tokens. However, you requested 700"), "longer than"),
        (refusal(401, "Unauthorized"), "MODEL_API_KEY"),
        (Reply([b"<html>not here</html>"], 404, "text/html"), "/v1"),
    ],
)
async def test_a_refusal_says_what_to_do_and_repeats_nothing(refused, told, settings):
    async with Engine([refused]) as engine:
        error = await broken(engine, settings)
    assert error.code == "bad_request"
    assert told in error.text and "support-v1" not in error.text and "700" not in error.text
    assert len(engine.asked) == 1


async def test_an_engine_without_vectors_or_readings_is_refused_at_once(settings):
    async with Engine(
        [refusal(501, "This server does not support embeddings. Start it with `--embeddings`")]
    ) as engine:
        settings.EMBEDDING_URL = engine.url
        with pytest.raises(ModelError) as caught:
            await aembed(["one"])
        assert caught.value.code == "bad_request"
    async with Engine([Reply([b'{"detail":"Not Found"}'], 404, "application/json")]) as engine:
        ask = partial(rerank, "q", ["d"], url=engine.url, key="", model="m", timeout=5.0)
        with pytest.raises(ModelError) as caught:
            await asyncio.to_thread(ask)
        assert caught.value.code == "bad_request"
    assert engine.asked[0][0] == "/v1/rerank" and len(engine.asked) == 1


@pytest.mark.parametrize("told", [None, {"content": []}, {"content": None}])
async def test_an_engine_that_tells_no_likelihoods_tells_none(told, settings):
    said = {"choices": [{"message": {"content": "In"}, "finish_reason": "length", "logprobs": told}]}
    replies = [refusal(400, "logprobs is not supported"), Reply([json.dumps(said).encode()], kind="application/json")]
    async with Engine(replies) as engine:
        settings.MODEL_URL = engine.url
        assert await asyncio.to_thread(first_token_logprobs, MESSAGES, model="m") == {}
    assert [{"logprobs", "top_logprobs"} <= body.keys() for _, body in engine.asked] == [True, False]


async def test_an_engine_that_knows_no_base64_is_asked_for_numbers(settings):
    vectors = {"data": [{"index": 0, "embedding": [0.6, 0.8]}]}
    replies = [
        refusal(400, "Unknown field: encoding_format"),
        Reply([json.dumps(vectors).encode()], kind="application/json"),
    ]
    async with Engine(replies) as engine:
        settings.EMBEDDING_URL = engine.url
        assert await asyncio.to_thread(embed, ["one"]) == [[0.6, 0.8]]
        assert await aembed(["two"]) == [[0.6, 0.8]]
    assert ["encoding_format" in body for _, body in engine.asked] == [True, False, False]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"choices":[{"message":{"content":null},"finish_reason":"length"}]}', None),
        (b'{"error":{"message":"no","code":400}}', "bad_request"),
        (b'{"choices":[]}', "malformed"),
        (b"[]", "malformed"),
    ],
)
async def test_a_whole_reply_is_read_as_strictly(body, code, settings):
    async with Engine([Reply([body], kind="application/json")]) as engine:
        settings.MODEL_URL = engine.url
        ask = partial(asyncio.to_thread, chat, MESSAGES, model="m", max_tokens=5)
        if code is None:
            assert await ask() == ("", Finish("length"))
        else:
            with pytest.raises(ModelError) as caught:
                await ask()
            assert caught.value.code == code
