"""Markup and markdown, cut at every place, as words of the assistant and as the text of an article; in a real browser.

The renderers are tried by themselves, below the fact gate and the sanitiser's callers: whatever text comes to them,
only their few elements may come out, with no address but the server's own, and nothing may be asked for or run.
"""

from itertools import islice
from typing import Any

from playwright.sync_api import Page

from knowledge.rendering import TAGS, to_html
from tests.attack.browsers import AUDIT, Watched, watched
from tests.attack.payloads import markup
from tests.attack.scene import Scene
from tests.attack.tally import Tally

HARNESS = """<!doctype html><meta charset="utf-8"><title>Harness</title><script type="module">
import { Prose } from "/static/widget/prose.js";
window.Prose = Prose;
</script><main></main>"""
PROSE = {
    "tags": ["p", "br", "strong", "em", "code", "pre", "a", "bdi", "ul", "ol", "li", "blockquote", "span", "button",
             "div", "table", "thead", "tbody", "tr", "th", "td"],
    "attributes": ["class", "tabindex", "href", "target", "rel", "start", "dir"],
    "schemes": ["http:", "https:"],
    "foreign": False,
}  # fmt: skip
ARTICLE = {
    "tags": sorted(TAGS),
    "attributes": ["href", "title", "rel", "start", "id"],
    "schemes": ["http:", "https:", "mailto:", "tel:"],
    "foreign": True,  # editors may link to where they like; nothing is asked for unless a reader follows it
}
STREAM = f"""
async ({{ texts, allowed }}) => {{
  const audit = {AUDIT};
  const wrong = [];
  let drawn = 0;
  for (const text of texts) {{
    const box = document.createElement("div");
    document.querySelector("main").replaceChildren(box);
    const prose = new window.Prose(box, {{ cite: () => document.createElement("button"), leave: () => {{}} }});
    for (let end = 1; end <= text.length; end += 1) {{
      const options = {{ sources: [1, 2], base: `${{location.origin}}/`, hosts: [location.host] }};
      prose.show(text.slice(0, end), {{ streaming: end < text.length, ...options }});
      drawn += 1;
      const found = audit(box, allowed);
      if (found.length) wrong.push(`${{found.join(", ")}} from ${{JSON.stringify(text.slice(0, end))}}`);
    }}
    await new Promise((done) => setTimeout(done, 0)); // what was asked for is asked now
  }}
  return {{ drawn, wrong }};
}}
"""
SHOW = f"""
async ({{ pages, allowed }}) => {{
  const audit = {AUDIT};
  const main = document.querySelector("main");
  const wrong = [];
  for (const page of pages) {{
    main.innerHTML = page;
    const found = audit(main, allowed);
    if (found.length) wrong.push(`${{found.join(", ")}} from ${{page}}`);
  }}
  await new Promise((done) => setTimeout(done, 0));
  return wrong;
}}
"""
AT_ONCE = 200


def attack(scene: Scene) -> list[Tally]:
    texts = markup(scene.host, scene.chance, few=scene.few)
    with watched(scene.host) as browser:
        page = browser.page()
        address = f"{scene.instance.url}/attack-harness"
        page.route(address, lambda route: route.fulfill(body=HARNESS, content_type="text/html"))
        page.goto(address)
        page.wait_for_function("Boolean(window.Prose)")
        return [_stream(page, browser, texts), _articles(page, browser, texts)]


def _stream(page: Page, browser: Watched, texts: list[str]) -> Tally:
    tally = Tally("markup in the assistant's words, cut at every place", facts={"payloads": len(texts)})
    for batch in _batches(texts):
        before = browser.counts()
        done = page.evaluate(STREAM, {"texts": batch, "allowed": PROSE})
        tally.tried += done["drawn"]
        _judge(tally, browser, before, done["wrong"])
    return tally


def _articles(page: Page, browser: Watched, texts: list[str]) -> Tally:
    tally = Tally("markup in an article's text, cut at every place", facts={"payloads": len(texts)})
    for batch in _batches(texts):
        before = browser.counts()
        cuts = [text[:end] for text in batch for end in range(1, len(text) + 1)]
        tally.tried += len(cuts)
        pages = list(dict.fromkeys(to_html(cut) for cut in cuts))
        _judge(tally, browser, before, page.evaluate(SHOW, {"pages": pages, "allowed": ARTICLE}))
    return tally


def _judge(tally: Tally, browser: Watched, before: tuple[int, int], wrong: list[str]) -> None:
    tally.through += [one[:300] for one in wrong]
    tally.through += [f"asked for {url}" for url in browser.foreign[before[0] :]]
    tally.through += [f"ran {what}" for what in browser.ran[before[1] :]]


def _batches(texts: list[str]) -> Any:
    rest = iter(texts)
    return iter(lambda: list(islice(rest, AT_ONCE)), [])
