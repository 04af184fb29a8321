"""Questions, what was wanted and what was answered, side by side: a table for people to read. Pure."""

from collections.abc import Sequence

from chat.evaluation.summary import Judged

SIZE = 200
MAX_CHARS = 500


def sheet_of(judged: Sequence[Judged]) -> str:
    """Markdown: the first 200 questions, in the order of their file."""
    rows = [
        f"| {_cell(one.row.question)} | {_cell(one.wanted) or '(no answer is there)'} | {_cell(one.row.answer)} "
        f"| {_by(one)} | {one.end} |"
        for one in judged[:SIZE]
    ]
    head = ["| question | wanted | answered | by | measured as |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _by(one: Judged) -> str:
    """Who said it: an extract names why it was taken."""
    return {"answered": "the model", "extracted": f"the passage ({one.row.reason})"}.get(
        one.row.outcome, one.row.reason
    )


def _cell(text: str) -> str:
    """In one line, without what would end the cell."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= MAX_CHARS else f"{flat[:MAX_CHARS]} …"
