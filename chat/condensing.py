"""A follow-up and its history -> a question that can be searched for by itself; pure, no model."""

from collections.abc import Mapping, Sequence

from knowledge.followups import is_follow_up

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
