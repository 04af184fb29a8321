"""`manage.py evaluate answers`, end to end on a tiny file, with the fake model."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db(transaction=True)

ARTICLES = [
    {"id": "refunds", "title": "Refunds", "body_markdown": "The money is back on your card within five days."},
    {"id": "parcels", "title": "Parcels", "body_markdown": "The courier scans the tracking number in the evening."},
]
QUESTIONS = [
    {
        "id": "q1",
        "question": "When is the refund money on my card?",
        "gold_article_ids": ["refunds"],
        "gold_span": "within five days",
        "gold_answer": "within five days",
    },
    {
        "id": "q2",
        "question": "Which wine goes with aubergine?",
        "answerable": False,
        "meta": {"near_article_ids": ["parcels"]},
    },
]


@pytest.fixture
def evaluate(tmp_path, settings, fake_model):
    settings.DATA_DIR = tmp_path / "data"
    settings.EMBEDDED_POSTGRES = False  # the session's server is the one to use
    settings.CHAT_ANSWERABLE_FLOOR = 0.0  # the fake's vectors say little of it
    for name, rows in (("articles", ARTICLES), ("questions", QUESTIONS)):
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))

    def run(*arguments: str) -> tuple[dict, str]:
        out, result = io.StringIO(), tmp_path / "result.json"
        files = ["--articles", str(tmp_path / "articles"), "--questions", str(tmp_path / "questions")]
        call_command("evaluate", "answers", *files, "--json", str(result), *arguments, stdout=out, stderr=io.StringIO())
        return json.loads(result.read_text()), out.getvalue()

    return run


@pytest.mark.parametrize(
    ("answerer", "passages", "outcome"),
    [("live", "retrieved", "answered"), ("model", "gold", "answered"), ("extract", "retrieved", "extracted")],
)
def test_every_answerer_is_measured_on_found_and_on_given_passages(evaluate, answerer, passages, outcome):
    result, printed = evaluate("--answerer", answerer, "--passages", passages)
    row = result["rows"][0]
    assert (row["id"], row["outcome"], row["cited_article_ids"]) == ("q1", outcome, ["refunds"])
    assert row["retrieved_article_ids"][0] == "refunds" and "within five days" in row["answer"]
    assert row["ms"]["total"] >= row["ms"]["first"] > 0
    assert (row["model_answer"] == row["answer"]) == (answerer != "extract")
    assert result["summary"]["right answers"] == {"value": 1, "low": 1, "high": 1, "n": 1}
    assert result["summary"]["cites gold"]["value"] == 1
    assert "right answers    1.000 [1.000, 1.000] n=1" in printed and "right refusals" in printed


def test_an_unanswerable_question_is_shown_its_nearest_article_when_gold_is_asked_for(evaluate):
    result, _ = evaluate("--answerer", "model", "--passages", "gold")
    assert result["rows"][1]["retrieved_article_ids"] == ["parcels"]
    assert result["summary"]["right refusals"]["value"] == 0


def test_two_runs_are_compared_pair_by_pair(evaluate, tmp_path):
    evaluate("--answerer", "extract")
    (tmp_path / "result.json").rename(tmp_path / "other.json")
    _, printed = evaluate("--answerer", "model", "--compare", str(tmp_path / "other.json"))
    assert "right answers    +0.000 [+0.000, +0.000] n=1 more than in the other run" in printed


def test_a_run_that_cannot_be_read_is_refused_before_anything_starts(evaluate, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(CommandError, match="is not the JSON of `evaluate answers`"):
        evaluate("--compare", str(tmp_path / "other.json"))


def test_a_folder_of_markdown_articles_is_read_as_articles(evaluate, settings):
    from knowledge.evaluation_files import read_articles

    demo = read_articles([settings.BASE_DIR / "knowledge" / "demo"])
    assert len(demo) > 50
    assert next(one for one in demo if one.id == "returns-policy").title == "Returns policy"
    assert {one.audience for one in demo} >= {"public", "internal"}
