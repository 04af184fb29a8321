"""The whole product: every part shows that it works, an answer is counted, and its words stand in no log."""

import json
import re
import uuid

import httpx
import pytest
import websockets.sync.client as websockets

from tests.conftest import Stack, wait_until

HERS = ["wombat-4711", "zanzibarian"]


def metrics(stack: Stack) -> str:
    answer = httpx.get(f"{stack.url}/metrics", timeout=20)
    assert answer.status_code == 200
    return answer.text


def states(stack: Stack) -> dict[str, str]:
    return dict(
        re.findall(r'^supportbot_part_state\{part="([^"]+)",state="(\w+)"\} 1\.0$', metrics(stack), re.MULTILINE)
    )


def answer(stack: Stack, question: str) -> dict:
    """Ask as the demo's widget does, and give the last frame."""
    address = f"{stack.url.replace('http', 'ws')}/ws/chat/demo/"
    with websockets.connect(address, origin=stack.url, open_timeout=20) as socket:
        socket.send(
            json.dumps({"type": "hello", "protocol": 1, "token": None, "conversation": None, "last_seen": None})
        )
        socket.send(json.dumps({"type": "ask", "id": str(uuid.uuid4()), "text": question}))
        while True:
            frame = json.loads(socket.recv(timeout=90))
            if frame["type"] in ("done", "failed"):
                return frame


@pytest.mark.stack
def test_every_part_works_and_an_answer_is_counted_and_written_into_no_log(live_stack) -> None:
    wait_until(lambda: set(states(live_stack).values()) == {"works"}, 90, "that every part works", every=1)
    assert {"beat", "queue:chat", "sweep:chat.tasks.sweep", "model", "passages"} <= set(states(live_stack))

    frame = answer(live_stack, f"How long may I return unused items, {' '.join(HERS)}?")
    assert frame["type"] == "done"
    text = metrics(live_stack)
    assert re.search(rf'^supportbot_answers_total\{{outcome="{frame["outcome"]}".* [1-9]', text, re.MULTILINE)
    assert "model_running" in text  # the model server's own, from behind its socket

    words = [*HERS, *re.findall(r"[^.\[]{25,}", frame["text"])]
    httpx.get(f"{live_stack.url}/help/", params={"q": HERS[0]}, timeout=20)
    logs = {log.name: log.read_text(errors="replace") for log in (live_stack.data_dir / "logs").glob("*.log*")}
    assert {"web.log", "worker.log", "beat.log", "model.log", "postgres.log"} <= set(logs)
    assert [(name, word) for name, log in logs.items() for word in words if word.strip() in log] == []
