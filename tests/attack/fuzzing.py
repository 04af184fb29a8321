"""Frames by chance (Hypothesis, stateful): three sockets of two visitors say what clients may, may not and cannot say.

After every step: each text got an answer in the server's own words or an end in one of its codes, nothing of the other
visitor was told, and in the end the server lives and has logged no error.
"""

import json
import math
import time
import uuid
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chat.events import CLIENT_FRAMES, MAX_FRAME_BYTES, SENTENCES, SERVER_FRAMES
from tests.attack.lines import Line
from tests.attack.people import Visitor
from tests.attack.scene import Scene
from tests.attack.tally import Tally

CLOSES = {1002, 1003, 1007, 1009, 1012, 1013, 4001, 4008, 4009, 4029}
SOCKETS = 3
STEPS = 25
ANSWER_SECONDS = 30.0

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(sorted({field.rstrip("?") for fields in CLIENT_FRAMES.values() for field in fields}))
kinds = st.sampled_from([*CLIENT_FRAMES, *SERVER_FRAMES, "", "__proto__", "HELLO", "hello\0", "ask ", "1"])
texts = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=st.characters(categories=["Cf", "Cc", "Co", "Zs", "Mn"]), max_size=60),
    st.sampled_from(
        ["x" * 2000, "x" * 2001, "x" * 60_000, "\u202e" * 90, "[1]" * 400, "<" * 900, "a\0b", "=cmd|' /C calc'!A0"]
    ),
)
raw_texts = st.one_of(
    st.text(max_size=200),
    st.sampled_from(["", "{", "[]", "null", "[" * 30_000, '{"a":' * 5000, "NaN", '{"type":"ping","n":NaN}',
                     '{"type":"ping","n":1e999}',
                     '{"type":"hello","type":"ping","n":1}', '{"type":"ask","id":"\\ud800","text":"\\ud800"}',
                     "x" * 65_530,
                     "\ufeff{}", '{"type":"ping","n":' + "9" * 5000 + "}"]),
)  # fmt: skip


class Count:
    """What all machines of a run did."""

    def __init__(self) -> None:
        self.frames = self.answers = self.sockets = self.machines = self.otherwise = 0
        self.wrong: list[str] = []
        self.errors: dict[str, int] = {}
        self.closes: dict[int, int] = {}


def machine_of(scene: Scene, count: Count) -> type[RuleBasedStateMachine]:
    """The state machine over this instance."""
    visitors = scene.visitors

    class Frames(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            count.machines += 1
            self.lines: list[tuple[Line, Visitor]] = []
            for number in range(SOCKETS):
                self._dial(visitors[number % 2])

        def _dial(self, who: Visitor) -> None:
            # An address of its own for each socket: limits are another attack's matter.
            octets = [scene.chance.randrange(1, 255) for _ in range(3)]
            self.lines.append((Line(scene.host, "10." + ".".join(map(str, octets))), who))
            count.sockets += 1

        def _say(self, number: int, message: str | bytes) -> None:
            line, who = self.lines[number % len(self.lines)]
            before = len(line.heard)
            line.say_raw(message)
            count.frames += 1
            count.answers += 1
            line.settle(count.frames % 1000)
            try:
                self._judge(line, who, line.heard[before:])
                cut = {1006} if len(message) > MAX_FRAME_BYTES else set()  # in the middle of it, with its code unread
                assert line.closed in CLOSES | cut | {None}, f"closed with {line.closed} after {message[:200]!r}"
            except AssertionError as error:
                count.wrong.append(str(error))  # what goes otherwise when it is done again is told all the same
                raise
            if line.closed is not None:
                count.closes[line.closed] = count.closes.get(line.closed, 0) + 1
                self.lines.pop(number % len(self.lines))
                self._dial(who)

        def _judge(self, line: Line, who: Visitor, heard: list[dict[str, Any]]) -> None:
            other = visitors[1] if who is visitors[0] else visitors[0]
            for frame in heard:
                assert frame["type"] in SERVER_FRAMES, frame
                if frame["type"] == "error":
                    count.errors[frame["code"]] = count.errors.get(frame["code"], 0) + 1
                    assert frame["code"] in SENTENCES, frame
                    assert frame["text"].split("{")[0][:12] == SENTENCES[frame["code"]][:12], frame
                told = json.dumps(frame)
                assert not any(own in told for own in other.owns()), (
                    f"{who.name} was told of {other.name}: {told[:300]}"
                )

        def _send(self, number: int, frame: Any) -> None:
            self._say(number, json.dumps(frame))

        @rule(
            number=st.integers(0, 2),
            real=st.booleans(),
            others=st.booleans(),
            seq=st.integers(-1, 5),
            epoch=st.integers(-1, 3),
        )
        def hello(self, number: int, real: bool, others: bool, seq: int, epoch: int) -> None:
            who = self.lines[number % len(self.lines)][1]
            whose = visitors[0] if (who is visitors[1]) == others else visitors[1]
            seen = {"reply": whose.replies[0], "epoch": epoch, "seq": seq}
            token = who.token if real else None
            self._send(
                number,
                {"type": "hello", "protocol": 1, "token": token, "conversation": whose.conversation, "last_seen": seen},
            )

        @rule(number=st.integers(0, 2), token=texts, identity=st.none() | texts, locale=json_values, page=json_values)
        def strange_hello(self, number: int, token: str, identity: str | None, locale: Any, page: Any) -> None:
            self._send(
                number,
                {"type": "hello", "protocol": 1, "token": token, "identity": identity, "locale": locale, "page": page},
            )

        @rule(number=st.integers(0, 2), text=texts)
        def ask(self, number: int, text: str) -> None:
            self._send(number, {"type": "ask", "id": str(uuid.uuid4()), "text": text})

        @rule(
            number=st.integers(0, 2),
            kind=st.sampled_from(["stop", "rate"]),
            which=st.integers(0, 7),
            score=st.integers(-2, 2),
            comment=texts,
        )
        def name_a_reply(self, number: int, kind: str, which: int, score: int, comment: str) -> None:
            known = [
                *visitors[0].replies,
                *visitors[1].replies,
                visitors[0].conversation,
                str(uuid.uuid4()),
                "x" * 36,
                "",
            ]
            self._send(number, {"type": kind, "reply": known[which % len(known)], "score": score, "comment": comment})

        @rule(
            number=st.integers(0, 2), kind=st.sampled_from(["handover", "typing", "conversations"]), reason=json_values
        )
        def small(self, number: int, kind: str, reason: Any) -> None:
            self._send(number, {"type": kind, "reason": reason})

        @rule(number=st.integers(0, 2))
        def log_out_as_a_stranger(self, number: int) -> None:
            """A new visitor's log-out: Dora's and Emil's own would end what the other rules need."""
            who = self.lines[number % len(self.lines)][1]
            self.lines[number % len(self.lines)][0]._socket.close()
            self.lines.pop(number % len(self.lines))
            self._dial(who)
            line = self.lines[-1][0]
            line.hello()
            line.say(type="logout")
            self._judge(line, who, line.settle(1) or [])

        @rule(number=st.integers(0, 2), kind=kinds, fields=st.dictionaries(names, json_values, max_size=6))
        def mixed(self, number: int, kind: str, fields: dict[str, Any]) -> None:
            if kind != "logout":
                self._send(number, {"type": kind} | fields)

        @rule(number=st.integers(0, 2), text=raw_texts)
        def raw(self, number: int, text: str) -> None:
            self._say(number, text)

        @rule(number=st.integers(0, 2), data=st.binary(max_size=2000))
        def binary(self, number: int, data: bytes) -> None:
            self._say(number, data)

        @rule(number=st.integers(0, 2), size=st.sampled_from([65_537, 70_000, 1_000_000]))
        def too_large(self, number: int, size: int) -> None:
            self._say(number, "x" * size)

        @rule(number=st.integers(0, 2))
        def vanish(self, number: int) -> None:
            line, who = self.lines.pop(number % len(self.lines))
            line._socket.socket.close()
            self._dial(who)

        def teardown(self) -> None:
            for line, _ in getattr(self, "lines", []):
                line._socket.close()

    return Frames


def attack(scene: Scene) -> list[Tally]:
    tally, count = Tally("frames by chance"), Count()
    end = time.monotonic() + 60 * scene.minutes
    mark = scene.instance.mark()
    examples = 8 if scene.few else 30
    seeds = []
    while time.monotonic() < end:
        seeds.append(scene.chance.randrange(2**32))
        machine = seed(seeds[-1])(machine_of(scene, count))
        try:
            run_state_machine_as_test(machine, settings=_settings(examples))
        except AssertionError as error:
            count.wrong = count.wrong or [str(error)]
        except Flaky:  # it went otherwise when it was done again: a line or the machine was slower
            count.otherwise += 1
        for said in dict.fromkeys(count.wrong):
            tally.attempt(False, f"seed {seeds[-1]}: {said}")
        count.wrong = []
        tally.attempt(scene.instance.is_alive(), f"seed {seeds[-1]}: the server does not answer")
    for complaint in scene.instance.complaints(mark):
        tally.attempt(False, f"logged: {complaint}")
    tally.tried += count.frames
    tally.facts = {
        "seconds": math.ceil(60 * scene.minutes), "frames": count.frames, "sockets": count.sockets,
        "machines": count.machines, "went otherwise when done again": count.otherwise,
        "errors told": dict(sorted(count.errors.items())), "closed with": dict(sorted(count.closes.items())),
    }  # fmt: skip
    return [tally]


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=False, report_multiple_bugs=False,
    )  # fmt: skip
