"""Forged, stolen and spoilt tokens: visitors' own, and the company's word about a known customer."""

import base64
import json
import time
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jwt
from django.core import signing
from jwt.warnings import InsecureKeyLengthWarning

from chat.models import Widget
from chat.tokens import SALT, Bearer, make_token, read_token
from tests.attack.lines import Line
from tests.attack.people import Visitor
from tests.attack.scene import Scene
from tests.attack.tally import Tally

SECRET = "the shop and its chat server alone know this"
OTHERS = "somebody else's secret, which is long enough too"
DAY = 86400


def attack(scene: Scene) -> list[Tally]:
    warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # short keys are part of the attack
    dora, _ = scene.visitors
    Widget.objects.update_or_create(key="known", defaults={"name": "Known", "identity_secret": SECRET})
    Widget.objects.update_or_create(key="unsigned", defaults={"name": "Unsigned", "identity_secret": ""})
    return [_visitor_tokens(scene, dora), _identities(scene), _logged_out(scene)]


def _visitor_tokens(scene: Scene, dora: Visitor) -> Tally:
    tally = Tally("visitors' tokens")
    for number, (what, token) in enumerate(_spoilt(dora)):
        with Line(scene.host, f"203.0.113.{number % 250}") as line:
            answer = line.hello(token=token, conversation=dora.conversation)
            tally.attempt(_is_shut(answer, line, dora), f"{what}: {str(answer)[:120]}")
    with Line(scene.host, "203.0.113.251", key="known") as line:
        answer = line.hello(token=dora.token, conversation=dora.conversation)
        tally.attempt(_is_shut(answer, line, dora), "a token of another widget")
    return tally


def _spoilt(dora: Visitor) -> Iterator[tuple[str, str]]:
    token, bearer = dora.token, read_token("demo", dora.token)
    payload, stamp, signature = token.split(":")
    for place in range(0, len(token), 3):
        yield f"changed at {place}", token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        yield f"cut at {place}", token[:place]
    other = make_token("demo", Bearer(Bearer.stranger().visitor, 1)).split(":")
    yield "payload swapped", ":".join([payload, other[1], other[2]])
    yield "signature swapped", ":".join([payload, stamp, other[2]])
    yield "no signature", f"{payload}:{stamp}:"
    yield "two signatures", f"{token}:{signature}"
    yield "of another widget", make_token("known", bearer)
    yield "of another generation", make_token("demo", Bearer(bearer.visitor, bearer.generation + 1))
    yield "of generation zero", make_token("demo", Bearer(bearer.visitor, 0))
    named = ["demo", str(bearer.visitor), bearer.generation]
    yield "signed with another key", signing.dumps(named, key=OTHERS, salt=SALT)
    yield "signed for another purpose", signing.dumps(named, salt="django.core.signing")
    yield "signed for a password", signing.dumps(named, salt="django.contrib.auth.tokens.PasswordResetTokenGenerator")
    for days in (91, 4000):
        with mock.patch("django.core.signing.time.time", return_value=time.time() - days * DAY):
            yield f"{days} days old", make_token("demo", bearer)
    for wrong in (
        {"key": "demo", "visitor": str(bearer.visitor)},
        ["demo"],
        "demo",
        7,
        None,
        ["demo", "x", 1],
        named * 2,
    ):
        yield f"signed nonsense {wrong}"[:60], signing.dumps(wrong, salt=SALT)
    yield from _unsigned(str(bearer.visitor))


def _unsigned(visitor: str) -> Iterator[tuple[str, str]]:
    yield "a JWT without a signature", _unsigned_jwt({"alg": "none"}, {"sub": visitor, "aud": "demo"})
    yield "a bare id", visitor
    for size in (4096, 4097, 20_000, 60_000):
        yield f"{size} characters", "x" * size
    for text in ("\ud800", "\0", "::", ":", "a:b:c", "..", "=" * 40, "null", "[]", "%00", "' OR 1=1 --"):
        yield f"{text!r}", text


def _identities(scene: Scene) -> Tally:
    """Emil is a known customer; the attacker wants to be him."""
    tally = Tally("the company's word (JWT)")
    emil = Visitor("emil-known", "198.51.100.9")
    with Line(scene.host, emil.address, key="known") as line:
        welcome = line.hello(identity=_word())
        accepted = line.ask(f"My number is {emil.secret}")
        tally.attempt(bool(welcome and accepted and accepted["type"] == "accepted"), "the true word was not believed")
        emil.conversation = (accepted or {}).get("conversation", "")
    for number, (what, word) in enumerate(_forged_words()):
        with Line(scene.host, f"203.0.114.{number % 250}", key="known") as line:
            answer = line.hello(identity=word, conversation=emil.conversation)
            tally.attempt(_is_shut(answer, line, emil), f"{what}: {str(answer)[:120]}")
    for key, what in (("unsigned", "a widget without a secret"), ("demo", "another widget")):
        with Line(scene.host, "203.0.114.251", key=key) as line:
            for secret in ("", SECRET, "\0", "None"):
                answer = line.hello(identity=_word(secret or " ", aud=key))
                tally.attempt(_is_shut(answer, line, emil), f"{what}, secret {secret!r}")
    return tally


def _word(secret: str = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    said = {"aud": "known", "sub": "emil-7", "exp": time.time() + 200, **claims}
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(kept, secret, algorithm, headers=headers)


def _forged_words() -> Iterator[tuple[str, str]]:
    good = _word()
    head, claims, signature = good.split(".")
    now = time.time()
    for alg in ("none", "None", "NONE", "nOnE", "", "HS384", "RS256", "ES256"):
        yield (
            f"alg {alg!r} and no signature",
            _unsigned_jwt({"alg": alg, "typ": "JWT"}, {"aud": "known", "sub": "emil-7", "exp": now + 200}),
        )
    for algorithm in ("HS384", "HS512"):
        yield f"the right key with {algorithm}", _word(algorithm=algorithm)
    for secret in (OTHERS, SECRET + " ", SECRET[:-1], SECRET.upper(), "known", "a" * 32):
        yield f"key {secret[:12]!r}", _word(secret)
    yield (
        "a key in the header",
        _word(OTHERS, headers={"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(OTHERS.encode()).decode()}}),
    )
    yield "a key's name with a path", _word(OTHERS, headers={"kid": "../../../../dev/null"})
    yield "a key's address", _word(OTHERS, headers={"jku": "https://evil.example/jwks.json"})
    yield "ended two minutes ago", _word(exp=now - 120)
    yield "ends in a day", _word(exp=now + DAY)
    yield "ends never", _word(exp=None)
    yield "ends beyond all numbers", _word(exp=10**30)
    yield "not yet", _word(nbf=now + 3600)
    yield "for another widget", _word(aud="demo")
    yield "for everybody", _word(aud="*")
    yield "for nobody", _word(aud=None)
    yield "of nobody", _word(sub=None)
    for sub in ("", "x" * 201, "emil-7\0"):
        yield f"of {sub[:9]!r}", _word(sub=sub)
    for place in range(0, len(good), 9):
        yield f"cut at {place}", good[:place]
    for place in range(0, len(good), 7):
        yield f"changed at {place}", good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
    other = jwt.encode({"aud": "known", "sub": "mallory", "exp": now + 200}, OTHERS, "HS256").split(".")
    yield "signature swapped", ".".join([head, claims, other[2]])
    yield "claims swapped", ".".join([head, other[1], signature])
    yield "huge", _word(name="x" * 60_000)
    yield "of five parts", f"{good}.x.y"
    for text in ("", ".", "..", "...", "null", "{}", "\0", "\ud800", "a.b.c"):
        yield f"{text!r}", text


def _unsigned_jwt(head: dict[str, Any], claims: dict[str, Any]) -> str:
    def packed(part: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    return f"{packed(head)}.{packed(claims)}."


def _logged_out(scene: Scene) -> Tally:
    """A token that somebody kept from before a log-out, and sockets that were open through it."""
    tally = Tally("after a log-out")
    gone = Visitor("gone", "198.51.100.12")
    gone.talk(scene.host)
    kept = gone.token
    with gone.arrive(scene.host) as thief, gone.arrive(scene.host) as own:
        own.say(type="logout")
        own.settle(1)
        heard = len(thief.heard)
        for frame in (
            {"type": "rate", "reply": gone.replies[0], "score": 1},
            {"type": "handover"},
            {"type": "ask", "id": gone.questions[0], "text": "still here?"},
            {"type": "stop", "reply": gone.replies[0]},
        ):
            thief.say(**frame)
            answers = thief.settle(2)
            shut = answers is None or all(one["type"] == "error" for one in answers if one["type"] != "message")
            tally.attempt(shut, f"{frame['type']} on a socket from before: {answers}"[:200])
            if answers is None:
                break
        tally.attempt(not any(gone.secret in json.dumps(one) for one in thief.heard[heard:]), "heard the conversation")
    with Line(scene.host, "203.0.113.252") as line:
        answer = line.hello(token=kept, conversation=gone.conversation)
        tally.attempt(_is_shut(answer, line, gone), "the kept token")
    return tally


def _is_shut(answer: dict[str, Any] | None, line: Line, whose: Visitor) -> bool:
    """Refused in the server's words, or taken as a stranger; and nothing of theirs was told."""
    told = json.dumps(line.heard)
    leaked = any(own in told for own in whose.owns() if own)
    refused = answer is None or answer["type"] == "error"
    return refused and not leaked and (answer is None or answer["code"] in ("bad_token", "bad_frame"))
