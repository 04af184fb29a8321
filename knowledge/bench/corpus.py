"""A large knowledge base made of real sentences: the same one each time, and a smaller one is a part of a larger.

Articles of the evaluation sets are cut into short passages; then sentences of two articles of one set are put together
under the title of one, until there are as many different passages as asked for. What languages the articles are said to
be in has nothing to do with their subject; who may read them has all to do with it. So a filter by language leaves
passages scattered among the others, and one by audience leaves those that are apart: the hard case of a graph index.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.conf import settings

from knowledge.chunking import tokens
from knowledge.embedding import passage_text, text_hash
from knowledge.evaluation_files import GivenArticle, GivenQuestion, read_articles, read_questions
from knowledge.metrics import SEED

MOST_TOKENS = 64  # of title and text together
TITLE_TOKENS = 16
ARTICLE_PASSAGES = 10
TRIES = 50  # in vain one after another: the texts hold no more different passages
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
LEAST_CHARS, MOST_CHARS = 20, 240  # of a sentence
# One article in so many; what is left is English.
LANGUAGES = {"de": 0.3, "fr": 0.1, "es": 0.03, "it": 0.01, "nl": 0.003, "pt": 0.001}
APART = {"awsdocs": "customers", "help_arduino": "customers", "techqa": "internal"}  # all other sets are public
GOLDEN = 0.6180339887498949


class NoTexts(RuntimeError):
    """There is nothing to make passages of; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Text:
    """One passage to be: what is embedded, and its hash."""

    hash: str
    text: str
    title: str

    @property
    def embedded(self) -> str:
        return passage_text(self.title, "", self.text)


@dataclass(slots=True)
class BenchArticle:
    title: str
    language: str
    audience: str
    texts: list[Text] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Corpus:
    articles: list[BenchArticle]
    real: int  # passages that stand so in an article of the sets
    source: str  # where the texts are from, for people

    @property
    def texts(self) -> list[Text]:
        return [text for article in self.articles for text in article.texts]


def sets_folder() -> Path:
    return Path(settings.BASE_DIR).parent / "shared" / "data"


def demo_folder() -> Path:
    return Path(settings.BASE_DIR) / "knowledge" / "demo"


def read_sets() -> tuple[dict[str, list[GivenArticle]], str]:
    """Articles by set, and a sentence that says where they are from: the evaluation sets, else the demo articles."""
    files = sorted(sets_folder().glob("*/dev.articles.jsonl.gz"))
    if files:
        return {path.parent.name: read_articles([path]) for path in files}, f"{len(files)} evaluation sets"
    articles = read_articles([demo_folder()])
    return {"demo": articles}, "the demo articles alone (the evaluation sets are not beside this project)"


def read_asked(count: int) -> list[GivenQuestion]:
    """Real questions, taken from the sets in turn; those of the demo content where there are no sets."""
    files = sorted(sets_folder().glob("*/dev.questions.jsonl.gz")) or sorted(demo_folder().glob("questions.*.jsonl"))
    lots = [random.Random(SEED).sample(read_questions([path]), len(read_questions([path]))) for path in files]
    turns = (lot[turn] for turn in range(max(map(len, lots), default=0)) for lot in lots if turn < len(lot))
    return list(islice(turns, count))


def make(passages: int) -> Corpus:
    """As many different passages, at most half of them as they stand in the sets. NoTexts if the texts give too few."""
    sets, source = read_sets()
    seen: set[str] = set()
    real = _bounded(_whole(sets, seen), passages // 2)
    count = sum(len(texts) for _, texts in real)
    mixed = _bounded(_recombined(sets, seen), passages - count)
    total = count + sum(len(texts) for _, texts in mixed)
    if total < passages:
        raise NoTexts(f"{source} give {total:,} different passages, and {passages:,} are wanted. Ask for fewer.")
    articles = [
        BenchArticle(texts[0].title, _language(number), _audience(name, number), texts)
        for number, (name, texts) in enumerate(real + mixed)
    ]
    return Corpus(articles, count, source)


Lot = tuple[str, list[Text]]  # the set's name and the passages of one article


def _bounded(lots: Iterator[Lot], passages: int) -> list[Lot]:
    """The first lots, as many as hold so many passages; the last one may be cut."""
    taken: list[Lot] = []
    left = passages
    for name, texts in lots:
        if left <= 0:
            break
        taken.append((name, texts[:left]))
        left -= len(texts)
    return taken


def _whole(sets: Mapping[str, Sequence[GivenArticle]], seen: set[str]) -> Iterator[Lot]:
    """Every article of every set, in a mixed order, in runs of following sentences."""
    everything = [(name, article) for name, articles in sets.items() for article in articles]
    for name, article in random.Random(SEED).sample(everything, len(everything)):
        title = short_title(article.title)
        texts = [text for run in _runs(title, sentences(article.body)) if (text := _new(title, run, seen))]
        for start in range(0, len(texts), ARTICLE_PASSAGES):
            yield name, texts[start : start + ARTICLE_PASSAGES]


def _recombined(sets: Mapping[str, Sequence[GivenArticle]], seen: set[str]) -> Iterator[Lot]:
    """Articles of one's title and passages of its sentences and another's. Ends when nothing new comes any more."""
    chance = random.Random(SEED)
    cut = {
        name: [(short_title(article.title), found) for article in articles if (found := sentences(article.body))]
        for name, articles in sets.items()
    }
    names = sorted(name for name, articles in cut.items() if len(articles) > 1)
    vain = 0
    while names and vain < TRIES:
        name = chance.choice(names)
        title, own = chance.choice(cut[name])
        texts = []
        for _ in range(ARTICLE_PASSAGES):
            _, others = chance.choice(cut[name])
            words = _fitting(title, [chance.choice(own), chance.choice(others), chance.choice(others)])
            if text := _new(title, words, seen):
                texts.append(text)
        vain = 0 if texts else vain + 1
        if texts:
            yield name, texts


def sentences(body: str) -> list[str]:
    """The sentences and lines of a text that are neither too short nor too long to stand in a passage."""
    parts = (part.strip() for part in SENTENCE.split(body))
    return [part for part in parts if LEAST_CHARS <= len(part) <= MOST_CHARS]


def short_title(title: str) -> str:
    words = title.split()
    while len(words) > 1 and tokens(" ".join(words)) > TITLE_TOKENS:
        words.pop()
    return " ".join(words)[:200]


def _runs(title: str, found: Sequence[str]) -> Iterator[str]:
    run: list[str] = []
    for sentence in found:
        if run and tokens(" ".join([title, *run, sentence])) > MOST_TOKENS:
            yield " ".join(run)
            run = []
        run.append(sentence)
    if run:
        yield " ".join(run)


def _fitting(title: str, chosen: Sequence[str]) -> str:
    """The first of the sentences, and those after it that there is room for."""
    text = chosen[0]
    for sentence in chosen[1:]:
        if sentence not in text and tokens(f"{title} {text} {sentence}") <= MOST_TOKENS:
            text = f"{text} {sentence}"
    return text


def _new(title: str, text: str, seen: set[str]) -> Text | None:
    """The passage, unless it was there before or is too long."""
    key = text_hash(title, "", text)
    if key in seen or tokens(f"{title} {text}") > MOST_TOKENS:
        return None
    seen.add(key)
    return Text(key, text, title)


def _language(number: int) -> str:
    """By the golden ratio: any run of articles has about the same shares."""
    place = number * GOLDEN % 1
    for language, share in LANGUAGES.items():
        if place < share:
            return language
        place -= share
    return "en"


def _audience(name: str, number: int) -> str:
    if name != "demo":
        return APART.get(name, "public")
    return (["public"] * 6 + ["customers"] * 3 + ["internal"])[number % 10]
