"""Prompts as customers cause them: the demo's questions over the demo's passages, found without a database."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

from django.conf import settings

from chat.answering import WORTH_SHOWING
from chat.prompts import build_prompt
from knowledge import demo
from knowledge.chunking import split
from knowledge.evaluation_files import read_articles, read_questions

LANGUAGE = "en"  # what the adapter writes
QUESTIONS = ("questions.test.jsonl", "questions.train.jsonl")
SEED = 1

_WORD = re.compile(r"\w{3,}")


@dataclass(frozen=True, slots=True)
class Shown:
    title: str
    heading: str
    text: str

    @property
    def words(self) -> set[str]:
        return set(_WORD.findall(f"{self.title} {self.heading} {self.text}".lower()))


def support_prompts() -> list[tuple[str, list[dict[str, str]]]]:
    """The id of each question that stands on its own, and its chat messages. In an order of chance, the same each time:
    two questions on one article, which a cache would make cheap, rarely follow each other."""
    folder = Path(demo.__file__).parent
    articles = [article for article in read_articles([folder]) if article.language == LANGUAGE]
    passages = [
        Shown(article.title, piece.heading, piece.text)
        for article in articles
        for piece in split(article.title, article.body)
    ]
    bags = [passage.words for passage in passages]
    spread = Counter(word for bag in bags for word in bag)
    known = {article.id for article in articles}
    prompts = []
    for asked in read_questions([folder / name for name in QUESTIONS]):
        if asked.history or not known.issuperset((*asked.gold, *asked.near)):
            continue
        words = set(_WORD.findall(asked.question.lower()))
        scores = [sum(log(len(bags) / spread[word]) for word in sorted(words & bag)) for bag in bags]
        prompts.append((asked.id, build_prompt(asked.question, _best(passages, scores))))
    random.Random(SEED).shuffle(prompts)
    return prompts


def _best(passages: Sequence[Shown], scores: Sequence[float]) -> list[Shown]:
    """As many as an answer is given, and only those near the best: rare words that they share with the question."""
    order = sorted(range(len(passages)), key=lambda place: -scores[place])[: settings.CHAT_PASSAGES]
    return [passages[place] for place in order if scores[place] >= WORTH_SHOWING * scores[order[0]]]
