"""Folders of sets, and the report of several beside their peers."""

import json

import pytest

from knowledge import evaluation_report as report
from knowledge.evaluation import Row, SetResult
from knowledge.evaluation_files import BadFile, GivenQuestion
from knowledge.evaluation_sets import named, read_sets, sets_in


@pytest.fixture
def folder(tmp_path):
    """Two sets, one of them in two halves, a set without questions, and one that nothing answers."""

    def write(place: str, *rows: dict[str, object]) -> None:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("\n".join(map(json.dumps, rows)))

    article = {"id": "a", "title": "Refunds", "body_markdown": "Five days."}
    asked = {"id": "q", "question": "How long?", "gold_article_ids": ["a"]}
    for half in ("dev", "test"):
        write(f"shop/{half}.articles.jsonl", article)
        write(f"shop/{half}.questions.jsonl", asked)
    write("bank/test.articles.jsonl", article)
    write("bank/test.questions.jsonl", asked)
    write("mute/dev.articles.jsonl", article)
    write("lost/dev.articles.jsonl", article)
    write("lost/dev.questions.jsonl", {**asked, "gold_article_ids": [], "answerable": False})
    return tmp_path


def test_every_set_of_a_folder_is_read_whatever_its_half_is_called(folder):
    said: list[str] = []
    assert [one.name for one in read_sets(sets_in(folder), said.append)] == ["bank", "shop/dev", "shop/test"]
    assert said == [
        "lost: left out, no question names the article that answers it",
        "mute: left out, no file *.questions.jsonl beside its articles",
    ]


def test_a_set_may_be_named(folder):
    assert [one.name for one in named(f"mine={folder / 'bank'}")] == ["mine"]
    for text in ("mine", "=shop", "mine="):
        with pytest.raises(BadFile, match="is not NAME=FOLDER"):
            named(text)
    with pytest.raises(BadFile, match="no such folder"):
        named("mine=/nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(BadFile, match="neither it nor a folder in it"):
        sets_in(folder / "empty")


def result(name: str, ours: str, peers: dict[str, str]) -> SetResult:
    """Twenty questions for article a; each letter is the article ranked first."""
    asked = [GivenQuestion(str(number), "?", [], ("a",), True) for number in range(20)]
    rows = [Row(one.id, [ours], 0.5, 1.0) for one in asked]
    return SetResult(name, 2, asked, rows, {}, {peer: [[first]] * 20 for peer, first in peers.items()})


def test_differences_are_paired_pooled_and_marked():
    good = result("good", "a", {"bm25 last": "b"})
    bad = result("bad", "b", {"bm25 last": "b", "bm25 hist": "a"})
    pooled = report.pooled([good, bad])
    assert (pooled["bm25 last"]["ndcg@10"].value, pooled["bm25 last"]["ndcg@10"].n) == (0.5, 40)
    assert pooled["bm25 hist"]["recall@1"].value == -1
    assert pooled["bm25 strongest"]["recall@1"].value == 0  # 1 on the first set, -1 on the second
    told = report.pooled_lines([good, bad])
    assert "  worse than bm25 hist on bad: ndcg@10, recall@1" in told
    assert not any("worse than bm25 last" in line for line in told)


def test_the_summary_names_each_set_and_the_pool():
    told = report.as_json([result("good", "a", {"rrf last": "b"})], several=True)
    assert told["rows"][0]["set"] == "good" and told["rows"][0]["ranked_article_ids"] == ["a"]
    peer = told["summary"]["sets"]["good"]["peers"]["rrf last"]
    assert peer["ndcg@10"]["value"] == 0 and peer["difference"]["ndcg@10"]["low"] == 1
    assert told["summary"]["pooled"]["rrf last"]["recall@1"]["n"] == 20
