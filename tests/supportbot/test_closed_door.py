"""Every page that anybody can come to, as nobody and as each group of staff.

Nothing is on it that its policy would refuse, and policy and headers are as strict as docs/security.md says.
"""

import re
from collections import deque
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import urljoin, urlsplit

import pytest
from csp.constants import NONCE
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.test import Client

from chat.models import Conversation, Message, Visitor, Widget
from knowledge import indexing
from tests.attack import people, things
from tests.attack.reach import routes
from tests.attack.who import all_rules

MOST_PAGES = 400
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": settings.PERMISSIONS_POLICY,
}
SHOP = "https://shop.example"
FRAMED = {"/widget/demo/frame/": SHOP, "/demo/preview/": "'self'"}  # the pages that may be framed, and by whom
DATA = "application/json"
PICTURE = "data:image/svg+xml"
NONCE_SAID = re.compile(r"'nonce-([^']{20,})'")
AN_ID = re.compile(r"/(?:[0-9]+|[0-9a-f]{8}-[0-9a-f-]{27})/")
ACTIVE = re.compile(r"\s*(javascript|vbscript|data):", re.IGNORECASE)


@pytest.fixture
def one_of_each(db, fake_model) -> things.Things:
    """One thing of each kind that an address can name; the widget may stand on one site."""
    widget, _ = Widget.objects.update_or_create(
        key="demo", defaults={"name": "Demo", "allowed_origins": SHOP, "greeting": "Hello"}
    )
    talk = Conversation.objects.create(widget=widget, visitor=Visitor.objects.create(widget=widget))
    asked = Message.objects.create(conversation=talk, role="customer", text="How long?")
    said = {"text": "30 days. [1]", "status": "done", "outcome": "answered", "reply_to": asked}
    Message.objects.create(conversation=talk, role="bot", **said)
    indexing.active_space()
    dora = SimpleNamespace(conversation=str(talk.pk), token="none")
    return things.make(SimpleNamespace(visitors=[dora]))


def begin(one_of_each: things.Things, letter: str) -> list[str]:
    """The addresses of the table that this person may read."""
    known = set(routes())
    return [
        one_of_each.address(route)
        for route, rule in sorted(all_rules().items())
        if letter in rule.get and route in known and "/export/" not in route
    ]


class Reader(HTMLParser):
    """Where a page leads to, and the scripts, styles and handlers that stand in the page itself."""

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce, self.links, self.inline = nonce, list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        runs = tag == "style" or (tag == "script" and not has.get("src") and has.get("type") != DATA)
        if runs and (not self.nonce or has.get("nonce") != self.nonce):
            self.inline.append(f"<{tag}> without the nonce")
        for name, value in has.items():
            is_picture = tag == "img" and value.startswith(PICTURE)
            active = name in ("href", "src", "action", "formaction") and ACTIVE.match(value) and not is_picture
            if active or name.startswith("on") or name in ("style", "srcdoc"):
                self.inline.append(f"<{tag} {name}={value[:60]}>")
        if tag in ("a", "iframe"):
            self.links.append(has.get("href") or has.get("src") or "")


def read(page: HttpResponseBase) -> Reader:
    nonce = NONCE_SAID.search(page.headers.get("Content-Security-Policy", ""))
    reader = Reader(nonce[1] if nonce else "")
    if page.headers.get("Content-Type", "").startswith("text/html") and not page.streaming:
        reader.feed(page.content.decode())
    return reader


def crawl(client: Client, begun: list[str], *, on: bool) -> dict[str, list[str]]:
    """What is wrong with these pages and, if `on`, with all that they lead to; one of each kind."""
    waiting, found = deque(begun), {}
    seen = {AN_ID.sub("/id/", urlsplit(url).path) for url in begun}
    while waiting:
        url = waiting.popleft()
        assert len(found) < MOST_PAGES, "pages without end"
        page = client.get(url)
        reader = read(page)
        found[url] = faults(url, page, reader)
        for link in reader.links if on else []:
            there = urlsplit(urljoin(url, link))
            kind = AN_ID.sub("/id/", there.path)
            if kind not in seen and not (there.scheme or there.netloc or "/export/" in there.path):
                seen.add(kind)
                waiting.append(there.path)
    return found


def faults(url: str, page: HttpResponseBase, reader: Reader) -> list[str]:
    """What is wrong with a page, in words."""
    wrong = [f"{page.status_code}"] if page.status_code >= 500 else []
    framer = FRAMED.get(urlsplit(url).path)
    headers = HEADERS | ({} if framer else {"X-Frame-Options": "DENY"})
    wrong += [f"{name} is {page.headers.get(name)}" for name in headers if page.headers.get(name) != headers[name]]
    policy = page.headers.get("Content-Security-Policy", "")
    told = {words[0]: words[1:] for words in (part.split() for part in policy.split(";")) if words}
    expected = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | ({"frame-ancestors": [framer]} if framer else {})
    for name, sources in expected.items():
        nonce = [f"'nonce-{reader.nonce}'"] if reader.nonce else []  # without one the policy allows even less
        allowed = [one for source in sources for one in (nonce if source is NONCE else [source])]
        if told.pop(name, None) != allowed:
            wrong.append(f"{name} of the policy is not {allowed}: {policy}")
    return [f"{url}: {one}" for one in [*wrong, *told, *reader.inline]]


SEARCHES = ["/help/?q=tents", "/no/such/page/"]
PEOPLE = [
    ("n", "", 15), ("a", "agent", 30), ("e", "editor", 35), ("m", "manager", 25), ("A", "administrator", 60),
]  # fmt: skip
WORK = ["/admin/knowledge/article/?q=tents&o=1", "/admin/no/such/page/"]


def test_no_page_has_anything_that_its_policy_would_refuse(one_of_each) -> None:
    """Nobody and administrators go wherever a link leads; the other groups open all that the table gives them."""
    for letter, group, least in PEOPLE:
        client, begun = Client(), [*begin(one_of_each, letter), *SEARCHES]
        if group:
            client.force_login(people.person(group, group))
            begun += WORK
        found = crawl(client, begun, on=letter in "nA")
        assert len(found) >= least, (letter, sorted(found))
        assert [fault for each in found.values() for fault in each] == []


def test_the_steps_of_signing_in_are_as_strict(one_of_each, settings) -> None:
    settings.TWO_FACTOR_REQUIRED = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("ada", password="larkfield-tents")
    client, word = Client(), {"username": "ada", "password": "larkfield-tents", "next": "/admin/"}
    pages = [client.post("/admin/login/", {**word, "password": "x"}), client.post("/admin/login/", word)]
    pages += [client.get("/admin/sign-in/second-factor/"), client.get("/no/such/page/")]
    pages += [Client().post("/admin/login/", {**word, "password": "x"}) for _ in range(5)][-1:]
    assert [page.status_code for page in pages] == [200, 302, 200, 404, 429]
    assert [fault for page in pages for fault in faults("/admin/login/", page, read(page))] == []
