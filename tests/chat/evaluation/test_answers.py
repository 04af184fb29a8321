"""`manage.py evaluate answers`, end to end on a tiny file, with the fake model."""

import io
import json

import httpx
import pytest
from django.core.management import CommandError, call_command

from chat import dial
from chat.evaluation.rows import Row, Run, RunFile
from tests.chat.conftest import script

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def evaluate(tmp_path, shop):
    folder = shop / "shop"

    def run(*arguments: str, sets: bool = False) -> tuple[dict, str]:
        out, result = io.StringIO(), tmp_path / "result.json"
        files = ["--data", str(shop)] if sets else []
        for name in () if sets else ("articles", "questions"):
            files += [f"--{name}", str(folder / f"dev.{name}.jsonl")]
        run.said = io.StringIO()
        call_command("evaluate", "answers", *files, "--json", str(result), *arguments, stdout=out, stderr=run.said)
        return json.loads(result.read_text()), out.getvalue()

    return run


def requests(fake_model: str) -> int:
    """How many answers the fake was asked for."""
    transport = httpx.HTTPTransport(uds=fake_model.removeprefix("unix:"))
    with httpx.Client(transport=transport, timeout=5) as client:
        return client.get("http://model/seen").json().get("chat", 0)


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
    assert "right answers                1.000 [1.000, 1.000] n=1" in printed and "right refusals" in printed
    assert row["end"] == "right" and row["topic"] == "Money" and (row["answerable"] is None) == (passages == "gold")
    assert row["passages"][0]["text"] == "The money is back on your card within five days."
    assert result["summary"]["unsupported facts"]["value"] == 0


def test_an_unanswerable_question_is_shown_its_nearest_article_when_gold_is_asked_for(evaluate):
    result, _ = evaluate("--answerer", "model", "--passages", "gold")
    assert result["rows"][1]["retrieved_article_ids"] == ["parcels"]
    assert result["summary"]["right refusals"]["value"] == 0


def test_two_runs_are_compared_pair_by_pair(evaluate, tmp_path):
    evaluate("--answerer", "extract")
    (tmp_path / "result.json").rename(tmp_path / "other.json")
    page = tmp_path / "report.html"
    result, printed = evaluate("--answerer", "model", "--against", str(tmp_path / "other.json"), "--html", str(page))
    assert "right answers                +0.000 [+0.000, +0.000] n=1 more than in the other run" in printed
    assert result["summary"]["difference"]["right answers"]["n"] == 1
    told = page.read_text()
    assert "this run less other.json" in told and "<svg" in told and "<script" not in told and "http" not in told


def test_questions_and_answers_stand_side_by_side_on_the_sheet(evaluate, tmp_path):
    sheet = tmp_path / "sheet.md"
    _, printed = evaluate("--answerer", "extract", "--sheet", str(sheet))
    head, _, first, second = sheet.read_text().splitlines()
    assert head == "| question | wanted | answered | by | measured as |" and f"The sheet is at {sheet}." in printed
    assert "within five days" in first and "| the passage (no_model) | right |" in first
    assert "(no answer is there)" in second and second.endswith("| answered without an answer |")


def test_only_questions_about_some_titles_are_asked(evaluate):
    result, _ = evaluate("--titles", "Parcels", "--refusal-chance")
    (row,) = result["rows"]
    assert (row["id"], row["title"], row["about"]) == ("q2", "Parcels", "parcels")
    assert result["recipe"]["refusal chance"] is True and row["refusal"] is None  # the fake does not tell it
    with pytest.raises(CommandError, match="No article is called 'Parcel'; there is 'Parcels'"):
        evaluate("--titles", "Parcel")


def test_a_run_that_cannot_be_read_is_refused_before_anything_starts(evaluate, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(CommandError, match="is not the JSON of `evaluate answers`"):
        evaluate("--against", str(tmp_path / "other.json"))


def test_rows_that_are_there_are_not_asked_again(evaluate, fake_model, tmp_path):
    first, _ = evaluate("--limit", "1")
    assert (len(first["rows"]), requests(fake_model)) == (1, 1)
    second, _ = evaluate()
    assert (len(second["rows"]), requests(fake_model)) == (2, 2)
    third, printed = evaluate("--html", str(tmp_path / "report.html"))
    assert third["rows"] == second["rows"] and requests(fake_model) == 2
    assert "2 of 2 questions are answered already" in evaluate.said.getvalue() and "The report is at" in printed
    assert "making a scratch database" not in evaluate.said.getvalue()


def test_rows_of_another_recipe_are_set_aside_and_asked_anew(evaluate, fake_model, tmp_path, settings):
    evaluate()
    settings.CHAT_PASSAGES = 2
    again, _ = evaluate()
    assert requests(fake_model) == 4 and again["recipe"]["settings"]["CHAT_PASSAGES"] == 2
    assert "was made in another way (settings)" in evaluate.said.getvalue()
    assert len(json.loads((tmp_path / "result.before.json").read_text())["rows"]) == 2


def test_what_a_broken_off_run_has_answered_is_kept(evaluate, fake_model, tmp_path):
    script(fake_model, chat=["ok", "400"])
    with pytest.raises(CommandError, match="Question q2 got no answer"):
        evaluate("--answerer", "model")
    script(fake_model)
    result, _ = evaluate("--answerer", "model")
    assert [row["id"] for row in result["rows"]] == ["q1", "q2"] and requests(fake_model) == 1


def test_several_sets_are_told_each_and_together(evaluate, tmp_path):
    second = tmp_path / "sets" / "wiki"
    second.mkdir()
    for name in ("articles", "questions"):
        (second / f"dev.{name}.jsonl").write_text((tmp_path / "sets" / "shop" / f"dev.{name}.jsonl").read_text())
    result, printed = evaluate("--answerer", "extract", sets=True)
    assert [(row["set"], row["id"]) for row in result["rows"]] == [
        (s, q) for s in ("shop", "wiki") for q in ("q1", "q2")
    ]
    assert {name: one["questions"] for name, one in result["summary"]["sets"].items()} == {"shop": 2, "wiki": 2}
    assert result["summary"]["questions"] == 4 and "== all sets together" in printed


def test_another_engine_is_asked_by_its_own_model_and_no_key_of_ours_goes_there(evaluate, fake_model, settings):
    settings.MODEL_URL, settings.MODEL_API_KEY = "unix:/nobody/is/there.sock", "ours"
    result, _ = evaluate("--engine", fake_model, "--adapter", "smollm2-135m-instruct", "--answerer", "model")
    assert result["recipe"]["model"] == "smollm2-135m-instruct" and requests(fake_model) == 2
    assert (settings.MODEL_URL, settings.MODEL_API_KEY) == ("unix:/nobody/is/there.sock", "ours")
    with pytest.raises(
        CommandError, match="has no model 'mine', but all-minilm-l6-v2, smollm2-135m-instruct, support-v1"
    ):
        evaluate("--engine", fake_model, "--adapter", "mine")
    with pytest.raises(CommandError, match="does not answer: The model server cannot be reached"):
        evaluate("--engine", "unix:/nobody/is/there.sock")


def test_closed_book_asks_the_model_alone_and_looks_its_facts_up(evaluate):
    result, _ = evaluate("--closed-book")
    row = result["rows"][0]
    assert (row["outcome"], row["answer"]) == ("answered", "There is no passage to answer from.")
    assert row["retrieved_article_ids"] == [] and [one["article"] for one in row["passages"]] == ["refunds"]
    assert result["recipe"]["passages"] == "none" and result["summary"]["right answers"]["value"] == 0


def test_the_risk_of_what_was_answered_is_told_and_drawn(evaluate, tmp_path, monkeypatch):
    evaluate()
    monkeypatch.setattr(dial, "CURVE", tmp_path / "curve.json")
    out, page = io.StringIO(), tmp_path / "risk.html"
    rows = str(tmp_path / "result.json")
    call_command(
        "evaluate", "risk", "--answers", rows, "--most-wrong", "10", "--html", str(page), "--write", stdout=out
    )
    assert "2 questions" in out.getvalue() and "At most 10 % wrong is not reachable" in out.getvalue()
    assert "Risk against coverage" in page.read_text()
    curve = dial.read_curve(dial.CURVE)
    assert (curve.model, curve.sets, curve.questions) == ("support-v1", ["dev.questions"], 2)


@pytest.mark.parametrize(
    ("recipe", "row", "sentence"),
    [
        ({"answerer": "extract"}, {}, "Only answers as customers get them make a curve"),
        ({"engine": "http://other/v1"}, {}, "Only answers as customers get them make a curve"),
        ({"settings": {"CHAT_MOST_WRONG_PERCENT": 5.0}}, {}, "given with the dial set"),
        ({}, {"answerable": None}, "No row tells what the search thought"),
        ({}, {"end": ""}, "No row tells what the search thought"),
    ],
)
def test_other_answers_make_no_curve_to_go_by(tmp_path, recipe, row, sentence):
    asked = Row(**{"id": "1", "question": "?", "end": "right", "outcome": "answered", "answerable": 0.5} | row)
    RunFile(tmp_path / "rows.json").save(Run({"answerer": "live", "gate": "on"} | recipe, rows=[asked]))
    with pytest.raises(CommandError, match=sentence):
        call_command("evaluate", "risk", "--answers", str(tmp_path / "rows.json"), "--write", stdout=io.StringIO())


def test_runs_that_were_made_differently_are_not_told_together(tmp_path):
    for name in ("live", "extract"):
        RunFile(tmp_path / name).save(Run({"answerer": name}))
    with pytest.raises(CommandError, match=r"made in different ways \(answerer\)"):
        call_command("evaluate", "risk", "--answers", str(tmp_path / "live"), str(tmp_path / "extract"))


def test_a_folder_of_markdown_articles_is_read_as_articles(evaluate, settings):
    from knowledge.evaluation_files import read_articles

    demo = read_articles([settings.BASE_DIR / "knowledge" / "demo"])
    assert len(demo) > 50
    assert next(one for one in demo if one.id == "returns-policy").title == "Returns policy"
    assert {one.audience for one in demo} >= {"public", "internal"}
