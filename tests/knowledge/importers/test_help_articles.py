"""The help articles of the development data: all are read, and look right as pages and as passages."""

import re

import pytest

from knowledge.chunking import split
from knowledge.importers import Document, guess_kind, read
from knowledge.rendering import to_html, to_text
from tests.conftest import DATA

SETS = {"help_arduino": 204, "help_logingov": 108, "awsdocs": 586}


@pytest.mark.data
@pytest.mark.parametrize(("name", "number"), SETS.items())
def test_every_article_is_read_and_looks_right(name, number):
    path = DATA / name / "dev.articles.jsonl.gz"
    if not path.exists():
        pytest.skip("The evaluation data is not beside the project.")
    assert guess_kind(str(path)) == "table"
    found = list(read("table", str(path)))
    assert len(found) == number and all(isinstance(each, Document) for each in found)
    assert len({each.key for each in found}) == number
    for document in found[:: max(1, number // 120)]:
        html = to_html(document.body)
        assert "<img" not in html and "<script" not in html
        assert split(document.title, document.body), document.key
        prose = re.sub(r"<(pre|code)>.*?</\1>", "", html, flags=re.DOTALL)
        assert not re.search(r"\\\[|\{[%:]|&amp;(?:[a-z]+|#\d+);", prose), document.key
        assert to_text(document.body).strip()
