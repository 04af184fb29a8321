"""Answers to be read by hand: is each fact tied to the subject that its passage tells it of? No checker sees that.

Behind them those that the gate stopped, although the checker finds all their facts: was it right?
"""

import random
from collections.abc import Sequence

from chat.evaluation.coarse_facts import unlicensed
from chat.evaluation.facts_rows import Pair
from chat.evaluation.rows import Row

SIZE = 200


def sheet_of(pairs: Sequence[Pair], seed: int) -> str:
    """Markdown: 200 random answers in the model's words that reached, or would have reached, a customer.

    Those with a fact go first, as far as there are some: an answer without one cannot tie it to the wrong subject.
    Each says what customers got: the model is asked besides where the passage goes first or the search declines.
    """
    said = [(pair, row) for pair in pairs for row in pair.rows if row.outcome == "answered" and row.passages]
    random.Random(seed).shuffle(said)
    with_facts = [one for one in said if has_facts(one[1])]
    chosen = (with_facts + [one for one in said if not has_facts(one[1])])[:SIZE]
    head = (
        f"# {len(chosen)} answers to read\n\nIn the model's words, past the fact gate: {len(said)} of "
        f"{len(pairs)} questions, {len(with_facts)} with a number, a date, a link or a code. Those go first, at "
        f"random. Customers got {sum(row is pair.live for pair, row in chosen)} of these; the others were asked of the "
        "model besides. Wrong: a fact that its passage tells of something else.\n"
    )
    stopped = [row for pair in pairs if (row := pair.model).is_stopped and not _found(row)]
    told = [head]
    for number, (pair, row) in enumerate(chosen, 1):
        told.append(_entry(number, row, row.answer, f"wrong subject ({_got(pair, row)})"))
    told.append(f"# {len(stopped)} answers that were stopped, every fact of which stands in a passage\n")
    for number, row in enumerate(stopped, 1):
        told.append(_entry(number, row, row.model_answer, f"rightly stopped, for {_flat(row.stopped)}"))
    return "\n".join(told)


def has_facts(row: Row) -> bool:
    """Anything that the checker would look up."""
    return bool(unlicensed(row.answer, [], ""))


def _got(pair: Pair, row: Row) -> str:
    live = pair.live
    return "customers got this" if row is live else f"customers got: {live.outcome}, {live.reason}"


def _found(row: Row) -> list[str]:
    return unlicensed(row.model_answer, row.texts, row.asked)


def _entry(number: int, row: Row, answer: str, question: str) -> str:
    cited = [one for one in row.passages if one["article"] in row.cited_article_ids]
    cited = row.passages if row.is_stopped or not cited else cited
    passages = "\n".join(f"> **{one['title']} > {one['heading']}** {' '.join(one['text'].split())}\n>" for one in cited)
    return (
        f"## {number}. {row.set} {row.id}\n\n**{_flat(row.asked or row.question)}**\n\n{_flat(answer)}\n\n"
        f"{passages}\n\n- [ ] {question}\n"
    )


def _flat(text: str) -> str:
    return " ".join(text.split())
