"""How often the fact gate stops what is right, by the demo's own answers (docs/decisions/fact-gate.md)."""

import json
import re

import pytest

from chat.evaluation.coarse_facts import unlicensed
from chat.support import Gate, Unsupported
from knowledge.chunking import split
from knowledge.demo import ARTICLES, read_article
from knowledge.markdown import SENTENCE

MOST_STOPPED = 0.03
PASSAGES = 3


@pytest.fixture(scope="module")
def articles():
    found = {}
    for path in ARTICLES.glob("*.md"):
        facts, body = read_article(path)
        found[path.stem] = [f"{facts['title']}\n{p.heading}\n{p.text}" for p in split(facts["title"], body)]
    return found


def is_stopped(text, passages, question):
    gate = Gate(passages, question)
    try:
        said = "".join(gate.feed(text[place : place + 4]) for place in range(0, len(text), 4)) + gate.flush()
    except Unsupported:
        return True
    assert said == text
    return False


def words(text):
    return set(re.findall(r"\w+", text.casefold()))


def test_right_answers_are_hardly_ever_stopped(articles):
    lines = (
        line for path in ARTICLES.parent.glob("questions.*.jsonl") for line in path.read_text("utf-8").splitlines()
    )
    asked = [one for one in map(json.loads, lines) if one["gold_answer"] and one["gold_article_ids"]]
    stopped = []
    for one in asked:
        own = [passage for name in one["gold_article_ids"] for passage in articles[name]]
        wanted = words(f"{one['question']} {one['gold_answer']}")
        best = sorted(own, key=lambda passage: -len(wanted & words(passage)))[:PASSAGES]
        licensed = not unlicensed(one["gold_answer"], best, one["question"])
        if licensed and is_stopped(one["gold_answer"], best, one["question"]):
            stopped.append(one["gold_answer"])
    assert len(asked) > 300
    assert len(stopped) <= MOST_STOPPED * len(asked), stopped


def test_a_passages_own_sentences_are_never_stopped(articles):
    stopped = [
        sentence
        for passages in articles.values()
        for passage in passages
        for line in passage.split("\n")[2:]
        for sentence in SENTENCE.findall(line)
        if is_stopped(sentence, [passage], "")
    ]
    assert stopped == []
