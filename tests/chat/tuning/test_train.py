import json
import math

import pytest
import torch
from safetensors.torch import load_file

from chat.prompts import PROMPT_VERSION, REFUSAL
from chat.tuning import run
from chat.tuning.examples import Line, Sheet
from chat.tuning.folder import write_adapter
from chat.tuning.plan import Plan, Recipe
from chat.tuning.pool import Shown
from chat.tuning.train import Progress, TrainingFailed, prepare, rate_at, train, trained_weights
from chat.tuning.trial import Scores, judge, score, try_out
from supportbot.inference.weights import file_sha256

RECIPE = Recipe(rank=4, alpha=8, learning_rate=0.02, seed=5)


def plan(sheets: int = 24, recipe: Recipe = RECIPE) -> Plan:
    made = [
        Sheet(
            "demo",
            (Shown(f"a{number}", "Hire", "Prices", f"Bike {number} costs £{number}."),),
            (
                Line(f"q{number}", f"What does bike {number} cost?", f"Bike {number} costs £{number}. [1]", True),
                Line(f"r{number}", "Do you sell cars?", REFUSAL, False),
            ),
        )
        for number in range(sheets + 2)
    ]
    return Plan(made[:-2], made[-2:], {"demo": "MIT"}, recipe)


def adapter_of(model) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters() if weight.requires_grad}


def test_training_lowers_the_loss_and_tells_how_far_it_is(tiny_base, tmp_path):
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    told: list[Progress] = []
    outcome = train(model, tokenizer, plan(), tmp_path / "c", report=told.append, report_every=0)
    assert outcome.steps == 12 and [one.step for one in told] == list(range(1, 13))
    assert told[-1].loss < told[0].loss - 0.1
    assert told[0].seconds_left > 0 and told[-1].seconds_left == 0


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_weights(tiny_base, tmp_path):
    def kill(progress: Progress) -> None:
        if progress.step == 11:
            raise Killed

    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    train(model, tokenizer, plan(), tmp_path / "whole")
    whole = adapter_of(model)

    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    with pytest.raises(Killed):
        train(model, tokenizer, plan(), tmp_path / "killed", report=kill, report_every=0)
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    outcome = train(model, tokenizer, plan(), tmp_path / "killed")
    assert outcome.resumed_at == 10 and outcome.steps == 12 and outcome.is_whole
    for name, weight in adapter_of(model).items():
        torch.testing.assert_close(weight, whole[name], rtol=1e-3, atol=1e-4)


def test_the_checkpoint_of_another_plan_is_left_alone(tiny_base, tmp_path):
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    train(model, tokenizer, plan(4), tmp_path / "c")
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    assert train(model, tokenizer, plan(6), tmp_path / "c").resumed_at == 0


def test_a_run_ends_when_its_minutes_are_used_up(tiny_base, tmp_path):
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    made = plan(400)
    outcome = train(model, tokenizer, made, tmp_path / "c", minutes=0.01)
    assert outcome.steps < 200 and not outcome.is_whole
    assert made.asked(outcome.steps)[0]["examples"] == 4 * outcome.steps


def test_the_threads_are_asked_for_before_every_step(tiny_base, tmp_path):
    """So that a run makes room for an application that is started in its middle."""
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=2)
    taken: list[int] = []
    try:
        train(
            model, tokenizer, plan(4), tmp_path / "c", report_every=0,
            threads=lambda: 1 if taken else 2, report=lambda progress: taken.append(torch.get_num_threads()),
        )  # fmt: skip
    finally:
        torch.set_num_threads(1)
    assert taken == [2, 1]


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_kept(tiny_base, tmp_path):
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    with torch.no_grad():
        next(iter(trained_weights(model).values())).fill_(math.nan)
    with pytest.raises(TrainingFailed, match="lower the learning rate"):
        train(model, tokenizer, plan(4), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_run_without_one_step_writes_no_adapter(tiny_base, tmp_path, monkeypatch, settings):
    monkeypatch.setattr(run, "generator_folder", lambda: tiny_base)
    settings.DATA_DIR = tmp_path
    with pytest.raises(TrainingFailed, match=r"No step was done in 1e-09 minutes"):
        run.run(plan(), tmp_path / "mine", start=None, minutes=1e-9, threads=lambda: 1, say=lambda *said: None)
    assert not (tmp_path / "mine").exists()


def test_every_weight_is_trained_where_there_is_no_adapter(tiny_base, tmp_path):
    recipe = Recipe(rank=0, learning_rate=0.01, seed=5)
    model, tokenizer = prepare(recipe, tiny_base, None, threads=1)
    before = adapter_of(model)
    assert set(before) == {name for name, _ in model.named_parameters()}
    assert {weight.dtype for weight in before.values()} == {torch.float32}
    train(model, tokenizer, plan(20, recipe), tmp_path / "whole")
    after = adapter_of(model)
    assert all(not torch.equal(before[name], after[name]) for name in before)
    again, _ = prepare(recipe, tiny_base, None, threads=1)
    assert train(again, tokenizer, plan(20, recipe), tmp_path / "whole").resumed_at == 10
    assert all(torch.equal(weight, after[name]) for name, weight in adapter_of(again).items())


def test_each_held_out_answer_is_judged_by_its_own_tokens(tiny_base, tmp_path):
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    sheets = plan().sheets[:2]
    judged = judge(model, tokenizer, sheets)
    assert [one.question_id for one in judged] == ["q0", "r0", "q1", "r1"]
    assert not any(one.word_for_word for one in judged)
    alone = judge(model, tokenizer, [Sheet("demo", sheets[0].passages, sheets[0].lines[1:])])
    assert alone[0].loss == pytest.approx(judged[1].loss, rel=0.02) and alone[0].tokens == judged[1].tokens
    recipe = Recipe(rank=0, learning_rate=0.01, seed=5)
    refusals = [Sheet("demo", sheet.passages, sheet.lines[1:]) for sheet in plan(40).sheets]
    model, tokenizer = prepare(recipe, tiny_base, None, threads=1)
    train(model, tokenizer, Plan(refusals, [], {}, recipe), tmp_path / "refusing")
    assert [one.word_for_word for one in judge(model, tokenizer, sheets)] == [False, True, False, True]


def test_the_rate_warms_up_and_falls_with_the_steps_or_the_time():
    recipe = Recipe(learning_rate=1.0, warm_up=0.1)
    assert rate_at(recipe, 0, 100, 0) == pytest.approx(0.1, abs=0.01)
    assert rate_at(recipe, 10, 100, 0) > 0.9
    assert rate_at(recipe, 50, 100, 0) == pytest.approx(0.51, abs=0.01)
    assert rate_at(recipe, 20, 100, 0.99) < 0.03


def test_an_adapter_is_written_with_what_binds_it_and_is_gone_on_from(tiny_base, tmp_path):
    model, tokenizer = prepare(RECIPE, tiny_base, None, threads=1)
    made = plan(4)
    outcome = train(model, tokenizer, made, tmp_path / "c")
    scores = {"adapter": try_out(model, tokenizer, made.held)}
    folder = tmp_path / "adapters" / "bikes"
    for _ in range(2):  # the second takes the place of the first
        manifest = write_adapter(folder, model, made, outcome, scores, base="tiny", base_sha256="b" * 64)
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert manifest["sha256"] == file_sha256(folder / "adapter_model.safetensors")
    assert (manifest["name"], manifest["base"], manifest["prompt_version"]) == ("bikes", "tiny", PROMPT_VERSION)
    assert manifest["datasets"] == [{"name": "demo", "licence": "MIT", "examples": 8}] and manifest["examples"] == 8
    assert manifest["data_sha256"] == made.data_sha256 and manifest["scores"]["adapter"]["asked"] == 4
    assert math.isfinite(manifest["scores"]["adapter"]["loss"])
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bikes"]
    assert {weight.dtype for weight in load_file(folder / "adapter_model.safetensors").values()} == {torch.bfloat16}

    again, _ = prepare(RECIPE, tiny_base, folder, threads=1)
    for name, weight in adapter_of(again).items():
        torch.testing.assert_close(weight, adapter_of(model)[name], rtol=1e-2, atol=1e-3)


def test_scores_tell_right_answers_from_refusals():
    lines = [
        Line("1", "q", "A label costs £2.95. [1]", True),
        Line("2", "q", "Bikes are collected for £19. [2]", True),
        Line("3", "q", REFUSAL, False),
        Line("4", "q", REFUSAL, False),
    ]
    answers = ["A label costs £2.95. [1]", REFUSAL, REFUSAL, "Yes, we do. [1]"]
    assert score(lines, answers, 0.5) == Scores(
        asked=4, loss=0.5, right=0.5, wrongly_refused=0.5, cited=0.5, rightly_refused=0.5
    )
