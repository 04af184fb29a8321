"""Every address of the URLconf, tried by nobody and by the four groups of staff; every refusal must change nothing."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
from django.conf import settings
from django.core import serializers
from django.urls import URLPattern, URLResolver, get_resolver

from knowledge.models import Article, Category, Finding, ImportSource, TestQuestion
from tests.attack import people
from tests.attack.scene import Scene
from tests.attack.tally import Tally
from tests.attack.things import Things, make
from tests.attack.who import STAFF, Rule, all_rules

LETTERS = "naemA"
WATCHED = (Article, Category, Finding, ImportSource, TestQuestion)


def routes() -> list[str]:
    """Every address that the URLconf knows, with the admin at its usual place."""
    own = settings.ADMIN_PATH
    found = (route.replace(own, "admin/", 1) if route.startswith(own) else route for route in _walk(get_resolver(), ""))
    return sorted(set(found))


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from _walk(entry, route)


def missing_and_gone() -> tuple[set[str], set[str]]:
    """Addresses without a rule, and rules without an address."""
    known, ruled = set(routes()), set(all_rules())
    return known - ruled, ruled - known


def attack(scene: Scene) -> list[Tally]:
    missing, gone = missing_and_gone()
    named = Tally("addresses without a rule")
    for route in sorted(all_rules()):
        named.attempt(route not in gone, f"{route} is in the table and nowhere else")
    for route in sorted(missing):
        named.attempt(False, f"{route} has no row in tests/attack/who.py")
    things = make(scene)
    staff = people.staff(scene.instance.url)
    reads = _reads(scene, things, staff)
    return [
        named,
        reads,
        _writes(scene, things, staff),
        _forged(scene, things, staff["A"]),
        _hidden(things, staff["n"]),
    ]


def _rules(things: Things) -> Iterator[tuple[str, str, Rule]]:
    for route, rule in sorted(all_rules().items()):
        yield route, things.address(route), rule


def _some(scene: Scene, allowed: str) -> list[str]:
    """All kinds of people; of a few, nobody, one who may, and one who may not."""
    if not scene.few:
        return list(LETTERS)
    may, may_not = [x for x in STAFF if x in allowed], [x for x in STAFF if x not in allowed]
    return ["n", *scene.chance.sample(may, min(1, len(may))), *scene.chance.sample(may_not, min(1, len(may_not)))]


def _reads(scene: Scene, things: Things, staff: dict[str, httpx.Client]) -> Tally:
    """GET: who may gets a page, everybody else the way to the log-in or a refusal, and none of the visitors' words."""
    tally = Tally("pages read by those who may not (IDOR)", facts={"opened by those who may": 0})
    secrets = [each.secret for each in scene.visitors]
    for route, address, rule in _rules(things):
        for letter in _some(scene, rule.get):
            answer = staff[letter].get(address)
            if letter in rule.get:
                tally.facts["opened by those who may"] += 1
                shut = answer.status_code >= 400 or _sent_to_login(answer)
                gone = rule.fleeting and answer.status_code == 404
                tally.attempt(gone or not shut, f"{letter} GET {route}: shut, {answer.status_code}")
            else:
                leaked = any(secret in answer.text for secret in secrets)
                tally.attempt(_is_refused(answer) and not leaked, f"{letter} GET {route}: {answer.status_code}")
    return tally


def _writes(scene: Scene, things: Things, staff: dict[str, httpx.Client]) -> Tally:
    """POST by those who may not, with all that it would need to succeed."""
    tally = Tally("deeds done by those who may not (IDOR)")
    before = _fingerprint()
    for route, address, rule in _rules(things):
        for letter in _some(scene, rule.post):
            if letter not in rule.post:
                answer = staff[letter].post(address, data=things.form(route))
                # Who may read gets the page again; that nothing was done is seen below.
                held = _is_refused(answer) or letter in rule.get
                tally.attempt(held, f"{letter} POST {route}: {answer.status_code}")
    tally.attempt(_fingerprint() == before, "something was changed by those who may not")
    return tally


def _forged(scene: Scene, things: Things, administrator: httpx.Client) -> Tally:
    """An administrator's browser is made to post from another site: the cookie comes along, the token does not."""
    tally = Tally("forged requests (CSRF)")
    before = _fingerprint()
    forgeries = ({"X-CSRFToken": ""}, {"X-CSRFToken": "b" * 32}, {"Origin": "https://evil.example"})
    for route, address, rule in _rules(things):
        for headers in [scene.chance.choice(forgeries)] if scene.few else forgeries:
            if not rule.post or (rule.origin and "Origin" not in headers):
                continue  # where no cookie is read there is nobody to be forged
            words: dict[str, Any] = {"json": things.said} if rule.origin else {"data": things.form(route)}
            answer = administrator.post(address, headers=headers, **words)
            tally.attempt(answer.status_code in (403, 405), f"{headers} POST {route}: {answer.status_code}")
    tally.attempt(_fingerprint() == before, "something was changed by a forged request")
    return tally


def _hidden(things: Things, nobody: httpx.Client) -> Tally:
    """Articles that are not public, in every way that a page may give them away."""
    tally = Tally("articles shown to those they are not for")
    for address in ("/help/", *(f"/help/?q={word}" for word in ("hidden", "internal", "secret-of-the-house", "draft"))):
        answer = nobody.get(address)
        tally.attempt(answer.status_code == 200 and things.hidden not in answer.text, f"{address} shows it")
    for slug in things.hidden_slugs:
        answer = nobody.get(f"/help/{slug}/")
        tally.attempt(answer.status_code == 404 and things.hidden not in answer.text, f"/help/{slug}/ shows it")
    for path in (
        "../settings.py",
        "..%2f..%2fmanage.py",
        "strings/../../../manage.py",
        "%2e%2e/%2e%2e/manage.py",
        ".env",
    ):
        for place in ("/widget/", "/static/", "/static/widget/"):
            answer = nobody.get(place + path)
            tally.attempt(answer.status_code in (400, 404), f"{place}{path}: {answer.status_code}")
    return tally


def _sent_to_login(answer: httpx.Response) -> bool:
    return answer.status_code in (301, 302) and "login" in answer.headers.get("location", "")


def _is_refused(answer: httpx.Response) -> bool:
    """405 says that nobody may; 404 that there is no such thing for this person."""
    to_index = answer.status_code == 302 and answer.headers.get("location", "").rstrip("/").endswith("/admin")
    return answer.status_code in (401, 403, 404, 405) or _sent_to_login(answer) or to_index


def _fingerprint() -> str:
    """Of all rows that staff can change."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    from chat.models import ContactRequest, Conversation, Message, Rating, Review, Widget

    digest = hashlib.sha256()
    models: tuple[Any, ...] = (*WATCHED, Conversation, ContactRequest, Message, Rating, Review, Widget, Group)
    for model in (*models, get_user_model()):
        for row in serializers.serialize("python", model.objects.order_by("pk")):
            fields = {
                name: value
                for name, value in row["fields"].items()
                if name not in ("last_login", "seen", "last_checked", "last_rank")
            }
            digest.update(repr((row["model"], row["pk"], fields)).encode())
    return digest.hexdigest()
