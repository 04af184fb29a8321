"""Bodies are read strictly; what is wrong is said in a sentence."""

import base64
import json
import struct

import pytest

from supportbot.inference.completion import Chance, Finished, Sampling
from supportbot.inference.refusals import BadRequest
from supportbot.inference.wire import (
    MAX_CHARS,
    ChatReply,
    embeddings_reply,
    parse_chat,
    parse_embeddings,
)

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_small_request_gets_the_defaults():
    wanted = parse_chat(CHAT)
    assert wanted.sampling == Sampling(256, 0.0, 1.0, (), None)
    assert not wanted.stream


def test_every_field_is_read():
    options = {"max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "stop": "END", "seed": 4, "stream": True}
    options |= {"stream_options": {"include_usage": True}, "ignore_eos": True}
    wanted = parse_chat(CHAT | options | {"user": "ignored"})
    assert wanted.sampling == Sampling(7, 0.5, 0.9, ("END",), 4, ignore_end=True)
    assert wanted.stream
    assert wanted.include_usage and not wanted.goes_on
    begun = [*CHAT["messages"], {"role": "assistant", "content": "Hel"}]
    assert parse_chat({"model": "m", "messages": begun, "continue_final_message": True}).goes_on


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "Hi"}]}, "role"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, "content"),
        ({"messages": ["Hi"]}, "role"),
        ({"messages": [{"role": "user", "content": "x" * (MAX_CHARS + 1)}]}, "longer"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 2.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"continue_final_message": True}, "continue_final_message"),
        ({"continue_final_message": "yes"}, "continue_final_message"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"seed": "x"}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"n": 2}, "n must"),
        ({"stream": "yes"}, "stream"),
        ({"ignore_eos": 1}, "ignore_eos"),
        ({"logprobs": 3}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"max_tokens": 10**300}, "max_tokens"),
    ],
)
def test_a_wrong_field_is_named(change, word):
    with pytest.raises(BadRequest, match=word):
        parse_chat(CHAT | change)


@pytest.mark.parametrize("texts", [None, [], [3], ["x"] * 257, ["x" * 50_001], [[1, 2]]])
def test_texts_to_embed_are_bounded(texts):
    with pytest.raises(BadRequest, match="input"):
        parse_embeddings({"model": "m", "input": texts})


def test_a_lone_surrogate_becomes_a_question_mark():
    assert parse_embeddings({"model": "m", "input": "a\ud800b"}).texts == ["a?b"]


def test_a_temperature_that_no_number_can_be_divided_by_is_none():
    assert [parse_chat(CHAT | {"temperature": told}).sampling.temperature for told in (1e-320, 1e-3, 0.01)] == [
        0,
        0,
        0.01,
    ]


def test_likelihoods_are_told_in_the_form_of_the_api_and_always_as_numbers():
    assert parse_chat(CHAT | {"logprobs": True}).sampling.chances == 0
    assert parse_chat(CHAT | {"logprobs": True, "top_logprobs": 2}).sampling.chances == 2
    chance = Chance("I", -0.5, (("I", -0.5), ("You", float("-inf"))))
    for choice in (
        ChatReply("m").whole("I", Finished("length", 10, 1), [chance])["choices"][0],
        ChatReply("m").event({"content": "I"}, chances=[chance])["choices"][0],
    ):
        (one,) = json.loads(json.dumps(choice, allow_nan=False))["logprobs"]["content"]
        assert (one["token"], one["logprob"]) == ("I", -0.5)
        assert [other["logprob"] for other in one["top_logprobs"]] == [-0.5, -9999.0]
    assert "logprobs" not in ChatReply("m").whole("I", Finished("length", 10, 1))["choices"][0]


def test_vectors_can_be_packed():
    wanted = parse_embeddings({"model": "m", "input": ["x"], "encoding_format": "base64"})
    packed = embeddings_reply(wanted, [[1.0, -0.5]], 3)["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(packed)) == (1.0, -0.5)


def test_the_last_event_names_the_reason_and_the_usage():
    event = ChatReply("m").event({}, Finished("stop", 10, 4))
    assert event["choices"][0]["finish_reason"] == "stop"
    assert event["usage"] == {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
