"""Files of an evaluation: what is read, and what is refused with its place."""

import gzip
import json

import pytest

from knowledge.evaluation_files import BadFile, read_articles, read_questions

ARTICLE = {"id": "a", "title": "Refunds", "body_markdown": "Five days."}
QUESTION = {"id": "q", "question": "How long?", "gold_article_ids": ["a"]}


@pytest.fixture
def given(tmp_path):
    def write(*rows, name="rows.jsonl"):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path = tmp_path / name
        path.write_text("\n".join(lines))
        return path

    return write


def test_plain_and_gzip_files_are_read_alike(given, tmp_path):
    plain = given(ARTICLE, "", {**ARTICLE, "id": "b", "lang": "fr", "audience": "internal"})
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    articles = read_articles([plain])
    assert articles == read_articles([packed])
    assert [(a.id, a.audience, a.language) for a in articles] == [("a", "public", "en"), ("b", "internal", "fr")]


def test_what_a_question_leaves_out_has_a_default(given):
    (question,) = read_questions([given({"id": "q", "question": "How long?"})])
    assert (question.history, question.gold, question.answerable) == ([], (), True)


def test_an_article_without_text_is_found_by_its_title(given):
    (article,) = read_articles([given({**ARTICLE, "body_markdown": " "})])
    assert article.body == "Refunds"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2"),
        ("[1]", "not a JSON object"),
        ({**QUESTION, "id": None}, "`id` is missing"),
        ({**QUESTION, "id": "first"}, "was there before"),
        ({**QUESTION, "question": 5}, "`question` is missing or is no text"),
        ({**QUESTION, "history": ["hello"]}, "`history`"),
        ({**QUESTION, "gold_article_ids": "a"}, "`gold_article_ids`"),
        ({**QUESTION, "answerable": "yes"}, "`answerable`"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(given, line, reason):
    path = given({**QUESTION, "id": "first"}, line)
    with pytest.raises(BadFile, match="line 2") as refusal:
        read_questions([path])
    assert str(path) in str(refusal.value) and reason in str(refusal.value)


def test_an_unknown_audience_is_refused(given):
    with pytest.raises(BadFile, match="line 1: `audience` is 'everyone'"):
        read_articles([given({**ARTICLE, "audience": "everyone"})])


def test_a_file_that_cannot_be_read_is_refused(tmp_path, given):
    with pytest.raises(BadFile, match="No such file"):
        read_articles([tmp_path / "nowhere.jsonl"])
    with pytest.raises(BadFile, match="no rows"):
        read_articles([given()])
    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(json.dumps(ARTICLE).encode())[:-9])
    with pytest.raises(BadFile, match=r"torn\.gz"):
        read_articles([torn])
