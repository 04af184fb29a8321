"""The demo's articles and questions are whole and agree with each other; pure files, no database."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "knowledge" / "demo"
FIELDS = ("title", "category", "audience", "language", "review_date")
QUESTION_FIELDS = {
    "id",
    "question",
    "history",
    "gold_article_ids",
    "gold_span",
    "gold_answer",
    "answerable",
    "split",
    "meta",
}
KINDS = {"plain", "followup", "unanswerable", "paraphrase", "table", "procedure"}


@dataclass(frozen=True, slots=True)
class DemoArticle:
    slug: str
    front: dict[str, str]
    body: str


def read_article(path: Path) -> DemoArticle:
    opening, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    assert opening == "", f"{path.name} does not begin with front matter"
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    return DemoArticle(path.stem, fields, body.strip())


def read_questions(split: str) -> list[dict]:
    lines = (DEMO / f"questions.{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def articles() -> dict[str, DemoArticle]:
    return {path.stem: read_article(path) for path in sorted((DEMO / "articles").glob("*.md"))}


@pytest.fixture(scope="module")
def train() -> list[dict]:
    return read_questions("train")


@pytest.fixture(scope="module")
def test() -> list[dict]:
    return read_questions("test")


@pytest.fixture(scope="module")
def questions(train, test) -> list[dict]:
    return train + test


def named_articles(question: dict) -> set[str]:
    return {*question["gold_article_ids"], *question["meta"]["near_article_ids"]}


def test_every_article_has_a_whole_front_matter(articles):
    for article in articles.values():
        assert tuple(article.front) == FIELDS, article.slug
        assert all(article.front.values()), article.slug
        assert article.front["audience"] in {"public", "customers", "internal"}, article.slug
        assert article.front["language"] in {"en", "de", "fr", "es"}, article.slug
        assert date.fromisoformat(article.front["review_date"]), article.slug
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", article.slug), article.slug


def test_bodies_are_articles_without_a_heading_for_the_title(articles):
    for article in articles.values():
        assert len(article.body.split()) >= 80, f"{article.slug} is too short"
        assert not re.search(r"^# ", article.body, re.MULTILINE), article.slug
    assert sum(len(article.body.split()) >= 600 for article in articles.values()) >= 3
    assert sum("|---" in article.body for article in articles.values()) >= 20
    assert sum(bool(re.search(r"^1\. ", article.body, re.MULTILINE)) for article in articles.values()) >= 20


def test_no_two_articles_share_a_title(articles):
    titles = Counter(article.front["title"].casefold() for article in articles.values())
    assert [title for title, count in titles.items() if count > 1] == []


def test_there_are_enough_articles_of_each_sort(articles):
    audiences = Counter(article.front["audience"] for article in articles.values())
    languages = Counter(article.front["language"] for article in articles.values())
    assert len(articles) >= 64
    assert len({article.front["category"] for article in articles.values()}) >= 8
    assert audiences["internal"] >= 6
    assert audiences["customers"] >= 4
    assert audiences["public"] > len(articles) / 2
    assert languages["de"] >= 4
    assert languages["fr"] + languages["es"] >= 4


def test_links_lead_to_articles_that_the_same_reader_may_see(articles):
    allowed = {"public": {"public"}, "customers": {"public", "customers"}}
    for article in articles.values():
        for target in re.findall(r"\]\(([^)]*)\)", article.body):
            link = re.fullmatch(r"/help/([a-z0-9-]+)/", target)
            assert link, f"{article.slug} links to {target}"
            assert link[1] in articles, f"{article.slug} links to {target}, which does not exist"
            readers = article.front["audience"]
            assert articles[link[1]].front["audience"] in allowed.get(readers, {"public", "customers", "internal"})


def test_contact_details_are_fictional(articles):
    for article in articles.values():
        for number in re.findall(r"\b0\d{4} \d{6}\b", article.body):
            assert number.startswith("01632 960"), f"{article.slug}: {number}"
        for address in re.findall(r"@([\w.-]+\w)", article.body):
            assert address == "larkfield.example", f"{article.slug}: {address}"


def test_every_question_is_whole_and_its_id_unique(questions):
    ids = Counter(question["id"] for question in questions)
    assert max(ids.values()) == 1
    for question in questions:
        assert set(question) == QUESTION_FIELDS, question["id"]
        assert set(question["meta"]) == {"audience", "language", "kind", "near_article_ids"}, question["id"]
        assert question["meta"]["kind"] in KINDS, question["id"]
        assert question["question"].strip(), question["id"]
        assert all(set(turn) == {"role", "text"} and turn["text"] for turn in question["history"]), question["id"]


def test_no_question_is_asked_twice(questions):
    asked = Counter(
        (question["question"].casefold(), json.dumps(question["history"], sort_keys=True)) for question in questions
    )
    assert [words for words, count in asked.items() if count > 1] == []


def test_there_are_enough_questions_of_each_sort(questions, test):
    kinds = Counter(question["meta"]["kind"] for question in questions)
    assert len(questions) >= 190
    assert sum(question["answerable"] for question in questions) >= 140
    assert kinds["followup"] >= 25
    assert kinds["unanswerable"] >= 45
    assert min(kinds[kind] for kind in KINDS) >= 15
    assert len(test) >= 70
    assert sum(not question["answerable"] for question in test) >= 18


def test_answerable_questions_quote_their_article(questions, articles):
    answerable = [question for question in questions if question["answerable"]]
    for question in answerable:
        assert question["gold_article_ids"], question["id"]
        assert question["gold_span"], question["id"]
        body = articles[question["gold_article_ids"][0]].body
        assert question["gold_span"] in body, f"{question['id']}: {question['gold_span']}"
        assert question["gold_answer"], question["id"]
    quoting = sum(q["gold_span"].casefold() in q["gold_answer"].casefold() for q in answerable)
    assert quoting >= 0.9 * len(answerable)


def test_unanswerable_questions_name_no_article_as_their_answer(questions):
    for question in questions:
        assert question["answerable"] is (question["meta"]["kind"] != "unanswerable"), question["id"]
        if not question["answerable"]:
            assert question["gold_article_ids"] == [], question["id"]
            assert question["gold_span"] is None, question["id"]
            assert question["gold_answer"] is None, question["id"]


def test_only_follow_ups_have_a_history_and_it_begins_with_the_customer(questions):
    for question in questions:
        assert bool(question["history"]) is (question["meta"]["kind"] == "followup"), question["id"]
        if question["history"]:
            assert question["history"][0]["role"] == "user", question["id"]
            assert {turn["role"] for turn in question["history"]} <= {"user", "assistant"}, question["id"]


def test_a_question_carries_the_audience_and_language_of_its_article(questions, articles):
    for question in questions:
        for slug in named_articles(question):
            assert slug in articles, question["id"]
            assert question["meta"]["audience"] == articles[slug].front["audience"], question["id"]
            assert question["meta"]["language"] == articles[slug].front["language"], question["id"]


def test_no_article_has_questions_in_both_parts(train, test, articles):
    in_train = set().union(*(named_articles(question) for question in train))
    in_test = set().union(*(named_articles(question) for question in test))
    assert in_train & in_test == set()
    assert in_train | in_test == set(articles)
    assert 0.35 <= len(in_test) / len(articles) <= 0.45
    assert {question["split"] for question in train} == {"train"}
    assert {question["split"] for question in test} == {"test"}
