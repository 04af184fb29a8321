"""A real Chromium whose every request is written down, and in which a script that runs is heard."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Request, sync_playwright

QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-sync", "--disable-component-update",
         "--no-first-run", "--disable-quic", "--host-resolver-rules=MAP * 127.0.0.1:9, EXCLUDE 127.0.0.1"]  # fmt: skip
LISTEN = """
window.attackRan = (name) => window.attackHeard?.(`${name} at ${location.href}`);
for (const name of ["alert", "confirm", "prompt", "print", "open", "msgbox"])
  Object.defineProperty(window, name, { value: () => window.attackRan(name), writable: false });
"""
# What no page of ours may hold, whatever was written into it: gives what was found.
AUDIT = """
(root, allowed) => {
  const wrong = [];
  for (const node of root.querySelectorAll("*")) {
    const name = node.localName;
    if (allowed.tags && !allowed.tags.includes(name)) wrong.push(`<${name}>`);
    for (const { name: attribute, value } of node.attributes) {
      if (/^on/i.test(attribute)) wrong.push(`${name} ${attribute}`);
      if (allowed.attributes && !allowed.attributes.includes(attribute)) wrong.push(`${name} ${attribute}=`);
      if (/^(?:href|src|action|formaction|xlink:href|poster|data|srcdoc|srcset|background)$/i.test(attribute)) {
        let address;
        try { address = new URL(value, document.baseURI); } catch { continue; }
        if (!allowed.schemes.includes(address.protocol)) wrong.push(`${name} ${attribute} ${address.protocol}`);
        const goes = /^https?:$/.test(address.protocol) && address.host !== location.host;
        if (goes && (name !== "a" || !allowed.foreign)) wrong.push(`${name} ${attribute} to ${address.host}`);
      }
    }
  }
  return wrong;
}
"""


@dataclass
class Watched:
    """A browser's context with what it did. `host` is the server's own address with its port."""

    context: BrowserContext
    host: str
    requests: int = 0
    foreign: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        self.requests += 1
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.host:
            self.foreign.append(request.url[:200])

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("dialog", lambda dialog: (self.ran.append(f"dialog {dialog.message[:80]}"), dialog.dismiss()))
        page.on("popup", lambda popup: (self.ran.append(f"popup {popup.url[:80]}"), popup.close()))
        return page

    def counts(self) -> tuple[int, int]:
        return len(self.foreign), len(self.ran)


@contextmanager
def watched(host: str) -> Iterator[Watched]:
    """Without our content security policy: what holds must hold without it. No name leads off this machine."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise FileNotFoundError("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=QUIET)
        context = browser.new_context(bypass_csp=True, viewport={"width": 1100, "height": 800})
        found = Watched(context, host)
        context.on("request", found.note)
        context.expose_binding("attackHeard", lambda _source, what: found.ran.append(str(what)[:200]))
        context.add_init_script(LISTEN)
        yield found
        context.close()
        browser.close()
