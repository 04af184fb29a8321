"""A follow-up and its history -> a question that can be searched for by itself; pure, no model."""

import re
from collections.abc import Mapping, Sequence

# Words that point at something said before, and openings that need a predecessor.
POINTING = re.compile(
    r"\b(?:it|its|they|them|their|that|those|this|these|there|then|one|ones|he|she|same|instead|else|"
    r"es|sie|das|dies|dafür|damit|davon|ça|cela|celui|celle|eso|esto|ello)\b"
)
OPENING = re.compile(
    r"^(?:and|but|or|so|also|what about|how about|what if|and if|for|ok|okay|und|aber|oder|et|mais|y|pero|why|how long|"
    r"how much|how many|when|where|which|really|since when|until when|by when)\b"
)
WORD = re.compile(r"\w+")
MAX_OWN_WORDS = 5  # a question of more words without a pointer stands by itself
MAX_CARRIED_CHARS = 300


def condense(question: str, history: Sequence[Mapping[str, str]]) -> str:
    """`history` holds {role: user|assistant, text}, oldest first. A question that stands by itself is left as it is."""
    earlier = [turn["text"].strip() for turn in history if turn.get("role") == "user" and turn.get("text", "").strip()]
    if not earlier or not is_follow_up(question):
        return question
    carried = [earlier[-1]]
    if len(earlier) > 1 and is_follow_up(earlier[-1]):
        carried.insert(0, earlier[-2])  # a follow-up of a follow-up: the subject was named before
    return " ".join([*(text[:MAX_CARRIED_CHARS] for text in carried), question])


def is_follow_up(question: str) -> bool:
    bare = question.casefold().strip(" ?!.,")
    words = WORD.findall(bare)
    if len(words) <= 2:
        return True
    pointing = bool(POINTING.search(bare))
    if OPENING.match(bare):
        return pointing or len(words) <= MAX_OWN_WORDS + 2
    return pointing and len(words) <= 2 * MAX_OWN_WORDS
