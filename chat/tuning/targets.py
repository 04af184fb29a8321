"""What the model should say: one to three short sentences in the passage's words, each with the passage's number."""

import re

from chat.prompts import plain
from knowledge.evaluation_files import GivenQuestion

MAX_TARGET_WORDS = 60
MAX_SENTENCE_WORDS = 40
MAX_SENTENCES = 3
LEAST_COVERAGE = 0.85  # share of a target's words that the passage must hold
LEAST_WITH_SPAN = 0.6  # the same where the span is known to stand in the passage

_WORD = re.compile(r"\w+")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|ca|bzw|z\.B|approx)|\b[A-Z]|^\d{1,2})\.$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”)]*\s+(?=[\"'“(]?[A-Z0-9À-ÞΆ-ΫЀ-Я])|\n+")


def target_of(question: GivenQuestion, passage: str, number: int) -> str | None:
    """The answer that `passage`, shown under `number`, should get; None where it does not hold a short one.

    Where a sentence of the passage holds the span, it is the answer, word for word: what the model is to do is copying.
    """
    answer = " ".join(question.answer.split())
    if question.span and not holds(passage, question.span):
        return None
    found = _quoted(question, passage)
    if not found and _is_sentence(answer):
        least = LEAST_WITH_SPAN if question.span else LEAST_COVERAGE
        found = sentences(plain(answer)) if coverage(answer, passage) >= least else []
    if not found and question.span:
        found = _quoted(question, passage, whole=False)
    if (
        any("http" in one for one in found)
        or not 1 <= len(found) <= MAX_SENTENCES
        or sum(len(one.split()) for one in found) > MAX_TARGET_WORDS
    ):
        return None
    return " ".join(f"{_closed(one)} [{number}]" for one in found)


def _quoted(question: GivenQuestion, passage: str, whole: bool = True) -> list[str]:
    """The sentence that holds the span and most words of the question; a row of a table is none where `whole`."""
    if not question.span:
        return []
    asked = words_of(question.question)
    holding = [
        one
        for one in sentences(plain(passage))
        if holds(one, question.span) and len(one.split()) <= MAX_SENTENCE_WORDS and (not whole or _is_sentence(one))
    ]
    return [max(holding, key=lambda one: len(words_of(one) & asked))] if holding else []


def sentences(text: str) -> list[str]:
    """A text's sentences, cut at line ends and after full stops that end no abbreviation and no number of an item."""
    found: list[str] = []
    for line in text.splitlines():
        pending = ""
        for part in _SENTENCE_END.split(line):
            pending = f"{pending} {part}".strip()
            if pending and not _ABBREVIATION.search(pending):
                found.append(pending)
                pending = ""
        if pending:
            found.append(pending)
    return found


def holds(text: str, span: str) -> bool:
    """Whether the span stands in the text as whole words: £29 does not stand in £290."""
    return re.search(rf"(?<!\w){re.escape(span)}(?!\w|[.,]\d)", text) is not None


def words_of(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def coverage(text: str, passage: str) -> float:
    words = words_of(text)
    return len(words & words_of(passage)) / len(words) if words else 0.0


def _is_sentence(answer: str) -> bool:
    return len(answer.split()) >= 4 and "|" not in answer and answer[-1:] in ".!?\"')"


def _closed(sentence: str) -> str:
    sentence = re.sub(r"^\d{1,2}\. ", "", sentence.strip().lstrip("-*•| ").rstrip("| "))
    return sentence if sentence[-1:] in ".!?\"'”)" else sentence.rstrip(":;,") + "."
