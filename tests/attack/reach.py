"""Every address of the URLconf, tried by nobody and by the four groups of staff; every refusal must change nothing."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core import serializers
from django.urls import URLPattern, URLResolver, get_resolver

from chat.models import ContactRequest, Conversation, Message, Rating, Review, Widget
from knowledge.models import Article, Category, Finding, ImportSource, TestQuestion
from tests.attack import people
from tests.attack.scene import Scene
from tests.attack.tally import Tally
from tests.attack.things import Things, make
from tests.attack.who import STAFF, Rule, all_rules

LETTERS = "naemA"
APPS = re.compile(r"\^\(\?P<app_label>[^)]*\)/\$")
WATCHED = (
    Article, Category, ImportSource, TestQuestion, Conversation, ContactRequest, Message, Rating, Review, Widget, Group,
)  # fmt: skip
DISMISSED = "dismissed finding"
BY_TASKS = ("last_login", "seen", "last_checked", "last_rank", "updated", "heartbeat")


def routes() -> list[str]:
    """Every address that the URLconf knows, with the admin at its usual place."""
    return sorted({_plainly(route) for route in _walk(get_resolver(), "")})


def _plainly(route: str) -> str:
    """Without what an installation may choose: the admin's place, and the names of its apps."""
    if not route.startswith(settings.ADMIN_PATH):
        return route
    route = "admin/" + route.removeprefix(settings.ADMIN_PATH)
    return APPS.sub("<app_label>/", route).replace("(?P<url>.*)$", "<path:url>")


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from _walk(entry, route)


def without_a_rule() -> set[str]:
    """Addresses that nobody has said of who may reach them."""
    return set(routes()) - set(all_rules())


def attack(scene: Scene) -> list[Tally]:
    named = Tally("addresses without a rule")
    for route in routes():
        named.attempt(route in all_rules(), f"{route} has no row in tests/attack/who.py")
    things = make(scene)
    staff = people.staff(scene.instance.url)
    headers = Tally("pages without their headers")
    return [
        named,
        _reads(scene, things, staff, headers),
        headers,
        _writes(scene, things, staff),
        _forged(scene, things, staff["A"]),
        _hidden(things, staff["n"]),
    ]


def _rules(things: Things) -> Iterator[tuple[str, str, Rule]]:
    known = set(routes())
    for route, rule in sorted(all_rules().items()):
        if route in known:
            yield route, things.address(route), rule


def _some(scene: Scene, allowed: str) -> list[str]:
    """All kinds of people; of a few, nobody, one who may not, and now and then one who may."""
    if not scene.few:
        return list(LETTERS)
    may, may_not = [x for x in STAFF if x in allowed], [x for x in STAFF if x not in allowed]
    return [
        "n",
        *scene.chance.sample(may, int(bool(may) and scene.chance.random() < 0.3)),
        *scene.chance.sample(may_not, min(1, len(may_not))),
    ]


def _reads(scene: Scene, things: Things, staff: dict[str, httpx.Client], headers: Tally) -> Tally:
    """GET: who may gets a page, everybody else the way to the log-in or a refusal, and none of the visitors' words."""
    tally = Tally("pages read by those who may not (IDOR)", facts={"opened by those who may": 0})
    secrets = [each.secret for each in scene.visitors]
    for route, address, rule in _rules(things):
        for letter in _some(scene, rule.get):
            answer = staff[letter].get(address)
            headers.attempt(
                _is_closed(answer), f"{letter} GET {route}: {answer.headers.get('content-security-policy')}"
            )
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
    before = _rows()
    for route, address, rule in _rules(things):
        for letter in _some(scene, rule.post):
            if letter not in rule.post:
                answer = staff[letter].post(address, data=things.form(route))
                # Who may read gets the page again; that nothing was done is seen below.
                held = _is_refused(answer) or letter in rule.get
                tally.attempt(held, f"{letter} POST {route}: {answer.status_code}")
    changed = _changed(before)
    tally.attempt(not changed, f"those who may not have changed {changed}")
    return tally


def _forged(scene: Scene, things: Things, administrator: httpx.Client) -> Tally:
    """An administrator's browser is made to post from another site: the cookie comes along, the token does not."""
    tally = Tally("forged requests (CSRF)")
    before = _rows()
    forgeries = ({"X-CSRFToken": ""}, {"X-CSRFToken": "b" * 32}, {"Origin": "https://evil.example"})
    for route, address, rule in _rules(things):
        for headers in [scene.chance.choice(forgeries)] if scene.few else forgeries:
            if not rule.post or (rule.origin and "Origin" not in headers):
                continue  # where no cookie is read there is nobody to be forged
            words: dict[str, Any] = {"json": things.said} if rule.origin else {"data": things.form(route)}
            answer = administrator.post(address, headers=headers, **words)
            tally.attempt(answer.status_code in (403, 405), f"{headers} POST {route}: {answer.status_code}")
    changed = _changed(before)
    tally.attempt(not changed, f"forged requests have changed {changed}")
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


def _is_closed(answer: httpx.Response) -> bool:
    """No inline script, no guessing of types, and who may frame a page is said."""
    if answer.headers.get("x-content-type-options") != "nosniff":
        return False
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return True
    policy = answer.headers.get("content-security-policy", "")
    wanted = ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors")
    return all(part in policy for part in wanted) and "unsafe" not in policy and "*" not in policy


def _sent_to_login(answer: httpx.Response) -> bool:
    return answer.status_code in (301, 302) and "login" in answer.headers.get("location", "")


def _is_refused(answer: httpx.Response) -> bool:
    """405 says that nobody may; 404 that there is no such thing for this person."""
    to_index = answer.status_code == 302 and answer.headers.get("location", "").rstrip("/").endswith("/admin")
    return answer.status_code in (401, 403, 404, 405) or _sent_to_login(answer) or to_index


def _rows() -> dict[tuple[str, str], str]:
    """What staff can change, row by row."""
    found = {}
    for model in (*WATCHED, get_user_model()):
        for row in serializers.serialize("python", model.objects.order_by("pk")):
            kept = {name: value for name, value in row["fields"].items() if name not in BY_TASKS}
            found[row["model"], str(row["pk"])] = repr(kept)
    for pk, person in Finding.objects.filter(dismissed_at__isnull=False).values_list("pk", "dismissed_by"):
        found[DISMISSED, str(pk)] = repr(person)  # the worker makes them and takes them away at any time
    return found


def _changed(before: dict[tuple[str, str], str]) -> list[str]:
    """Rows that are new, gone or other. A finding that is gone was looked at again by its task."""
    now = _rows()
    gone = [key for key in before.keys() - now.keys() if key[0] != DISMISSED]
    other = [f"{key}: {value} was {before.get(key)}" for key, value in now.items() if before.get(key) != value]
    return [*map(str, gone), *other]
