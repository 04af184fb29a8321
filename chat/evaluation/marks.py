"""What is measured of one answer: right, near, refused, cited, supported, licensed. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

from chat.evaluation.coarse_facts import unlicensed
from chat.evaluation.rows import Row
from knowledge.evaluation_files import GivenArticle, GivenQuestion

SHORT_WORDS = 60  # a longer answer is not right, whatever it contains
RIGHT_F1 = 0.6  # where the file names no span: an answer this near the gold answer is right
SENTENCE_WORDS = 5  # a gold answer of fewer words is a span, not a sentence
SUPPORTED = 0.5  # a sentence of this score or more counts as supported by its passage

# By name: what the figure says, and whether more of it is better.
MEANING = {
    "right answers": ("the gold span, or the gold answer, in at most 60 words", True),
    "token F1": ("words shared with the sentence that holds the answer", True),
    "ROUGE-L": ("words shared with that sentence in its order", True),
    "wrong refusals": ("answerable questions that got no answer", False),
    "right refusals": ("unanswerable questions that got no answer", True),
    "wrong of answered": ("of the answers given: not right, or to a question without an answer", False),
    "cites gold": ("answers that cite an article which answers", True),
    "citation precision": ("of the articles cited, those that answer", True),
    "citation recall": ("of the articles that answer, those cited", True),
    "supported sentences": ("sentences that their cited passage supports", True),
    "unsupported facts": ("answers delivered with a fact that stands in no passage", False),
    "unsupported before the gate": ("answers of the model, as it wrote them, with such a fact", False),
    "stopped by the gate": ("answers of the model that the gate stopped", False),
    "stopped, nothing found": ("of those, where the coarse checker finds nothing: false stops among them", False),
}

_WORD = re.compile(r"\w+")
_BREAK = re.compile(r"(?<=[.!?])\s+|\n")
_MARKER = re.compile(r"\[\d+\]")


def marks(given: GivenQuestion, row: Row, sentence: str) -> dict[str, float]:
    """What is measured of one answer, by name; which names there are depends on the question and the outcome."""
    answer = words(_MARKER.sub(" ", row.answer))
    right = row.is_answered and given.answerable and is_right(given, answer)
    found = _facts(row)
    if row.is_answered:
        found["wrong of answered"] = float(not right)
    if not given.answerable:
        return {"right refusals": float(not row.is_answered)} | found
    wanted = words(sentence)
    return {
        "right answers": float(right),
        "token F1": token_f1(answer, wanted) if row.is_answered else 0.0,
        "ROUGE-L": rouge_l(answer, wanted) if row.is_answered else 0.0,
        "wrong refusals": float(not row.is_answered),
        **(_citations(given, row) if row.is_answered and given.gold else {}),
        **found,
    }


def _citations(given: GivenQuestion, row: Row) -> dict[str, float]:
    cited, gold = set(row.cited_article_ids), set(given.gold)
    return {
        "cites gold": float(bool(cited & gold)),
        **({"citation precision": len(cited & gold) / len(cited)} if cited else {}),
        "citation recall": len(cited & gold) / len(gold),
    }


def _facts(row: Row) -> dict[str, float]:
    """Support and licences of what was delivered, and of what the model wrote."""
    found: dict[str, float] = {}
    if row.is_answered:
        found["unsupported facts"] = float(bool(unlicensed(row.answer, row.texts, row.asked)))
        if row.support:
            scores = [float(one["score"]) for one in row.support]
            found["supported sentences"] = sum(score >= SUPPORTED for score in scores) / len(scores)
    if row.model_answer:
        before = bool(unlicensed(row.model_answer, row.texts, row.asked))
        found["unsupported before the gate"] = float(before)
        found["stopped by the gate"] = float(row.is_stopped)
        if row.is_stopped:
            found["stopped, nothing found"] = float(not before)
    return found


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
        one for gold in given.gold if gold in articles for one in _BREAK.split(articles[gold].body) if given.span in one
    ]
    return max(holding, key=lambda one: len(asked & set(words(one))), default=given.answer)


def token_f1(answer: Sequence[str], wanted: Sequence[str]) -> float:
    """Overlap of words as bags: 1 the same words, 0 none of them."""
    common = sum((Counter(answer) & Counter(wanted)).values())
    return 2 * common / (len(answer) + len(wanted)) if common else 0.0


def rouge_l(answer: Sequence[str], wanted: Sequence[str]) -> float:
    """The F-measure of the longest common subsequence (Lin 2004, both sides weighing the same)."""
    row = [0] * (len(wanted) + 1)
    for word in answer:
        before = 0
        for place, other in enumerate(wanted, 1):
            before, row[place] = row[place], before + 1 if word == other else max(row[place], row[place - 1])
    return 2 * row[-1] / (len(answer) + len(wanted)) if row[-1] else 0.0


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _contains(answer: Sequence[str], gold: Sequence[str]) -> bool:
    return any(list(answer[at : at + len(gold)]) == list(gold) for at in range(len(answer) - len(gold) + 1))
