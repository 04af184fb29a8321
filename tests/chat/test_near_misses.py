"""96 questions about eight small articles, in pairs: one that an article answers, and one beside it that none does.

Nothing was fitted on them. What is held is a rate, far from what is measured (docs/decisions/support.md), so that
a worse search or a worse probability is seen, and another processor's rounding is not.
"""

import numpy as np
import pytest
from django.conf import settings

from chat.answering import weigh
from knowledge.evaluation import ask, embed_all, publish_all
from knowledge.evaluation_sets import read_sets, sets_in
from knowledge.metrics import auroc_with_interval
from knowledge.vector_cache import VectorCache

FOLDER = settings.BASE_DIR / "chat" / "evaluation" / "near_misses"


@pytest.mark.django_db(transaction=True)
def test_questions_beside_an_article_are_told_from_those_it_answers(model_server, tmp_path):
    (given,) = read_sets(sets_in(FOLDER), print)
    publish_all(given.articles, print)
    with VectorCache(tmp_path / "vectors.sqlite3") as cache:
        embed_all(cache, print)
    found = {one.id: ask(one, audience="public", seconds=60.0) for one in given.questions}
    sure = {one.id: weigh(found[one.id], one.question, one.question).found.answerable for one in given.questions}
    there = np.array([sure[one.id] for one in given.questions if one.answerable])
    missing = np.array([sure[one.id] for one in given.questions if not one.answerable])
    assert len(there) == len(missing) == 48
    assert auroc_with_interval(there.tolist(), missing.tolist()).value > 0.75
    assert (there < settings.CHAT_ANSWERABLE_FLOOR).mean() < 0.15
    assert (missing < settings.CHAT_ANSWERABLE_FLOOR).mean() > 0.1
