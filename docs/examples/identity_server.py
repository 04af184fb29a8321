"""A company's own server, as small as it can be: it vouches for whoever is signed in at it. Python alone, nothing else.

    SUPPORT_SECRET=… SUPPORT_WIDGET=shop python docs/examples/identity_server.py

What matters is `support_token` and the page /support-token; the sign-in is only there so that the example runs.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

LIFETIME_SECONDS = 120  # at most five minutes: the page fetches a fresh one whenever it needs it
SIGNED_IN: dict[str, dict[str, str]] = {}  # session -> customer; your framework has this already

Start = Callable[[str, list[tuple[str, str]]], object]


def support_token(secret: str, widget: str, subject: str, name: str = "") -> str:
    """A JWT that says who is signed in here. `subject` is your own unchanging id of the customer, not an address."""
    now = int(time.time())
    claims = {"aud": widget, "sub": subject, "name": name, "iat": now, "exp": now + LIFETIME_SECONDS}
    said = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.new(secret.encode(), said.encode(), hashlib.sha256).digest()
    return f"{said}.{_base64(signature)}"


def _part(value: dict[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """POST /sign-in (name=…), POST /sign-out, and GET /support-token for who is signed in."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    cookie = SimpleCookie(str(environ.get("HTTP_COOKIE", ""))).get("session")
    session = cookie.value if cookie else ""
    if (method, path) == ("GET", "/support-token"):
        customer = SIGNED_IN.get(session)
        if customer is None:
            return _answer(start, "401 Unauthorized", {"error": "Sign in first."})
        token = support_token(os.environ["SUPPORT_SECRET"], os.environ["SUPPORT_WIDGET"], **customer)
        return _answer(start, "200 OK", {"token": token})
    if (method, path) == ("POST", "/sign-in"):
        form = parse_qs(environ["wsgi.input"].read(int(str(environ.get("CONTENT_LENGTH") or 0))).decode())
        name, session = form.get("name", ["Emil"])[0], secrets.token_urlsafe(24)
        SIGNED_IN[session] = {"subject": f"customer-{name.lower()}", "name": name}
        kept = f"session={session}; HttpOnly; SameSite=Lax; Path=/"
        return _answer(start, "200 OK", {"signed_in": name}, [("Set-Cookie", kept)])
    if (method, path) == ("POST", "/sign-out"):
        SIGNED_IN.pop(session, None)
        return _answer(start, "200 OK", {"signed_in": None})
    return _answer(start, "404 Not Found", {"error": "There is nothing here."})


def _answer(
    start: Start, status: str, data: dict[str, object], more: Iterable[tuple[str, str]] = ()
) -> Iterable[bytes]:
    """Never kept by a browser or a proxy: a token is one customer's."""
    start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *more])
    return [json.dumps(data).encode()]


if __name__ == "__main__":
    with make_server("127.0.0.1", 8090, application) as server:
        print("http://127.0.0.1:8090/")
        server.serve_forever()
