"""Too much of everything: questions, frames, sockets, forms, sizes. It is refused, and costs the others nothing."""

import json
import socket
import uuid
from contextlib import ExitStack

import httpx
from django.conf import settings

from chat.models import ContactRequest, Message, Visitor
from tests.attack.lines import Line
from tests.attack.scene import Scene
from tests.attack.tally import Tally

MANY = 3  # times the limit


def attack(scene: Scene) -> list[Tally]:
    tally = Tally("rates and sizes")
    _questions(scene, tally)
    _reconnecting(scene, tally)
    _bad_frames(scene, tally)
    _frames(scene, tally)
    _contacts(scene, tally)
    _bodies(scene, tally)
    _slow(scene, tally)
    tally.attempt(scene.instance.is_alive(), "the server does not answer")
    return [tally]


def _questions(scene: Scene, tally: Tally) -> None:
    """One visitor asks too often: over the limit nothing is saved, and another visitor is heard."""
    most, address = settings.CHAT_QUESTIONS_PER_MINUTE, "192.0.2.20"
    with Line(scene.host, address) as line:
        line.hello()
        said = f"flood-{uuid.uuid4().hex}"
        answers = [line.ask(f"{said} {n}") for n in range(MANY * most)]
        refused = sum(one is not None and one["type"] == "error" and one["code"] == "rate_limited" for one in answers)
        saved = Message.objects.filter(role="customer", text__startswith=said).count()
        # A minute may end in between: then twice the limit passes, and never more.
        tally.attempt(refused >= (MANY - 2) * most, f"{refused} of {len(answers)} questions were refused")
        tally.attempt(saved <= 2 * most, f"{saved} questions of a flood were saved")
    with Line(scene.host, "192.0.2.21") as line:
        line.hello()
        answer = line.ask("How long can I return a tent?")
        tally.attempt(bool(answer) and answer["type"] == "accepted", f"a flood shut somebody else out: {answer}")


def _reconnecting(scene: Scene, tally: Tally) -> None:
    """The same visitor over ten sockets, and a new visitor each time from one address."""
    most = settings.CHAT_QUESTIONS_PER_MINUTE
    with Line(scene.host, "192.0.2.22") as first:
        welcome = first.hello()
        token = (welcome or {})["token"]
    said = f"ten-sockets-{uuid.uuid4().hex}"
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(scene.host, "192.0.2.22")) for _ in range(10)]
        for line in lines:
            line.hello(token=token)
        for n in range(MANY * most):
            lines[n % 10].ask(f"{said} {n}")
    saved = Message.objects.filter(role="customer", text__startswith=said).count()
    tally.attempt(saved <= 2 * most, f"{saved} questions of one visitor over ten sockets were saved")


def _bad_frames(scene: Scene, tally: Tally) -> None:
    """Nonsense is answered until it is too much; then the line is cut, with its own code."""
    most = settings.CHAT_BAD_FRAMES_PER_MINUTE
    with Line(scene.host, "192.0.2.23") as line:
        for _ in range(MANY * most):
            line.say_raw("{")
        while line.closed is None and line.hear() is not None:
            continue
        tally.attempt(line.closed == 4029, f"{MANY * most} bad frames: closed with {line.closed}")


def _frames(scene: Scene, tally: Tally) -> None:
    """Log-outs of strangers without end: each makes a row."""
    most, before, refused = settings.CHAT_DEEDS_PER_MINUTE, Visitor.objects.count(), 0
    with Line(scene.host, "192.0.2.30") as line:
        for number in range(MANY * most):
            line.hello()
            line.say(type="logout")
            refused += any(
                one["type"] == "error" and one["code"] == "rate_limited" for one in line.settle(number) or []
            )
            if line.closed is not None:
                break
    made = Visitor.objects.count() - before
    tally.attempt(made <= 2 * most and refused > 0, f"{made} visitors were made by frames that ask nothing")


def _contacts(scene: Scene, tally: Tally) -> None:
    most = settings.CHAT_QUESTIONS_PER_MINUTE
    body = {"widget": "demo", "email": "flood@shop.example", "note": "x"}
    headers = {"Origin": scene.instance.url, "X-Forwarded-For": "192.0.2.24"}
    with httpx.Client(base_url=scene.instance.url, headers=headers, timeout=30) as client:
        statuses = [client.post("/chat/contact", json=body).status_code for _ in range(MANY * most)]
        saved = ContactRequest.objects.filter(email="flood@shop.example").count()
        tally.attempt(
            statuses.count(429) >= (MANY - 2) * most, f"{statuses.count(429)} of {len(statuses)} forms refused"
        )
        tally.attempt(saved <= 2 * most, f"{saved} forms saved")


def _bodies(scene: Scene, tally: Tally) -> None:
    """Bodies that are too large, too deep or not what they say, where anybody may post."""
    headers = {"Origin": scene.instance.url, "X-Forwarded-For": "192.0.2.25", "Content-Type": "application/json"}
    with httpx.Client(base_url=scene.instance.url, timeout=60) as client:
        for what, content in {
            "20 MB": b"x" * 20_000_000, "17 KB": b"x" * 17_000, "deep": b"[" * 16_000,
            "a list": b"[]", "a number": b"1",
            "not UTF-8": b"\xff\xfe{}", "NUL": json.dumps({"widget": "demo\0", "email": "x\0"}).encode(),
            "nothing": b"",
            "wrong kinds": json.dumps({"widget": ["demo"], "email": {}}).encode(),
        }.items():  # fmt: skip
            try:
                status = client.post("/chat/contact", content=content, headers=headers).status_code
            except httpx.HTTPError:
                status = 413  # hung up on, in the middle of too much
            tally.attempt(400 <= status < 500, f"a form with {what}: {status}")
        for address in (
            "/",
            "/help/",
            "/help/?q=" + "x" * 6000,
            "/help/?q=%00",
            "/help/%00/",
            "/%ff",
            "/help/?q=" + "%F0%9F%98%80" * 200,
        ):
            status = client.get(address).status_code
            tally.attempt(status < 500, f"GET {address[:40]}: {status}")
        for name, value in {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}.items():
            answer = client.get("/admin/", headers={name: value})
            tally.attempt("evil.example" not in answer.headers.get("location", "") + answer.text, f"{name} is believed")


def _slow(scene: Scene, tally: Tally) -> None:
    """Sockets that say nothing and requests that never end do not keep others waiting."""
    name, _, port = scene.host.partition(":")
    with ExitStack() as stack:
        for number in range(60):
            plain = stack.enter_context(socket.create_connection((name, int(port)), timeout=10))
            plain.sendall(
                b"GET / HTTP/1.1\r\nHost: " if number % 2 else b"POST /chat/contact HTTP/1.1\r\nContent-Length: 99\r\n"
            )
        for _ in range(40):
            stack.enter_context(Line(scene.host, "192.0.2.26"))
        tally.attempt(scene.instance.is_alive(), "100 idle lines stop the server")
