"""Right refusals against wrong ones: what each threshold costs, by the search, by the model, and by both."""

import io
import math
import random

import pytest
from django.core.management import CommandError, call_command

from chat.evaluation.engine import begins_refusal
from chat.evaluation.refusals import cases_of, ways_of
from chat.evaluation.refusals_curve import REFUSED, Case, Way, at_most, auroc, curve
from chat.evaluation.refusals_report import lines, page_of
from chat.evaluation.rows import Row, Run, RunFile


def cases(answerable: int, others: int, **of_all) -> list[Case]:
    return [Case(place < answerable, False, place < answerable, **of_all) for place in range(answerable + others)]


def test_a_threshold_refuses_no_more_of_the_answerable_questions_than_was_said():
    asked = cases(20, 10)
    scores = [0.05 * place for place in range(20)] + [0.12] * 5 + [0.5] * 5
    found = at_most(asked, Way("by hand", scores), 0.15)
    assert found is not None
    assert (found.threshold, found.wrongly, found.rightly.value) == (pytest.approx(0.15), 0.15, 0.5)
    assert (found.right, found.rightly.n) == (0.85, 10) and found.rightly.low <= 0.5 <= found.rightly.high
    assert at_most(asked, Way("by hand", scores), 1.0).threshold == pytest.approx(0.95)
    assert curve(asked, Way("by hand", scores))[-1] == (1.0, 1.0)


def test_what_the_model_refuses_by_itself_may_be_more_than_is_wanted():
    way = Way("floor", [REFUSED] * 4 + [0.5] * 6 + [REFUSED] * 8 + [0.9] * 2)
    assert at_most(cases(10, 10), way, 0.15) is None
    found = at_most(cases(10, 10), way, 0.4)
    assert found is not None and (found.wrongly, found.rightly.value, found.threshold) == (0.4, 0.8, 0.5)


def test_two_weak_signs_together_tell_more_than_each():
    """Fitted on other titles: the probability of a question is never by a fit that has seen its title."""
    chance = random.Random(3)
    rows = []
    for number in range(600):
        yes = number % 2 == 0
        seen = [min(max(chance.gauss(0.6 if yes else 0.4, 0.2), 0.01), 0.99) for _ in range(2)]
        end = "right" if yes else "rightly refused" if seen[1] < 0.5 else "answered without an answer"
        outcome = "abstained" if end == "rightly refused" else "answered"
        told = {"answerable": seen[0], "refusal": 1 - seen[1], "title": f"t{number // 2 % 6}", "outcome": outcome}
        rows.append(Row(str(number), "?", end=end, set="wiki", about=f"a{number}", **told))
    asked = cases_of(rows)
    ways = {way.name: way for way in ways_of(asked)}
    floor, alone, model, both = ways.values()
    assert both.name == "both, fitted on other titles"
    assert auroc(asked, both).value > max(auroc(asked, alone).value, auroc(asked, model).value) + 0.03
    assert min(floor.scores) == REFUSED
    told = "\n".join(lines(asked, list(ways.values()), 0.15))
    assert "wrongly refused    0 of 300: 0.0 % [0.0, 1.3]" in told and "| 15 % |" in told
    page = page_of(asked, list(ways.values()), 0.15, {"answerer": "model"})
    assert "Right refusals against wrong ones" in page and "<svg" in page and "<script" not in page


def test_a_refusal_is_known_by_its_first_token():
    likely = {"I": math.log(0.6), " I": math.log(0.1), "In": math.log(0.2), " ": math.log(0.05)}
    assert begins_refusal(likely) == pytest.approx(0.7)
    assert begins_refusal({"The": -0.1}) == 0.0 and begins_refusal({}) is None


def test_the_rows_of_a_run_are_told_by_title(tmp_path):
    rows = [
        Row(str(number), "?", set="wiki", title=title, answerable=0.1 * number, outcome="answered", end=end)
        for number, (title, end) in enumerate(
            [("A", "right"), ("A", "answered without an answer"), ("B", "right"), ("B", "wrong")] * 2
        )
    ]
    RunFile(tmp_path / "rows.json").save(Run({"answerer": "model"}, rows=rows))
    out = io.StringIO()
    arguments = ["evaluate", "refusals", "--answers", str(tmp_path / "rows.json")]
    call_command(*arguments, "--titles", "A", "--html", str(tmp_path / "page.html"), stdout=out)
    assert "4 questions, 2 with an answer" in out.getvalue() and "right              2 of 2" in out.getvalue()
    assert "the floor alone" in out.getvalue() and (tmp_path / "page.html").exists()
    with pytest.raises(CommandError, match="not of both kinds"):
        call_command(*arguments, "--titles", "B", stdout=out)
