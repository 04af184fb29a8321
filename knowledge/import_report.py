"""What became of each document, for people and programs: failures first."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When

from knowledge.models import ImportItem, ImportRun
from supportbot.spreadsheet import csv_lines

COLUMNS = ["action", "document", "title", "address", "message"]
ACTIONS: Any = ImportItem.Action


def items_of(run: ImportRun, action: str = "") -> QuerySet[ImportItem]:
    """The report's lines in the order of what needs a person, or those of one action."""
    order = Case(
        *[When(action=value, then=Value(place)) for place, value in enumerate(ACTIONS.values)],
        output_field=IntegerField(),
    )
    items = run.items.filter(action=action) if action in ACTIONS.values else run.items.all()
    return items.select_related("article").defer("sample", "article__body").order_by(order, "pk")


def as_csv(run: ImportRun) -> Iterator[str]:
    return csv_lines(COLUMNS, (list(_row(item).values()) for item in items_of(run).iterator(chunk_size=500)))


def as_dict(run: ImportRun) -> dict[str, Any]:
    """The whole report as plain values."""
    seconds = (run.finished - run.started).total_seconds() if run.finished and run.started else None
    return {
        "source": run.source.name,
        "kind": run.source.kind,
        "location": run.source.location or run.source.upload_name,
        "preview": run.preview,
        "state": str(run.state),
        "error": run.error,
        "found": run.found,
        "counts": {str(action): count for action, count in run.counts.items()},
        "seconds": seconds,
        "items": [_row(item) for item in items_of(run).iterator(chunk_size=500)],
    }


def summary(counts: dict[str, int], *, preview: bool = False) -> str:
    """The counts in one line of words: "2 failed, 5 new"."""
    parts = [f"{counts[value]:,} {label.lower()}" for value, label in ACTIONS.choices if counts.get(value)]
    return ", ".join(parts) or ("nothing to do" if preview else "nothing was done")


def _row(item: ImportItem) -> dict[str, str]:
    return {
        "action": item.get_action_display(),
        "document": item.key,
        "title": item.title or (item.article.title if item.article else ""),
        "address": item.article.get_absolute_url() if item.article else "",
        "message": item.message,
    }
