"""The only place a prompt is made: for serving, for training and for evaluation.

The order serves the engine's cache: what never changes first, the passages next, the question last. With the question
come the sentences that share most words with it: a small model finds its place by them (docs/experiments.md).
"""

import hashlib
import json
import re
from collections.abc import Sequence

from chat.closest import closest
from chat.quotable import Quotable
from chat.visible import visible
from chat.window import fitting

REFUSAL = "I could not find that in our articles."
SYSTEM = (
    "You answer customers of a support desk. Use only the numbered passages. "
    "Answer in one to three short sentences in the words of the passages, "
    "and end each sentence with the number of its passage, like [1]. "
    f"If the passages do not answer the question, reply only: {REFUSAL}"
)
PASSAGE = "[{number}] {place}\n{text}"
QUESTION = "Question: {question}"
CLOSEST = "\nClosest: {text} [{number}]"
BREAK = "\n\n"  # stands between passages only: a passage's own blank lines are closed

MAX_PASSAGE_WORDS = 170
MAX_PASSAGE_CHARS = 1100  # words alone do not bound a table or a line of code
MAX_PLACE_CHARS = 120
MAX_QUESTION_WORDS = 100
MAX_QUESTION_CHARS = 700
MAX_CLOSEST_WORDS = 70
MAX_CLOSEST_CHARS = 450

CLEANING = 1  # raise it when plain(), cut() or closest() change what a prompt says

_MARKUP = re.compile(
    r"<\|[^<>|]{0,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|<(?:repo_?name|file_?sep|filename|gh_stars|issue_\w+|jupyter_\w+|empty_output)>",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,600}(?:\s+\"[^\"]{0,200}\")?\)")
_MARKER = re.compile(r"\[(\s*\d+(?:\s*,\s*\d+)*\s*)\]")
_LABEL = re.compile(r"^(\s*)(question|answer|system|user|assistant)\s*:", re.IGNORECASE | re.MULTILINE)


def build_prompt(question: str, passages: Sequence[Quotable]) -> list[dict[str, str]]:
    """Chat messages that ask `question` over `passages`, numbered from 1 in the order given, as far as they fit."""
    question, passages = fitting(question, passages)
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": show_passages(passages) + show_question(question, passages)},
    ]


def show_passages(passages: Sequence[Quotable]) -> str:
    """The part of the user's message that questions over the same passages share."""
    return "".join(
        PASSAGE.format(number=number, place=_place(passage), text=_passage_text(passage.text)) + BREAK
        for number, passage in enumerate(passages, start=1)
    )


def show_question(question: str, passages: Sequence[Quotable]) -> str:
    """The part of the user's message that follows the passages: a line, and one of the passages' closest sentences."""
    line = QUESTION.format(question=cut(_one_line(question), MAX_QUESTION_WORDS, MAX_QUESTION_CHARS))
    return line + closest_line(question, passages) if passages else line


def closest_line(question: str, passages: Sequence[Quotable]) -> str:
    """The sentences that stand beside the question, with the number of their passage."""
    found = closest(question, passages)
    text = cut(_one_line(found.text), MAX_CLOSEST_WORDS, MAX_CLOSEST_CHARS)
    return CLOSEST.format(text=text, number=found.number)


def plain(text: str) -> str:
    """Text that can fake neither a chat turn nor a passage's number; links keep their words only."""
    text = _LINK.sub(r"\1", visible(text).replace("**", ""))  # first: what goes must not leave a control token behind
    return _MARKER.sub(r"(\1)", _MARKUP.sub(" ", text))


def cut(text: str, words: int, chars: int) -> str:
    """The beginning of `text` within both bounds, cut after a whole word; white space inside is kept."""
    end = 0
    for count, word in enumerate(re.finditer(r"\S+", text), start=1):
        if count > words or word.end() > chars:
            return text[: end or chars]
        end = word.end()
    return text[:end]


def _place(passage: Quotable) -> str:
    place = " > ".join(part for part in (passage.title, passage.heading) if part)
    return cut(_one_line(place), MAX_PASSAGE_WORDS, MAX_PLACE_CHARS)


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _passage_text(text: str) -> str:
    lines = (" ".join(line.split()) for line in plain(text).splitlines())
    closed = "\n".join(line for line in lines if line)
    closed = _LABEL.sub(r"\1\2 -", closed)
    return cut(closed, MAX_PASSAGE_WORDS, MAX_PASSAGE_CHARS)


def _version() -> str:
    bounds = [MAX_PASSAGE_WORDS, MAX_PASSAGE_CHARS, MAX_PLACE_CHARS, MAX_QUESTION_WORDS, MAX_QUESTION_CHARS]
    bounds += [MAX_CLOSEST_WORDS, MAX_CLOSEST_CHARS]
    made_of = json.dumps([SYSTEM, PASSAGE, QUESTION, CLOSEST, BREAK, bounds, CLEANING])
    return hashlib.sha256(made_of.encode()).hexdigest()[:12]


PROMPT_VERSION = _version()
