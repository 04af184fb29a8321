"""Cells that spreadsheets would run are made harmless; what is exported is what was said."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.exports import COLUMNS, answers_of, as_csv, as_jsonl
from chat.models import Conversation, Message, Rating, Review, Visitor, Widget
from supportbot.spreadsheet import FORMULA_STARTS, safe_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+44 1632", "'+44 1632"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\r=1", "'\r=1"),
        ("  =1+1", "'  =1+1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("\0=1", "'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        ("\u200b=1", "'\u200b=1"),
        ("\u3000\u2028+1", "'\u3000\u2028+1"),
        ("\x1b-1", "'\x1b-1"),
        (-1, "'-1"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_cell_is_never_a_formula(value, cell) -> None:
    assert safe_cell(value) == cell


@given(st.text())
def test_no_text_at_all_becomes_a_formula(text) -> None:
    assert not safe_cell(text).startswith(FORMULA_STARTS)
    assert not safe_cell(text).lstrip(" \u00a0\ufeff").startswith(FORMULA_STARTS)


@pytest.fixture
def conversation(db) -> Conversation:
    widget, _ = Widget.objects.get_or_create(key="demo", defaults={"name": "Demo"})
    visitor = Visitor.objects.create(widget=widget)
    conversation = Conversation.objects.create(widget=widget, visitor=visitor, language="en")
    question = Message.objects.create(conversation=conversation, role="customer", text='=cmd|" /C calc"!A0')
    answer = Message.objects.create(
        conversation=conversation, role="bot", text="Within 30 days. [1]", status="done", outcome="answered",
        reply_to=question, adapter="support-v1", times={"first": 700, "total": 2100},
    )  # fmt: skip
    answer.passages.create(n=1, title="Returns", heading="When", url="/help/returns/#when", score=0.03, cited=True)
    answer.passages.create(n=2, title="Delivery", url="/help/delivery/", score=0.02)
    Rating.objects.create(message=answer, score=-1, comment="@late")
    Review.objects.create(message=answer, verdict="partly", labels=["misread"], corrected_answer="30 days.")
    return conversation


def test_csv_carries_each_answer_with_its_evidence_and_judgement(conversation) -> None:
    text = "".join(as_csv(answers_of(Conversation.objects.all())))
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 1 and list(rows[0]) == COLUMNS
    row = rows[0]
    assert row["question"] == '\'=cmd|" /C calc"!A0'
    assert row["cited"] == "[1] Returns"
    assert row["retrieved"] == "[1] Returns; [2] Delivery"
    assert (row["rating"], row["rating_comment"], row["verdict"]) == ("'-1", "'@late", "partly")
    assert (row["first_word_ms"], row["total_ms"]) == ("700", "2100")


def test_jsonl_keeps_the_words_as_they_were(conversation) -> None:
    (line,) = as_jsonl(answers_of(Conversation.objects.all()))
    row = json.loads(line)
    assert row["question"] == '=cmd|" /C calc"!A0'
    assert row["cited"] == [
        {"n": 1, "title": "Returns", "heading": "When", "url": "/help/returns/#when", "revision": None}
    ]
    assert row["rating"] == -1 and row["labels"] == ["misread"]
