"""The probability that the passages answer, what it is made of, and how it is fitted and judged."""

from dataclasses import fields

import numpy as np
import pytest

from knowledge.answerability import Evidence, answerable, evidence_of, is_denied, is_missing, names, stands_out
from knowledge.answerability_report import as_json, figures, is_fit, lines
from knowledge.calibration import Labelled, across_groups, expected_error, fit, left_out, reliability
from knowledge.evaluation_files import GivenQuestion


def test_it_grows_with_the_score_and_with_its_lead_and_falls_with_a_missing_name():
    sure, crowded, poor = Evidence(1.24, 0.92, 0, 0), Evidence(1.24, 0.04, 0, 0), Evidence(0.32, 0.06, 0, 0)
    assert answerable(poor) < 0.5 < answerable(crowded) < 0.95 < answerable(sure)
    assert answerable(Evidence(1.24, 0.04, 1, 0)) < answerable(crowded)
    assert answerable(Evidence(1.24, 0.04, 0, 1)) < answerable(crowded)


def test_words_alone_have_a_scale_of_their_own():
    assert answerable(Evidence(0.54, 0.48, 0, 0), by_words_alone=True) > 0.8 > answerable(Evidence(0.54, 0.48, 0, 0))


@pytest.mark.parametrize(("scores", "lead"), [([0.5], 0), ([0.9, 0.5, 0.3], 0.5), ([1.0] + [0.0] * 20, 1.0)])
def test_the_lead_is_over_the_mean_of_the_next(scores, lead):
    assert stands_out(scores) == pytest.approx(lead)


def test_names_are_words_with_figures_and_capitals_inside_a_sentence():
    assert names("Does the Heron 2 fit? Ask Ada. A tent and I") == ["Heron", "2", "Ada"]
    assert names("does it cost 3.95?") == ["3", "95"]


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("who led the Normans", False),
        ("who led the Vikings", True),
        ("what happened in 1066", False),
        ("what happened in 1067", True),
        ("What happened", False),
    ],
)
def test_a_name_is_missing_if_no_passage_holds_it(question, missing):
    assert is_missing(question, ["The Norman conquest", "It was in 1066."]) is missing
    evidence = evidence_of(question, [0.8, 0.3], ["The Norman conquest", "It was in 1066."])
    assert evidence == Evidence(0.8, 0.5, float(missing), 0)


@pytest.mark.parametrize(
    ("question", "passage", "denied"),
    [
        ("What can't be washed?", "Wash jackets at 30 degrees.", True),
        ("Which tents are not waterproof?", "All tents are waterproof.", True),
        ("What can't be washed?", "Down cannot be washed.", False),
        ("What can be washed?", "Jackets can.", False),
        ("Is there a notebook?", "There is a knot.", False),
    ],
)
def test_a_question_may_deny_what_no_passage_denies(question, passage, denied):
    assert is_denied(question, [passage]) is denied
    assert evidence_of(question, [0.8], [passage]).denied == float(denied)


def test_what_may_go_on_with_the_subject_is_judged_by_the_better_of_two_searches():
    apart = [0.5, 0.4]
    assert evidence_of("and then", apart, [""], leaning=[0.8, 0.3]) == Evidence(0.8, 0.5, 0, 0)
    assert evidence_of("and then", apart, [""], leaning=[0.3]) == evidence_of("and then", apart, [""])
    assert evidence_of("and then", [0.5], [""], leaning=[]).lead == 0


def made(seed: int, slope: float = 4.0, n: int = 400) -> Labelled:
    """A set whose first feature tells, by a known logistic law, and whose second says nothing."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(n, 2))
    truth = chance.random(n) < 1 / (1 + np.exp(-(0.5 + slope * features[:, 0])))
    return Labelled(features, truth, np.array([f"title {number % 8}" for number in range(n)]))


def test_a_fit_finds_the_law_that_made_the_data():
    found = fit([made(1, n=4000), made(2, n=400)])
    assert found.weights[0] == pytest.approx(4, rel=0.3) and abs(found.weights[1]) < 0.3
    assert found.intercept == pytest.approx(0.5, abs=0.25)


def test_a_set_is_judged_by_fits_that_have_not_seen_it():
    sets = {"one": made(1), "two": made(2), "turned": made(3, slope=-4.0)}
    chances = left_out(sets, "turned")
    assert chances[sets["turned"].answerable].mean() < chances[~sets["turned"].answerable].mean()
    across = across_groups(sets["turned"])
    assert across is not None
    assert across[sets["turned"].answerable].mean() > across[~sets["turned"].answerable].mean()
    assert across_groups(sets["one"].only(sets["one"].groups == "title 1")) is None


def test_a_reliable_probability_has_little_error_and_a_boast_has_much():
    truth = np.array([True] * 70 + [False] * 30)
    honest, boast = np.full(100, 0.7), np.full(100, 0.95)
    bins = reliability([(honest, truth)])
    assert (bins[7].n, bins[7].predicted, bins[7].observed) == (100, pytest.approx(0.7), pytest.approx(0.7))
    assert expected_error(bins) == pytest.approx(0) and expected_error(reliability([(boast, truth)])) == pytest.approx(
        0.25
    )


def test_the_report_tells_sets_bins_and_coefficients():
    given = {}
    for name, seed in (("one", 1), ("two", 2)):
        plain = made(seed)
        others = np.zeros((400, len(fields(Evidence)) - plain.features.shape[1]))
        given[name] = Labelled(np.column_stack([plain.features, others]), plain.answerable, plain.groups)
    summary = figures(given)
    assert summary["sets"]["one"]["left out"].value > 0.8
    told = "\n".join(lines(summary))
    assert "expected calibration error" in told and "0.9 to 1.0" in told and "intercept" in told
    assert as_json(summary)["sets"]["two"]["other titles"]["n"] == 400


def test_turns_that_ask_for_nothing_are_no_unanswerable_questions():
    asked = [GivenQuestion("a", "?", [], ("x",), True), GivenQuestion("b", "?", [], (), False)]
    idle = GivenQuestion("c", "Thanks", [], (), False, kind="not_knowledge_seeking")
    assert is_fit(asked) and not is_fit([asked[0], idle])
