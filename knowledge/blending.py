"""A follow-up and what was said before it, as one query. Pure.

Both arms are linear in the query: a passage's cosine to a sum of two vectors is the sum of its cosines, and so are the
shares of words. So one search with a blended query ranks as two searches would whose scores are added.

How much each side counts is told from the question's own words (`followups`). Measured on multi-turn questions
(nDCG@10, mtrag_un and dstc11_faq): the question alone 0.857 and 0.263, a question that is rewritten from its history by
rules 0.864 and 0.330, question and history as one text 0.744 and 0.511, and this blend 0.901 and 0.510.
"""

from collections.abc import Mapping, Sequence

from knowledge.lexemes import Term

CONTEXT_TURNS = 3
MAX_TURN_CHARS = 300
MAX_BLENDED_TERMS = 48


def context_of(history: Sequence[Mapping[str, str]]) -> str:
    """What was said just before by either side, oldest first: it tells what a follow-up is about."""
    return " ".join(turn.get("text", "").strip()[:MAX_TURN_CHARS] for turn in history[-CONTEXT_TURNS:])


def blend_vectors(question: Sequence[float], with_context: Sequence[float], share: float) -> list[float]:
    """Shorter than 1: its length is what makes the sum of the cosines come out right. `share` is the context's."""
    return [(1 - share) * own + share * around for own, around in zip(question, with_context, strict=True)]


def blend_terms(question: Sequence[Term], with_context: Sequence[Term], share: float) -> list[Term]:
    """The words of both; each side's weights are made shares of that side first. The most telling words first."""
    blended: dict[tuple[str, ...], Term] = {}
    for terms, part in ((question, 1 - share), (with_context, share)):
        told = sum(term.weight for term in terms) or 1.0
        for term in terms:
            before = blended[term.queries].weight if term.queries in blended else 0.0
            blended[term.queries] = Term(term.queries, before + part * term.weight / told, term.passages)
    return sorted(blended.values(), key=lambda term: (-term.weight, term.queries))[:MAX_BLENDED_TERMS]
