"""`bench tuning` on a base of two thin layers: each way in a process of its own, by the loop that `tune` runs."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.bench import tuning

OPTIONS = ["--steps", "2", "--rank", "4", "--rates", "1e-3", "--held", "2", "--threads", "1", "--minutes", "9"]


def told_by(*options: str) -> str:
    said = StringIO()
    call_command("bench", "tuning", *options, stdout=said, stderr=said)
    return said.getvalue()


@pytest.fixture
def small_base(tiny_base, tmp_path, settings, monkeypatch):
    settings.GENERATOR_WEIGHTS, settings.DATA_DIR = tiny_base, tmp_path / "data"
    monkeypatch.setenv("GENERATOR_WEIGHTS", str(tiny_base))


def test_two_steps_of_a_way_are_measured_and_an_interrupted_comparison_goes_on_from_there(small_base, tmp_path):
    """The adapter in a process of its own; of the other ways the rows are there as if they had been measured before."""
    options = vars(call_parser().parse_args(["tuning", *OPTIONS]))
    asked = [options[name] for name in ("steps", "rank", "rates", "held", "minutes", "threads")]
    place = tuning._place(json.dumps([tuning._plan(options).sha256, tuning.base_sha256(), asked]))
    ways = tuning._ways(options)
    assert [way.name for way in ways] == ["base", "lora-14", "lora-4", "full-0.001"]
    for way in ways[:1] + ways[2:]:
        (place / f"{way.name}.json").write_text(json.dumps(row(2.0, 2.0)))
    said = told_by(*OPTIONS, "--json", str(tmp_path / "out.json"))
    result = json.loads((tmp_path / "out.json").read_text())
    measured = result["rows"]["lora-14"]
    assert measured["steps"] == 2 and measured["is_whole"] and measured["rank"] == 14
    assert 0 < measured["bytes"] == 2 * measured["trained"] < 1e6 and measured["peak_mib"] > 100
    assert measured["seconds_a_step"] > 0
    assert all(0 < one["loss"] < 20 for one in measured["judged"])
    assert result["comparison"]["ways"]["lora-14"]["loss_less_base"]["n"] == len(measured["judged"])
    assert "lora-14 less full-0.001: loss +" in said
    assert not place.exists()


def call_parser():
    from chat.management.commands.bench import Command

    return Command().create_parser("manage.py", "bench")


def row(*losses: float, **changes: object) -> dict:
    judged = [{"question_id": "q", "tokens": 3, "loss": loss, "word_for_word": loss < 1} for loss in losses]
    figures = {"bytes": 8_000_000, "trained": 4_000_000, "peak_mib": 2000, "seconds_a_step": None, "steps": 2}
    return figures | {"is_whole": True, "judged": judged} | changes


def test_differences_are_paired_and_the_full_fine_tune_of_the_better_rate_is_what_counts():
    rows = {"base": row(3, 5), "lora-14": row(0.5, 2.5), "full-3e-05": row(2, 4), "full-0.0001": row(1, 3)}
    told = tuning.comparison(rows)
    assert told["full"] == "full-0.0001"
    lora = told["ways"]["lora-14"]
    assert lora["loss_less_base"] == {"value": -2.5, "low": -2.5, "high": -2.5, "n": 2}
    assert lora["loss_less_full"]["value"] == -0.5 and lora["word_for_word"]["value"] == 0.5
    assert "loss_less_base" not in told["ways"]["base"] and "loss_less_full" not in told["ways"]["full-0.0001"]


def test_a_way_that_its_minutes_ended_is_marked():
    rows = {"base": row(3), "lora-14": row(1, is_whole=False), "full-0.0001": row(2)}
    lines = tuning.table({"rows": rows, "comparison": tuning.comparison(rows)})
    assert "2!" in lines[2] and lines[-1].startswith("!: ended by its minutes")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--steps", "1"], "--steps: give 2 to 150"),
        (["--rank", "14"], "--rank: 14 is the recipe's own"),
        (["--rates", "1,2,3"], "one or two learning rates"),
        (["--rates", "nan"], "one or two learning rates"),
        (["--minutes", "nan"], "--minutes: give 0.01"),
        (["--only", "magic"], "--only: give one of base, lora-14, lora-64, full-3e-05, full-0.0001"),
        (["--json", "/nowhere/run.json"], "/nowhere/run.json cannot be used"),
    ],
)
def test_a_wrong_option_is_told_before_any_work(options, word):
    with pytest.raises(CommandError, match=word):
        told_by(*options)
