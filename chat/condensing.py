"""A follow-up and its history -> a question that can be searched for by itself; pure, no model."""

import re
from collections.abc import Mapping, Sequence

# Words that point at something said before; "that" only where it does not open a clause ("the item that I bought").
POINTING = re.compile(
    r"\b(?:it|its|they|them|their|this|these|those|there|then|one|ones|he|she|same|instead|else|"
    r"that(?! (?:i|you|we|they|he|she|it|is|are|was|were|has|have|comes?)\b)|"
    r"es|sie|das|dies|dafür|damit|davon|ça|cela|celui|celle|eso|esto|ello)\b"
)
# Openings that need a predecessor.
OPENING = re.compile(
    r"^(?:and|but|or|so|also|what about|how about|what if|for|to|in|from|with|without|ok|okay|then|"
    r"und|aber|oder|et|mais|y|pero)\b"
)
WORD = re.compile(r"\w+")
MAX_BARE_WORDS = 2  # so few words have no subject of their own
MAX_OPENED_WORDS = 8  # a longer question names its subject, however it begins
MAX_POINTING_WORDS = 10
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
    if len(words) <= MAX_BARE_WORDS or (OPENING.match(bare) and len(words) <= MAX_OPENED_WORDS):
        return True
    return len(words) <= MAX_POINTING_WORDS and POINTING.search(bare) is not None
