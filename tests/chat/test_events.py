import json
import uuid

import pytest

from chat.events import Ask, Handover, Hello, Logout, Ping, Rate, Refused, Seen, Stop, Typing, frame, parse

KEY = str(uuid.uuid4())


def said(**fields):
    return json.dumps(fields)


def hello(**fields):
    return said(type="hello", protocol=1, **fields)


BAD = [
    ("", "bad_frame"), ("{", "bad_frame"), ("null", "bad_frame"), ("[]", "bad_frame"), ('"x"', "bad_frame"),
    ("7", "bad_frame"), ("NaN", "bad_frame"),
    ('{"type":"ping","n":Infinity}', "bad_frame"), ("[" * 60_000, "bad_frame"),
    ('{"type":"ping","n":' + "9" * 5000 + "}", "bad_frame"), ("\ud800", "bad_frame"), ("{}", "bad_frame"),
    ('{"type": 7}', "bad_frame"), ('{"type": null}', "bad_frame"), ('{"type": ["ask"]}', "bad_frame"),
    ('{"type": "dance"}', "unknown_type"), ('{"type": ""}', "unknown_type"), ('{"type": "__class__"}', "unknown_type"),
    (said(type="hello"), "bad_frame"), (said(type="hello", protocol=2), "bad_frame"),
    (said(type="hello", protocol=True), "bad_frame"), (said(type="hello", protocol="1"), "bad_frame"),
    (hello(token=5), "bad_frame"), (hello(token=""), "bad_token"), (hello(token="x" * 5000), "bad_token"),
    (hello(identity=[]), "bad_frame"), (hello(conversation="x"), "bad_frame"), (hello(conversation=5), "bad_frame"),
    (hello(last_seen=[]), "bad_frame"), (hello(last_seen={"reply": KEY}), "bad_frame"),
    (hello(last_seen={"reply": KEY, "epoch": 1, "seq": -1}), "bad_frame"),
    (hello(last_seen={"reply": KEY, "epoch": 1.5, "seq": 1}), "bad_frame"),
    (hello(last_seen={"reply": KEY, "epoch": 2**40, "seq": 1}), "bad_frame"),
    (hello(page=5), "bad_frame"), (hello(page={"url": 5}), "bad_frame"), (hello(locale={}), "bad_frame"),
    (said(type="ask"), "bad_frame"), (said(type="ask", id=KEY), "bad_frame"), (said(type="ask", text="x"), "bad_frame"),
    (said(type="ask", id="not a uuid", text="x"), "bad_frame"), (said(type="ask", id=5, text="x"), "bad_frame"),
    (said(type="ask", id=KEY, text=5), "bad_frame"), (said(type="ask", id=KEY, text=None), "bad_frame"),
    (said(type="ask", id=KEY, text=""), "empty"), (said(type="ask", id=KEY, text=" \n\t "), "empty"),
    (said(type="ask", id=KEY, text="\0\0"), "empty"), (said(type="ask", id=KEY, text="\ud800"), "empty"),
    (said(type="ask", id=KEY, text="\u200b\u200d\ufeff"), "empty"),
    (said(type="ask", id=KEY, text="x" * 2001), "too_long"), (said(type="ask", id=KEY, text="x" * 60_000), "too_long"),
    (said(type="ask", id=KEY, text="x" * 100_000), "too_long"),
    (said(type="ask", id=KEY, text="🙂" * 2001), "too_long"),
    (said(type="stop"), "bad_frame"), (said(type="stop", reply="x"), "bad_frame"),
    (said(type="rate", score=99), "bad_frame"), (said(type="rate", reply=KEY, score=0), "bad_frame"),
    (said(type="rate", reply=KEY, score=True), "bad_frame"),
    (said(type="rate", reply=KEY, score=1, comment=5), "bad_frame"),
    (said(type="ping"), "bad_frame"), (said(type="ping", n="1"), "bad_frame"),
    (said(type="handover", reason=5), "bad_frame"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "code"), BAD)
def test_a_bad_frame_is_named(raw, code):
    with pytest.raises(Refused) as refused:
        parse(raw)
    assert refused.value.code == code
    told = refused.value.frame()
    assert told["type"] == "error" and told["code"] == code and told["text"].endswith(".")


def test_good_frames_are_read():
    key = uuid.UUID(KEY)
    assert parse(said(type="ask", id=KEY, text="  Hi  ")) == Ask(key, "Hi")
    assert parse(said(type="ask", id=KEY, text="x" * 2000)) == Ask(key, "x" * 2000)
    assert parse(said(type="stop", reply=KEY)) == Stop(key)
    assert parse(said(type="rate", reply=KEY, score=-1, comment="no")) == Rate(key, -1, "no")
    assert parse(said(type="handover")) == Handover("")
    assert parse(said(type="ping", n=3)) == Ping(3)
    assert (parse(said(type="typing")), parse(said(type="logout"))) == (Typing(), Logout())
    seen = {"reply": KEY, "epoch": 1, "seq": 0}
    page = {"url": "https://shop.example/", "title": "Shop"}
    assert parse(hello(token=None, conversation=None, last_seen=seen, locale="en", page=page)) == Hello(
        None, None, None, Seen(key, 1, 0), "en", "https://shop.example/", "Shop"
    )


def test_what_is_unknown_in_a_known_frame_is_let_pass():
    assert parse(said(type="ping", n=1, later="more")) == Ping(1)


def test_nothing_unstorable_is_left_in_a_question():
    asked = parse('{"type":"ask","id":"' + KEY + r'","text":"a\u0000b\ud83d c\ud83d\ude42\u0007\n"}')
    assert asked.text == "ab c🙂"


def test_what_is_only_for_the_log_is_cut_rather_than_refused():
    read = parse(hello(locale="x" * 5000, page={"url": "u" * 5000, "title": "t" * 5000}))
    assert (len(read.locale), len(read.page_url), len(read.page_title)) == (16, 500, 200)


def test_a_frame_with_other_fields_than_the_contract_is_a_bug():
    assert frame("pong", n=1) == {"type": "pong", "n": 1}
    for fields in ({}, {"n": 1, "m": 2}):
        with pytest.raises(ValueError, match="pong"):
            frame("pong", **fields)
