"""`manage.py evaluate retrieval`, end to end on a tiny file, beside a live database that must not change."""

import io
import json
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat.evaluation import retrieval
from knowledge import evaluation
from knowledge.evaluation import publishable
from knowledge.models import Article, Category, EmbeddingSpace
from knowledge.scratch import scratch_database

pytestmark = pytest.mark.django_db(transaction=True)

ARTICLES = [
    {"id": "refunds", "title": "Refunds", "body_markdown": "The money is back on your card within five days."},
    {"id": "parcels", "title": "Parcels", "body_markdown": "The courier scans the tracking number in the evening."},
    {"id": "staff", "title": "Staff discount", "body_markdown": "The courier refund limit.", "audience": "internal"},
]
QUESTIONS = [
    {"id": "q1", "question": "When is the money on my card?", "gold_article_ids": ["refunds"]},
    {"id": "q2", "question": "Does the courier scan the tracking number?", "gold_article_ids": ["parcels"]},
    {"id": "q3", "question": "Which wine goes with aubergine?", "gold_article_ids": [], "answerable": False},
    {
        "id": "q4",
        "question": "and when is it scanned?",
        "history": [{"role": "user", "text": "Where is my tracking number?"}, {"role": "assistant", "text": "Here."}],
        "gold_article_ids": ["parcels"],
    },
]


@pytest.fixture
def evaluate(tmp_path, settings, fake_model):
    settings.DATA_DIR = tmp_path / "data"
    settings.EMBEDDED_POSTGRES = False  # the session's server is the one to use
    for name, rows in (("articles", ARTICLES), ("questions", QUESTIONS)):
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))

    def run(*arguments: str) -> tuple[dict, str, str]:
        out, progress, result = io.StringIO(), io.StringIO(), tmp_path / "result.json"
        files = ["--articles", str(tmp_path / "articles"), "--questions", str(tmp_path / "questions")]
        call_command("evaluate", "retrieval", *files, "--json", str(result), *arguments, stdout=out, stderr=progress)
        return json.loads(result.read_text()), out.getvalue(), progress.getvalue()

    return run


def databases() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database ORDER BY datname")
        return [row[0] for row in cursor.fetchall()]


def test_it_measures_and_leaves_the_live_data_alone(evaluate):
    category = Category.objects.create(name="Live", slug="live")
    Article.objects.create(slug="live", title="Live", category=category)
    before = databases()

    result, printed, progress = evaluate()

    assert set(databases()) <= set(before)  # less, if an earlier run was killed
    assert Article.objects.count() == 1 and not EmbeddingSpace.objects.exists()
    assert [row["id"] for row in result["rows"]] == ["q1", "q2", "q3", "q4"]
    ranked = {row["id"]: row["ranked_article_ids"] for row in result["rows"]}
    assert [ranked["q1"][0], ranked["q2"][0], ranked["q4"][0]] == ["refunds", "parcels", "parcels"]
    assert all("staff" not in articles for articles in ranked.values())
    assert all(0 <= row["answerable_score"] <= 1 and row["ms"] > 0 for row in result["rows"])
    assert result["summary"]["recall@1"] == {"value": 1, "low": 1, "high": 1, "n": 3}
    assert result["summary"]["auroc"]["n"] == 4
    assert result["summary"]["read"] is False and "the search alone is measured" in progress
    assert {row["evidence"]["relevance"] for row in result["rows"]} == {None}
    assert "ndcg@10    1.000 [1.000, 1.000] n=3" in printed
    assert "asked: 4 of 4" in progress


def test_internal_articles_are_searched_for_internal_readers(evaluate):
    result, _, _ = evaluate("--audience", "internal")
    assert any("staff" in row["ranked_article_ids"] for row in result["rows"])


def test_a_result_that_cannot_be_written_is_said_before_any_work(evaluate, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "articles").write_text("not read before the result's place is known")
    with pytest.raises(CommandError, match="file/result.json cannot be written"):
        evaluate("--json", str(tmp_path / "file" / "result.json"))


def test_an_article_without_words_is_its_title():
    for body in ("![](a.png)", "---", "<!-- x -->"):
        assert publishable("Opening hours", body) == "Opening hours"
    assert publishable("Refunds", "Within five days.") == "Within five days."
    assert len(publishable("Endless", "# Heading\n\nSome words of it.\n\n" * 3_000)) == 20_000


def test_a_second_run_encodes_no_passage_again(evaluate, settings, monkeypatch):
    first, _, _ = evaluate()
    monkeypatch.setattr("knowledge.evaluation.embed_passages", None)  # a call would fail
    second, _, _ = evaluate()
    assert [row["ranked_article_ids"] for row in first["rows"]] == [row["ranked_article_ids"] for row in second["rows"]]


def test_who_reads_is_asked_only_when_the_servers_run(evaluate, monkeypatch):
    running = []

    @contextmanager
    def ground(say):
        with real_ground(say):
            running.append(True)
            yield
            running.clear()

    real_ground, real_seconds = retrieval.ground, evaluation.reading_seconds
    monkeypatch.setattr(retrieval, "ground", ground)
    monkeypatch.setattr(evaluation, "reading_seconds", lambda say: real_seconds(say) if running else pytest.fail())
    evaluate()


def test_a_limit_asks_the_same_questions_each_time(evaluate):
    first, _, _ = evaluate("--limit", "2")
    second, _, _ = evaluate("--limit", "2")
    assert [row["id"] for row in first["rows"]] == [row["id"] for row in second["rows"]]
    assert len(first["rows"]) == 2 and first["summary"]["articles"] == 3


def test_a_bad_file_is_a_sentence_and_makes_no_database(evaluate, tmp_path):
    (tmp_path / "questions").write_text('{"id": "q1", "question": "?"}\n{"id": 7, "question": "?"}')
    before = databases()
    with pytest.raises(CommandError, match="questions, line 2: `id` is missing or is no text"):
        evaluate()
    assert set(databases()) <= set(before)


def test_what_a_killed_run_left_is_dropped_by_the_next(evaluate):
    left = f"{connection.settings_dict['NAME']}_scratch_1"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{left}"')
    with scratch_database(lambda _: None) as name:
        assert left not in databases() and name in databases()
    assert name not in databases()


def test_a_failure_inside_drops_the_database_and_comes_out(evaluate):
    before = databases()
    with pytest.raises(ZeroDivisionError), scratch_database(lambda _: None):
        _ = 1 / 0
    assert set(databases()) <= set(before)


def test_sets_of_a_folder_are_measured_beside_the_peers(evaluate, tmp_path):
    for name in ("one", "two"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for rows in ("articles", "questions"):
            (tmp_path / "sets" / name / f"test.{rows}.jsonl").write_bytes((tmp_path / rows).read_bytes())
    result, printed, progress = evaluate("--data", str(tmp_path / "sets"), "--peers", "all")
    assert [row["set"] for row in result["rows"]] == ["one"] * 4 + ["two"] * 4
    peers = result["summary"]["sets"]["two"]["peers"]
    assert {"bm25 last", "minilm hist", "rrf hist_all"} <= set(peers)
    assert result["summary"]["pooled"]["bm25 strongest"]["ndcg@10"]["n"] == 6
    assert "pooled over one, two:" in printed and "ours - rrf hist_all" in printed


def test_the_probability_is_judged_on_sets_of_both_kinds(evaluate, tmp_path):
    """From a search of its own, or from the rows that `evaluate retrieval` wrote: the figures are the same."""
    for name in ("one", "two", "sure"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for rows in ("articles", "questions"):
            kept = (tmp_path / rows).read_text().splitlines()
            only = kept[:2] if (name, rows) == ("sure", "questions") else kept
            (tmp_path / "sets" / name / f"test.{rows}.jsonl").write_text("\n".join(only))
    found, _, _ = evaluate("--data", str(tmp_path / "sets"))
    (tmp_path / "found.json").write_text(json.dumps(found))
    summaries = []
    for more in ([], ["--rows", str(tmp_path / "found.json")]):
        out, said, result = io.StringIO(), io.StringIO(), tmp_path / "judged.json"
        arguments = ["--data", str(tmp_path / "sets"), "--json", str(result), *more]
        call_command("evaluate", "answerability", *arguments, stdout=out, stderr=said)
        assert "expected calibration error" in out.getvalue() and "sure: left out" in said.getvalue()
        summaries.append(json.loads(result.read_text())["summary"])
    assert set(summaries[0]["sets"]) == {"one", "two"} and summaries[0]["sets"]["one"]["left out"]["n"] == 4
    assert summaries[0] == summaries[1]


def test_a_run_needs_files_or_sets(evaluate):
    with pytest.raises(CommandError, match="--articles and --questions, or the sets with --set or --data"):
        call_command("evaluate", "retrieval")
