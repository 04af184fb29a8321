"""The example for the company's server does what docs/identity.md says, and its word is believed here."""

import io
import json
import re
import runpy
import shutil
import subprocess

import pytest
from django.conf import settings

from chat.identity import ALGORITHMS, LEEWAY_SECONDS, LIFETIME_SECONDS, read_identity
from chat.models import MIN_SECRET_CHARS, Widget

SECRET = "a secret of the shop and of its chat server alone"
SHOP = Widget(key="shop", identity_secret=SECRET)
PAGE = (settings.BASE_DIR / "docs" / "identity.md").read_text()


@pytest.fixture
def example(monkeypatch):
    monkeypatch.setenv("SUPPORT_SECRET", SECRET)
    monkeypatch.setenv("SUPPORT_WIDGET", "shop")
    return runpy.run_path(str(settings.BASE_DIR / "docs" / "examples" / "identity_server.py"))


def ask(example, method, path, body=b"", cookie=""):
    """(status, headers, JSON) of one request to the example, over WSGI."""
    said = {}

    def start(status, headers):
        said.update(status=int(status.split()[0]), headers=dict(headers))

    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_COOKIE": cookie, "wsgi.input": io.BytesIO(body)}
    answer = b"".join(example["application"](environ | {"CONTENT_LENGTH": str(len(body))}, start))
    return said["status"], said["headers"], json.loads(answer)


def test_who_is_signed_in_there_is_known_here(example):
    assert ask(example, "GET", "/support-token")[0] == 401
    _, headers, _ = ask(example, "POST", "/sign-in", b"name=Emil")
    cookie = headers["Set-Cookie"].split(";")[0]
    status, headers, data = ask(example, "GET", "/support-token", cookie=cookie)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    emil = read_identity(SHOP, data["token"])
    assert (emil.subject, emil.name) == ("customer-emil", "Emil")
    ask(example, "POST", "/sign-out", cookie=cookie)
    assert ask(example, "GET", "/support-token", cookie=cookie)[0] == 401


def test_a_name_in_any_script_arrives(example):
    token = example["support_token"](SECRET, "shop", "客户-7", "Ünal “Ü” 客户")
    assert read_identity(SHOP, token).name == "Ünal “Ü” 客户"


def test_the_snippet_for_node_makes_a_token_that_is_believed():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    snippet = re.search(r"```js server\n(.*?)```", PAGE, re.DOTALL)[1]
    call = f"console.log(supportToken({json.dumps(SECRET)}, 'shop', 'emil-7', 'Emil'))"
    made = subprocess.run([node, "-e", snippet + call], capture_output=True, text=True, timeout=60, check=True)
    assert read_identity(SHOP, made.stdout.strip()).subject == "emil-7"


def test_the_page_says_the_numbers_of_the_code():
    for said in (
        f"{LIFETIME_SECONDS // 60} minutes ahead",
        f"{LEEWAY_SECONDS} seconds",
        f"{MIN_SECRET_CHARS} characters",
        *ALGORITHMS,
    ):
        assert said in PAGE
