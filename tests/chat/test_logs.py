"""What is logged while a question is answered: ids, codes and counts, never a word of anybody."""

import asyncio
import io
import logging
import uuid
from pathlib import Path

import pytest
import uvicorn
from django.test import Client

from chat import replies
from chat.storage import off_loop
from supportbot import log
from tests.chat.conftest import script

pytestmark = pytest.mark.django_db

# Words that stand nowhere else; the last two are no words, which a library might quote when it stumbles over them.
HERS = ["zanzibarian", "wombat-4711", "emil@larkfield.example", "qux%zed", "{brace}"]
QUESTION = f"How long do I have to return unused items, {' '.join(HERS)}?"
ANSWERED = ["unused items", "within 60 days", "Members have"]


@pytest.fixture
def logged():
    """All that is logged from here on, as the processes write it, the finest of our own lines too."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(log.formatter())
    root = logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(before)
    root.removeHandler(handler)


def is_clean(text: io.StringIO) -> str:
    said = text.getvalue()
    for word in [*HERS, *ANSWERED]:
        assert word.lower() not in said.lower(), [line for line in said.splitlines() if word.lower() in line.lower()][
            :3
        ]
    return said


async def heard(text: io.StringIO, line: str) -> None:
    """The last line of an answer is written after its last frame was sent."""
    async with asyncio.timeout(10):
        while line not in text.getvalue():
            await asyncio.sleep(0.02)


async def test_an_answered_question_leaves_ids_and_counts(connect, logged) -> None:
    dora = await connect()
    done = await dora.answer(QUESTION)
    assert done["outcome"] == "answered"
    await heard(logged, f"event=answered reply={done['reply']} outcome=answered")
    is_clean(logged)


@pytest.mark.parametrize(
    "step", ["500", "429", "400", "cut", "malformed", "say:Refunds take 99 days, zanzibarian. [1]"], ids=lambda s: s[:9]
)
async def test_whatever_the_model_server_does_its_words_are_not_logged(connect, fake_model, logged, step) -> None:
    script(fake_model, chat=[step] * 6)
    dora = await connect()
    await dora.answer(QUESTION)
    await heard(logged, "event=answered")
    is_clean(logged)


async def test_an_error_that_quotes_the_question_is_logged_as_its_kind_and_place(connect, logged, monkeypatch) -> None:
    async def broken(question, history, options):
        raise ValueError(f"cannot read {question!r}")
        yield

    monkeypatch.setattr(replies, "compose", broken)
    dora = await connect()
    accepted = await dora.ask(QUESTION)
    assert (await dora.until("failed", reply=accepted["reply"]))["code"] == "internal"
    said = is_clean(logged)
    assert 'event="answer broke"' in said and "error=ValueError" in said and "test_logs.py:" in said


async def test_frames_that_are_refused_are_not_quoted(connect, logged) -> None:
    dora = await connect()
    await dora.send_raw(text=f'{{"type": "ask", "text": "{HERS[1]}"')
    assert (await dora.until("error"))["code"] == "bad_frame"
    await dora.send(type="ask", id=str(uuid.uuid4()), text=HERS[0] * 400)
    assert (await dora.until("error"))["code"] == "too_long"
    is_clean(logged)


async def test_what_is_looked_for_on_the_help_pages_is_not_logged(shop, logged) -> None:
    client = Client(raise_request_exception=False)
    response = await off_loop(client.get)("/help/nowhere/", {"q": HERS[0]})
    assert response.status_code == 404
    assert "/help/nowhere/" in is_clean(logged)


def test_an_error_tells_its_causes_and_the_systems_own_words() -> None:
    try:
        try:
            Path("/nowhere/wombat-4711").read_text()
        except OSError as error:
            raise ValueError("wombat-4711") from error
    except ValueError as error:
        assert log.kinds(error) == "ValueError < FileNotFoundError No such file or directory"


def test_the_web_servers_own_lines_are_ours_and_none_of_them_is_of_a_request(monkeypatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        for kept in ("handlers", "propagate", "level"):
            monkeypatch.setattr(logging.getLogger(name), kept, getattr(logging.getLogger(name), kept))
    uvicorn.Config("supportbot.asgi:application")  # makes its handlers
    log.configure({})
    text = io.StringIO()
    root.handlers[0].setStream(text)
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "192.0.2.7:1", "GET", f"/help/?q={HERS[0]}")
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "192.0.2.7:1", "/ws/chat/demo/")
    try:
        raise ValueError(HERS[0])
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    [line] = text.getvalue().splitlines()
    assert 'event="Exception in ASGI application" error=ValueError' in line and HERS[0] not in line
