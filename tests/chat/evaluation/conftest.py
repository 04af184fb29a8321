"""A tiny set of a shop, for measurements with the fake model."""

import json
from pathlib import Path

import pytest

from tests.chat.conftest import script

ARTICLES = [
    {
        "id": "refunds",
        "title": "Refunds",
        "category": "Money",
        "body_markdown": "The money is back on your card within five days.",
    },
    {"id": "parcels", "title": "Parcels", "body_markdown": "The courier scans the tracking number in the evening."},
]
QUESTIONS = [
    {
        "id": "q1",
        "question": "When is the refund money on my card?",
        "gold_article_ids": ["refunds"],
        "gold_span": "within five days",
        "gold_answer": "within five days",
    },
    {
        "id": "q2",
        "question": "Which wine goes with aubergine?",
        "answerable": False,
        "meta": {"near_article_ids": ["parcels"]},
    },
]


@pytest.fixture
def shop(tmp_path, settings, fake_model) -> Path:
    """A folder of sets with one set in it, `shop`."""
    settings.DATA_DIR = tmp_path / "data"
    settings.EMBEDDED_POSTGRES = False  # the session's server is the one to use
    settings.CHAT_ANSWERABLE_FLOOR = 0.0  # the fake's vectors say little of it
    script(fake_model)
    folder = tmp_path / "sets" / "shop"
    folder.mkdir(parents=True)
    for name, rows in (("articles", ARTICLES), ("questions", QUESTIONS)):
        (folder / f"dev.{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder.parent
