"""Every page of the product with hostile words in every field that a customer, an article or an import can fill; the
help pages, the widget and all of the admin, opened in a real browser without our content security policy.
"""

import io
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import jwt
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Error, Page

from chat import desk
from chat.models import Conversation, Message, Rating, RetrievedPassage, Review, Visitor, Widget
from knowledge.models import Article, ImportItem, ImportRun, ImportSource
from tests.attack import people
from tests.attack.browsers import AUDIT, Watched, watched
from tests.attack.lines import Line
from tests.attack.payloads import own
from tests.attack.reach import routes
from tests.attack.scene import Scene
from tests.attack.tally import Tally
from tests.attack.things import Things, make
from tests.attack.who import all_rules

SECRET = "the shop and its chat server alone know this"
PAGE_MS = 60_000
MOST_MESSAGES = 500
A_FEW = 45  # pages of all, as chance has it
PLAIN = {"schemes": ["http:", "https:", "mailto:", "tel:", "data:"], "foreign": True}
# What anything must survive at once, in a title's 200 characters.
KNOT = (
    "\"><img src=x onerror=alert(1)>'><svg/onload=alert(2)></title></textarea></script><script>alert(3)</script>{{7*7}}"
)
QUERY = urlencode({name: KNOT for name in ("q", "state", "lang", "dir", "key", "next", "theme", "page", "category")})
LINKED = '[x](javascript:alert(4)) ![x](https://evil.example/p.png) <a href="javascript:alert(5)">x</a>'


def attack(scene: Scene) -> list[Tally]:
    pages = Tally("hostile words on every page (browser)")
    widget = Tally("hostile words in the widget (browser)")
    cuts = Tally("payloads cut at every place in the transcript (browser)")
    # Playwright's loop runs in this thread; one other, with one connection, talks to the database.
    with watched(scene.host) as browser, ThreadPoolExecutor(1) as beside:
        staff = people.person("attacked-administrator", "administrator")
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": people.session_of(staff), "url": scene.instance.url}
        browser.context.add_cookies([cookie])
        page = browser.page()
        for words in [KNOT] if scene.few else [KNOT, LINKED, *_bundles()]:
            things = beside.submit(_poison, scene, words).result()
            addresses = _addresses(things)
            for address in scene.chance.sample(addresses, A_FEW) if scene.few else addresses:
                _open(page, browser, scene.instance.url + address, pages)
        _widget(scene, browser, page, widget)
        for conversation, count in _cut_conversations(scene):
            _open(
                page,
                browser,
                f"{scene.instance.url}/{settings.ADMIN_PATH}chat/conversation/{conversation}/change/",
                cuts,
            )
            cuts.tried += count - 1
        pages.facts["requests recorded"] = browser.requests
    return [pages, widget, cuts]


def _bundles() -> Iterator[str]:
    """Our lists in parcels that fit a title."""
    parcel = ""
    for text in own("xss"):
        if len(parcel) + len(text) > 190:
            yield parcel
            parcel = ""
        parcel = f"{parcel} {text}"[:190]
    yield parcel


def _addresses(things: Things) -> list[str]:
    """Every page that an administrator may read, the public ones too, and searches for the words."""
    known = set(routes())
    readable = [route for route, rule in sorted(all_rules().items()) if "A" in rule.get and route in known]
    downloads = ("widget/", "health/", "favicon", "admin/chat/conversation/export", "admin/jsi18n")
    shown = [things.address(route) for route in readable if not route.startswith(downloads) and ".csv" not in route]
    more = ["/help/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/help/?q=attacked",
            "/admin/chat/conversation/?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
            "/admin/knowledge/article/?q=%3Cscript%3Ealert(1)%3C/script%3E",
            "/admin/login/?next=javascript:alert(1)", "/admin/login/?next=https://evil.example/",
            "/help/%3Cscript%3Ealert(1)%3C%2Fscript%3E/",
            "/no-such-page/%22%3E%3Cscript%3Ealert(1)%3C/script%3E"]  # fmt: skip
    public = [things.address(route) for route in readable if "n" in all_rules()[route].get]
    asked = [f"{address}?{QUERY}" for address in dict.fromkeys(public) if address in shown]
    return [*dict.fromkeys(shown), *asked, *more]


def _open(page: Page, browser: Watched, url: str, tally: Tally) -> None:
    before = browser.counts()
    try:
        page.goto(url, wait_until="load", timeout=PAGE_MS)
    except Error as error:
        if "Download is starting" not in str(error):
            raise
        return
    found = page.evaluate(f"(allowed) => ({AUDIT})(document.documentElement, allowed)", PLAIN)
    wrong = [one for one in found if "javascript:" in one or " on" in one or " to " in one and not one.startswith("a ")]
    ran = [*browser.foreign[before[0] :], *browser.ran[before[1] :], *wrong]
    tally.attempt(not ran, f"{url}: {ran}")


def _poison(scene: Scene, words: str) -> Things:
    """Hostile words wherever somebody may write."""
    dora = scene.visitors[0]
    things = make(scene, f"{words} {uuid.uuid4().hex[:6]}")
    _say_everything(scene, words)
    Widget.objects.filter(key="demo").update(greeting=words[:300], suggestions=[words[:120]], name=words[:80])
    answer = Message.objects.filter(conversation_id=dora.conversation, role="bot").earliest("pk")
    poison_answer(answer, words)
    Conversation.objects.filter(pk=dora.conversation).update(
        handover_reason=words[:300],
        page_title=words[:200],
        page_url=f"javascript:alert(1)//{words}"[:500],
        language=words[:16],
    )
    Visitor.objects.filter(conversations=dora.conversation).update(
        name=words[:120], external_id=f"{words}{uuid.uuid4()}"[:200]
    )
    Review.objects.update_or_create(
        message=answer, defaults={"verdict": "wrong", "corrected_answer": words, "note": words}
    )
    agent = people.person("attacked-agent", "agent")
    agent.first_name = words[:150]
    agent.save()
    desk.say(Conversation.objects.get(pk=dora.conversation), agent, words)
    _import(scene, words)
    return things


def poison_answer(answer: Message, words: str) -> None:
    """An answer whose every field is hostile, as a misled model or a poisoned article would make it."""
    Message.objects.filter(pk=answer.pk).update(
        text=f"{words} [1]",
        nearest=[{"title": words, "url": "javascript:alert(1)"}, {"title": words, "url": "//evil.example/"}],
        follow_ups=[words[:100]], standalone_question=words, support=[{"text": words, "score": 0.1}], stopped=words,
        model=words[:120], adapter=words[:80], reason=words[:40], status="done", outcome="answered",
    )  # fmt: skip
    RetrievedPassage.objects.update_or_create(
        message=answer, n=1,
        defaults={"title": words[:200], "heading": words, "url": "javascript:alert(1)", "score": 1.0, "cited": True},
    )  # fmt: skip
    Rating.objects.update_or_create(message=answer, defaults={"score": -1, "comment": words})


def _say_everything(scene: Scene, words: str) -> None:
    """The same through the doors that a customer has: frames, a signed name, the contact form."""
    Widget.objects.update_or_create(key="known", defaults={"name": "Known", "identity_secret": SECRET})
    claims = {"aud": "known", "sub": f"{words}-{uuid.uuid4()}"[:200], "name": words, "exp": time.time() + 200}
    with Line(scene.host, f"192.0.2.{scene.chance.randrange(250)}", key="known") as line:
        line.hello(identity=jwt.encode(claims, SECRET, "HS256"), locale=words, page={"url": words, "title": words})
        done = line.answer(words)
        if done and done["type"] == "done":
            line.say(type="rate", reply=done["reply"], score=-1, comment=words)
        line.say(type="handover", reason=words)
        line.settle(1)
    body = {"widget": "demo", "email": "mallory@shop.example", "note": words}
    headers = {"Origin": scene.instance.url, "X-Forwarded-For": f"192.0.2.{scene.chance.randrange(250)}"}
    httpx.post(f"{scene.instance.url}/chat/contact", json=body, headers=headers).raise_for_status()


def _import(scene: Scene, words: str) -> None:
    """A file with a hostile name, whose documents have hostile names and titles, sent through the form."""
    client = people.browser_of(scene.instance.url, people.person("attacked-editor", "editor"))
    document = json.dumps([{"title": words, "body": words, "category": words, "id": words}])
    name = f"{words.replace('/', '')}.json"
    form = {
        "name": f"{words[:80]} {uuid.uuid4().hex[:8]}",
        "language": "en",
        "audience": "public",
        "missing": "keep",
        "_preview": "1",
    }
    files = {"file": (name, io.BytesIO(document.encode()), "application/json")}
    answer = client.post(f"/{settings.ADMIN_PATH}knowledge/importsource/add/", data=form, files=files)
    if answer.status_code >= 500:
        raise RuntimeError(f"an import with a hostile name ended with {answer.status_code}")
    source = ImportSource.objects.order_by("-pk").first()
    assert source is not None
    run = ImportRun.objects.create(
        source=source, preview=True, state="failed", error=words[:500], finished=timezone.now()
    )
    article = Article.objects.get(slug="attacked")
    ImportItem.objects.create(
        run=run,
        key=f"../../{words}"[:500],
        action="failed",
        title=words[:200],
        article=article,
        message=words[:300],
        sample=words,
    )


def _widget(scene: Scene, browser: Watched, page: Page, tally: Tally) -> None:
    """The widget of the demo page shows a conversation in which everything is hostile, then an answer as it streams."""
    before = browser.counts()
    page.goto(f"{scene.instance.url}/", timeout=PAGE_MS)
    page.locator(".launcher").click(timeout=PAGE_MS)
    page.locator("#question").fill(KNOT)
    page.locator("#question").press("Enter")
    page.locator("article.answer .foot").first.wait_for(state="attached", timeout=PAGE_MS)
    conversation = (
        Conversation.objects.filter(messages__text__startswith=KNOT[:40], widget__key="demo")
        .order_by("-created")
        .first()
    )
    assert conversation is not None
    texts = own("xss", scene.host) + own("markdown", scene.host)
    for text in texts[:45]:
        answer = Message.objects.create(
            conversation=conversation, role="bot", status="done", outcome="answered", text=text, epoch=1, seq=1
        )
        poison_answer(answer, text)
        Message.objects.create(conversation=conversation, role="customer", text=text)
        Message.objects.create(
            conversation=conversation, role="agent", text=text, author=people.person("attacked-agent", "agent")
        )
        tally.tried += 3
    page.reload(timeout=PAGE_MS)
    if not page.locator("#question").is_visible():
        page.locator(".launcher").click(timeout=PAGE_MS)
    page.locator("article.answer").nth(20).wait_for(state="attached", timeout=PAGE_MS)
    found = page.evaluate(
        f"(allowed) => ({AUDIT})(document.querySelector('support-chat').shadowRoot, allowed)",
        PLAIN | {"foreign": False},
    )
    tally.through += [*found, *browser.foreign[before[0] :], *browser.ran[before[1] :]]
    said = page.evaluate("document.querySelector('support-chat').shadowRoot.textContent")
    tally.attempt("onerror=alert(1)" in said, "the widget shows none of it: nothing was tried")


def _cut_conversations(scene: Scene) -> Iterator[tuple[uuid.UUID, int]]:
    """Conversations of as many messages as a page shows, each a payload cut at another place."""
    widget = Widget.objects.get(key="demo")
    visitor = Visitor.objects.create(widget=widget)
    cuts = [text[:end] for text in own("xss") + own("markdown") for end in range(1, len(text) + 1)]
    scene.chance.shuffle(cuts)
    for place in range(0, MOST_MESSAGES if scene.few else len(cuts), MOST_MESSAGES):
        part = cuts[place : place + MOST_MESSAGES]
        conversation = Conversation.objects.create(widget=widget, visitor=visitor)
        Message.objects.bulk_create(Message(conversation=conversation, role="customer", text=text) for text in part)
        yield conversation.pk, len(part)
