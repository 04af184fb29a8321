"""The widget over the wire: small, cached, open to any site, and the same code that is in the source."""

import gzip
import re

import pytest

from chat.widget_files import IMPORT, SOURCE

BUDGET = 28 * 1024  # bytes of script and style in all, gzipped
LAUNCHER_BUDGET = 4 * 1024
WORDS_BUDGET = 2800  # one language, beside the script


def packed(client, name: str) -> bytes:
    response = client.get(f"/widget/{name}", headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200 and response.headers["Content-Encoding"] == "gzip"
    return response.content


def test_the_widget_stays_within_its_budget(client):
    sizes = {name: len(packed(client, name)) for name in ("support-chat.js", "panel.js")}
    assert sizes["support-chat.js"] <= LAUNCHER_BUDGET
    assert sum(sizes.values()) <= BUDGET, sizes


def test_the_words_of_each_language_are_small_too(client):
    for file in (SOURCE / "strings").glob("*.js"):
        assert len(packed(client, f"strings/{file.name}")) <= WORDS_BUDGET, file.name


def test_the_panel_is_one_file_with_everything_in_it(client):
    text = gzip.decompress(packed(client, "panel.js")).decode()
    assert not re.search(r"^import |^\s*//|/\*", text, re.MULTILINE)
    for module in SOURCE.glob("*.js"):
        for name in re.findall(r"^export (?:class|function|async function) (\w+)", module.read_text(), re.MULTILINE):
            assert f" {name}(" in text or f"class {name}" in text or module.name == "support-chat.js"


def test_every_import_is_one_that_can_be_put_together():
    for module in SOURCE.glob("*.js"):
        text = module.read_text()
        assert len(IMPORT.findall(text)) == len(re.findall(r"^import\b(?!\()", text, re.MULTILINE)), module.name


def test_it_is_cached_and_may_be_loaded_by_any_site(client):
    first = client.get("/widget/panel.js")
    assert first.headers["Access-Control-Allow-Origin"] == "*" and "max-age" in first.headers["Cache-Control"]
    assert first.headers["Content-Type"].startswith("text/javascript")
    again = client.get("/widget/panel.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize(
    "name", ["../settings.py", "styles.js", "strings/../panel.js", "strings/xx.js", "", "panel.js/"]
)
def test_nothing_else_is_served(db, client, name):
    assert client.get(f"/widget/{name}").status_code == 404
