"""How good the answers are, measured through the path that customers' questions take.

Call it on the ground of `knowledge.scratch`, with the articles published and embedded by `knowledge.evaluation`.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any
from uuid import UUID

from django.conf import settings

from chat.answering import AnswerFailed, Ending, Options, Restart, Sources, Words, compose
from chat.condensing import condense
from chat.extracts import sentences
from knowledge.evaluation import EvaluationFailed, Progress, Say
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.metrics import Estimate, mean_with_interval
from knowledge.models import Chunk
from knowledge.retrieval import Passage, afind_passages
from supportbot.inference.client import ModelError

SHORT_WORDS = 60  # a longer answer is not right, whatever it contains
RIGHT_F1 = 0.6  # where the file names no span: an answer this near the gold answer is right
SENTENCE_WORDS = 5  # a gold answer of fewer words is a span, not a sentence

Marks = dict[str, dict[str, float]]  # by mark, by question id

_WORD = re.compile(r"\w+")
_MARKER = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class Row:
    """What came of one question. Article ids are those of the file; `model_answer` is what the model said."""

    id: str
    question: str
    outcome: str = ""
    reason: str = ""
    answer: str = ""
    model_answer: str = ""
    cited_article_ids: list[str] = field(default_factory=list)
    retrieved_article_ids: list[str] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)
    tokens_out: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


async def ask_all(
    questions: Sequence[GivenQuestion],
    ids: dict[UUID, str],
    options: Options,
    *,
    passages: Mapping[str, Sequence[Passage]],
    say: Say,
) -> list[Row]:
    """Answer the questions one at a time, over the `passages` given by question id, or over those that are found."""
    progress = Progress(say, "answered", len(questions))
    rows = []
    for number, given in enumerate(questions, 1):
        shown = options
        if given.id in passages:
            shown = replace(options, passages=passages[given.id])
        elif options.answerer != "live":  # the model or the extract alone: nothing abstains before it
            found = await afind_passages(
                condense(given.question, given.history), audiences=options.audiences, limit=settings.CHAT_PASSAGES
            )
            shown = replace(options, passages=found.passages)
        rows.append(await ask(given, ids, shown))
        progress.at(number)
    return rows


async def ask(given: GivenQuestion, ids: dict[UUID, str], options: Options) -> Row:
    """One answer, heard to its end."""
    row = Row(given.id, given.question)
    start = time.perf_counter()
    passages: Sequence[Passage] = []
    said: list[str] = []
    try:
        async with aclosing(compose(given.question, given.history, options)) as events:
            async for event in events:
                match event:
                    case Sources(shown):
                        passages = shown
                        row.retrieved_article_ids = list(dict.fromkeys(ids[one.article_id] for one in shown))
                    case Words(text):
                        row.ms.setdefault("first", _ms_since(start))
                        said.append(text)
                    case Restart():
                        row.model_answer, said = "".join(said), []
                    case Ending():
                        _close(row, event, passages, ids, "".join(said))
    except (AnswerFailed, ModelError) as error:
        raise EvaluationFailed(f"Question {given.id} got no answer ({error.code}). Run it again.") from error
    row.ms["total"] = _ms_since(start)
    return row


def _close(row: Row, end: Ending, passages: Sequence[Passage], ids: dict[UUID, str], text: str) -> None:
    row.outcome, row.reason, row.answer, row.tokens_out = end.outcome, end.reason, text, end.tokens_out
    if end.tokens_out and end.outcome != "extracted":
        row.model_answer = text
    cited = [ids[passages[number - 1].article_id] for number in end.citations if 0 < number <= len(passages)]
    row.cited_article_ids = list(dict.fromkeys(cited))
    row.ms |= {name: value for name, value in end.ms.items() if name not in row.ms}


def all_gold_passages(questions: Sequence[GivenQuestion], ids: dict[UUID, str]) -> dict[str, list[Passage]]:
    """By question id; a question that names neither a gold nor a near article has none, and is searched for."""
    given = {one.id: gold_passages(one, ids) for one in questions}
    return {one: passages for one, passages in given.items() if passages}


def gold_passages(given: GivenQuestion, ids: dict[UUID, str]) -> list[Passage]:
    """The passages of the gold articles that say most of the answer; of the nearest ones where there is none."""
    wanted = set(given.gold or given.near)
    chosen = [own for own, name in ids.items() if name in wanted]
    chunks = list(Chunk.objects.filter(live=True, article_id__in=chosen).select_related("revision", "article"))
    sought = set(words(f"{given.question} {given.answer}"))
    chunks.sort(
        key=lambda chunk: (bool(given.span) and given.span in chunk.text, _share(sought, chunk.text)), reverse=True
    )
    best = sorted(chunks[: settings.CHAT_PASSAGES], key=lambda chunk: (str(chunk.article_id), chunk.position))
    return [_passage(chunk) for chunk in best]


def _passage(chunk: Chunk) -> Passage:
    article = chunk.article
    return Passage(
        chunk_id=chunk.pk,
        revision_id=chunk.revision_id,
        article_id=article.pk,
        slug=article.slug,
        title=chunk.revision.title,
        heading=chunk.heading,
        anchor=chunk.anchor,
        url=f"/help/{article.slug}/#{chunk.anchor}",
        text=chunk.text,
        language=chunk.language,
        score=1.0,
        similarity=None,
        lexical=None,
    )


def marks(given: GivenQuestion, row: Row, sentence: str) -> dict[str, float]:
    """What is measured of one answer, by name; which names there are depends on whether the question is answerable."""
    refused = float(row.outcome == "abstained")
    if not given.answerable:
        return {"right refusals": refused}
    answer = words(_MARKER.sub(" ", row.answer))
    return {
        "right answers": float(not refused and is_right(given, answer)),
        "token F1": 0.0 if refused else token_f1(answer, words(sentence)),
        "wrong refusals": refused,
        **({} if refused else {"cites gold": float(bool(set(row.cited_article_ids) & set(given.gold)))}),
    }


def is_right(given: GivenQuestion, answer: Sequence[str]) -> bool:
    """The gold span or the gold answer stands in a short answer; without a span, nearness to the answer is enough."""
    if not answer or len(answer) > SHORT_WORDS:
        return False
    gold = [words(text) for text in (given.span, given.answer) if text]
    if any(_contains(answer, one) for one in gold if one):
        return True
    return not given.span and bool(given.answer) and token_f1(answer, words(given.answer)) >= RIGHT_F1


def gold_sentence(given: GivenQuestion, articles: dict[str, GivenArticle]) -> str:
    """The gold answer where it is a sentence, else the sentence of the gold article that holds the span."""
    if len(given.answer.split()) >= SENTENCE_WORDS or not given.span:
        return given.answer
    asked = set(words(given.question))
    holding = [
        one for gold in given.gold if gold in articles for one in sentences(articles[gold].body) if given.span in one
    ]
    return max(holding, key=lambda one: len(asked & set(words(one))), default=given.answer)


def mean_of(values: dict[str, float]) -> Estimate:
    """The mean of one mark with its 95 % interval."""
    return mean_with_interval(list(values.values()))


def speed(rows: Sequence[Row]) -> dict[str, float]:
    """Milliseconds to the first words and to the end, and the tokens that the model wrote in an answer."""
    first, total = (sorted(row.ms[name] for row in rows if name in row.ms) for name in ("first", "total"))
    written = [row.tokens_out for row in rows if row.tokens_out]
    return {
        "first p50": median(first),
        "first p95": first[int(0.95 * (len(first) - 1))],
        "total p50": median(total),
        "total p95": total[int(0.95 * (len(total) - 1))],
        "tokens": round(sum(written) / len(written), 1) if written else 0.0,
    }


def marked(questions: Sequence[GivenQuestion], rows: Sequence[Row], articles: Sequence[GivenArticle]) -> Marks:
    """What is measured of the questions that have a row."""
    by_id = {article.id: article for article in articles}
    found = {row.id: row for row in rows}
    table: Marks = {}
    for given in (one for one in questions if one.id in found):
        for name, value in marks(given, found[given.id], gold_sentence(given, by_id)).items():
            table.setdefault(name, {})[given.id] = value
    return table


def differences(ours: Marks, theirs: Marks) -> dict[str, Estimate]:
    """Paired differences, ours less theirs, over the questions that both runs were marked on."""
    paired = {
        name: [value - theirs[name][one] for one, value in values.items() if one in theirs.get(name, {})]
        for name, values in ours.items()
    }
    return {name: mean_with_interval(values) for name, values in paired.items() if values}


def token_f1(answer: Sequence[str], wanted: Sequence[str]) -> float:
    """Overlap of words as bags: 1 the same words, 0 none of them."""
    common = sum((Counter(answer) & Counter(wanted)).values())
    return 2 * common / (len(answer) + len(wanted)) if common else 0.0


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _contains(answer: Sequence[str], gold: Sequence[str]) -> bool:
    return any(list(answer[at : at + len(gold)]) == list(gold) for at in range(len(answer) - len(gold) + 1))


def _share(sought: set[str], text: str) -> float:
    return len(sought & set(words(text))) / max(1, len(sought))


def _ms_since(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 1)
