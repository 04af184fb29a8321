"""Every frame that can name something, said by Emil of what is Dora's."""

import json
import uuid
from typing import Any

import httpx

from chat.models import Conversation, Message, Rating
from tests.attack.lines import Line
from tests.attack.people import Visitor
from tests.attack.scene import Scene
from tests.attack.tally import Tally
from tests.attack.who import FRAMES


def attack(scene: Scene) -> list[Tally]:
    dora, emil = scene.visitors
    tally = Tally("another visitor's things by frames (IDOR)", facts={"frames that exist": sorted(FRAMES)})
    before = _rows(dora)
    for what, frame in _hostile(dora):
        # A log-out ends all of a visitor's tokens: a stranger says it.
        with Line(scene.host, "192.0.2.9") if frame["type"] == "logout" else emil.arrive(scene.host) as line:
            if line.heard == []:
                line.hello()
            line.say(**frame)
            _judge(tally, line, what, dora)
    for what, fields in _greetings(dora):
        for token in (emil.token, None):
            with Line(scene.host, emil.address) as line:
                line.hello(**({"token": token} | fields))
                _judge(tally, line, f"hello with {what}", dora)
    _agents_words(scene, dora, emil, tally)
    _contacts(scene, dora, emil, tally)
    tally.attempt(_rows(dora) == before, "something of Dora's was changed")
    return [tally]


def _judge(tally: Tally, line: Line, what: str, dora: Visitor) -> None:
    line.settle(1)
    told = json.dumps([_without_echo(frame) for frame in line.heard])
    tally.attempt(not any(own in told for own in dora.owns()), f"{what}: {told[-200:]}")


def _without_echo(frame: dict[str, Any]) -> dict[str, Any]:
    """What a client sends as its own id comes back as it was."""
    return {name: value for name, value in frame.items() if name != "id" or frame["type"] not in ("accepted", "error")}


def _hostile(dora: Visitor) -> list[tuple[str, dict[str, Any]]]:
    made: list[tuple[str, dict[str, Any]]] = []
    for reply in (*dora.replies, *dora.questions, dora.conversation):
        made += [
            ("stop", {"type": "stop", "reply": reply}),
            ("rate", {"type": "rate", "reply": reply, "score": -1, "comment": "mine"}),
            ("rate in capitals", {"type": "rate", "reply": reply.upper(), "score": 1}),
            ("rate without dashes", {"type": "rate", "reply": reply.replace("-", ""), "score": 1}),
            ("ask with it as id", {"type": "ask", "id": reply, "text": "What did I say?"}),
        ]
    for kind in FRAMES:
        extra = {"conversation": dora.conversation, "visitor": dora.conversation, "reply": dora.replies[0]}
        needed: dict[str, Any] = {"ask": {"id": str(uuid.uuid4()), "text": "Go on."}, "ping": {"n": 1}}.get(kind, {})
        made.append(
            (
                f"{kind} with fields of another",
                {"type": kind} | extra | needed | {"token": dora.token if kind != "hello" else None},
            )
        )
    return made


def _greetings(dora: Visitor) -> list[tuple[str, dict[str, Any]]]:
    seen = {"reply": dora.replies[-1], "epoch": 1, "seq": 0}
    return [
        ("her conversation", {"conversation": dora.conversation}),
        ("her conversation and reply", {"conversation": dora.conversation, "last_seen": seen}),
        ("her reply", {"last_seen": seen}),
        ("her reply of another epoch", {"last_seen": seen | {"epoch": 0}}),
        ("her question as a reply", {"last_seen": seen | {"reply": dora.questions[0]}}),
        ("her conversation in capitals", {"conversation": dora.conversation.upper()}),
    ]


def _agents_words(scene: Scene, dora: Visitor, emil: Visitor, tally: Tally) -> None:
    """An agent writes to Dora while Emil listens with her conversation named everywhere."""
    from chat import desk
    from tests.attack import people

    with dora.arrive(scene.host) as hers, Line(scene.host, emil.address) as his:
        his.hello(token=emil.token, conversation=dora.conversation)
        his.say(type="handover")
        his.settle(1)
        desk.say(
            Conversation.objects.get(pk=dora.conversation),
            people.person("attacked-agent", "agent"),
            f"for {dora.secret} alone",
        )
        heard = hers.until("message", role="agent")
        tally.attempt(heard is not None, "Dora did not hear her agent")
        _judge(tally, his, "an agent's words to Dora", dora)


def _contacts(scene: Scene, dora: Visitor, emil: Visitor, tally: Tally) -> None:
    """A contact form that is put beside Dora's conversation."""
    body = {"widget": "demo", "email": "emil@shop.example", "note": "x", "conversation": dora.conversation}
    for token in (None, emil.token, "x", dora.token[:-1]):
        headers = {"Origin": f"http://{scene.host}", "X-Forwarded-For": emil.address}
        answer = httpx.post(f"http://{scene.host}/chat/contact", json=body | {"token": token}, headers=headers)
        linked = (
            Conversation.objects.get(pk=dora.conversation).contact_requests.filter(email="emil@shop.example").exists()
        )
        tally.attempt(
            not linked and answer.status_code in (201, 400), f"contact with {str(token)[:20]}: {answer.status_code}"
        )


def _rows(dora: Visitor) -> list[Any]:
    """What Emil might have changed. An agent's words are the test's own."""
    messages = Message.objects.filter(conversation_id=dora.conversation).exclude(role="agent").order_by("pk")
    ratings = Rating.objects.filter(message__conversation_id=dora.conversation).order_by("pk")
    return [
        *messages.values_list("pk", "text", "status", "stop_requested"),
        *ratings.values_list("pk", "score", "comment"),
    ]
