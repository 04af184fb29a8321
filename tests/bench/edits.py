"""Seconds from saving in admin's own form to a changed answer, over a running instance.

    .venv/bin/python -m tests.bench.edits --passwords DATA_DIR/first-passwords.txt [--url http://127.0.0.1:8000]

Makes one article, edits a number in it again and again, and asks over the websocket until the answer carries it.
Prints each edit and the median and worst: `saved` is the form's own round trip, `embedded` what the article's page
says, `answered` from pressing Publish to the end of the first answer with the new number.
"""

import argparse
import asyncio
import json
import re
import statistics
import time
import uuid
from html.parser import HTMLParser
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

TITLE = "Meadow hammock guarantee"
QUESTION = "How many months is the guarantee of the Meadow hammock?"
BODY = "The Meadow hammock has a guarantee of {months} months from the day of delivery.\n"


class Form(HTMLParser):
    """The names and values of an HTML form's fields, as a browser would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._area: str | None = None
        self._select: str | None = None
        self.options: dict[str, dict[str, str]] = {}
        self._option: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "input" and got.get("type") not in ("submit", "checkbox", "radio") and "name" in got:
            self.fields[got["name"]] = got.get("value", "")
        elif tag == "textarea":
            self._area = got.get("name", "")
            self.fields[self._area] = ""
        elif tag == "select":
            self._select = got.get("name", "")
            self.options[self._select] = {}
        elif tag == "option" and self._select is not None:
            self._option = got.get("value", "")
            if "selected" in got:
                self.fields[self._select] = self._option

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.fields[self._area] += data
        elif self._select is not None and self._option is not None and data.strip():
            self.options[self._select].setdefault(data.strip(), self._option)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = self._option = None


def log_in(client: httpx.Client, password: str) -> None:
    fields = Form(client.get("/admin/login/").text).fields
    client.post("/admin/login/", data={**fields, "username": "editor", "password": password, "next": "/admin/"})


def publish(client: httpx.Client, page: str, months: int) -> str:
    """Fill the form in and press Publish; gives the article's page."""
    form = Form(client.get(page).text)
    fields = {**form.fields, "title": TITLE, "body": BODY.format(months=months), "_publish": "Publish"}
    fields["category"] = fields.get("category") or next(value for value in form.options["category"].values() if value)
    response = client.post(page, data=fields)
    if "Published as revision" not in response.text:
        problems = re.findall(r'class="errorlist[^"]*"[^>]*>(.*?)</ul>', response.text, re.S)
        raise SystemExit(f"publishing did not succeed: {problems[:2]}")
    return str(response.url.path)


async def answer_with(url: str, months: int, patience: float) -> tuple[str, int]:
    """Ask until an answer carries the number; gives that answer and how often it was asked."""
    address = url.replace("http", "ws", 1) + "/ws/chat/demo/"
    end = time.monotonic() + patience
    for attempt in range(1, 1000):
        async with connect(address, origin=url, proxy=None) as socket:
            await socket.send(json.dumps({"type": "hello", "protocol": 1, "token": None}))
            await socket.send(json.dumps({"type": "ask", "id": str(uuid.uuid4()), "text": QUESTION}))
            while True:
                frame = json.loads(await asyncio.wait_for(socket.recv(), patience))
                if frame["type"] in ("done", "failed"):
                    break
        if str(months) in frame.get("text", ""):
            return frame["text"], attempt
        if time.monotonic() > end:
            raise SystemExit(
                f"after {patience:g} s the answer was still {frame.get('text', '')!r}, not {months} months"
            )
    raise AssertionError("unreachable")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--passwords", type=Path, required=True)
    parser.add_argument("--edits", type=int, default=20)
    options = parser.parse_args()
    password = re.search(r"^editor\s+(\S+)", options.passwords.read_text(), re.M)
    if not password:
        raise SystemExit(f"no line for editor in {options.passwords}")
    client = httpx.Client(base_url=options.url, follow_redirects=True, timeout=60, headers={"Referer": options.url})
    log_in(client, password[1])
    page, saved, answered, embedded = "/admin/knowledge/article/add/", [], [], []
    for number in range(options.edits):
        months = 101 + 7 * number
        start = time.monotonic()
        page = publish(client, page, months)
        saved.append(time.monotonic() - start)
        _text, attempts = asyncio.run(answer_with(options.url, months, 60))
        answered.append(time.monotonic() - start)
        state = client.get(page.replace("change/", "state/")).json()
        found = re.search(r"([\d.]+) s", json.dumps(state))
        if found:
            embedded.append(float(found[1]))
        times = f"saved {saved[-1]:.2f} s, answered {answered[-1]:.2f} s, asked {attempts}x"
        print(f"edit {number + 1:2}: {times}, {state.get('text', state)}")
    for name, values in (("saved", saved), ("embedded", embedded), ("answered", answered)):
        if values:
            print(f"{name:9} median {statistics.median(values):.2f} s, worst {max(values):.2f} s, n = {len(values)}")


if __name__ == "__main__":
    main()
