import subprocess
import sys
from collections import Counter

import pytest
from django.core.management import CommandError

from chat.management.commands.tune import Command, start_folder
from chat.prompts import REFUSAL, closest_line
from chat.tuning.datasets import read_files, read_folder
from chat.tuning.examples import MAX_LINES, digest, make_sheets
from chat.tuning.plan import Recipe, make_plan
from chat.tuning.pool import make_pool
from chat.tuning.targets import coverage


@pytest.fixture(scope="module")
def demo(request):
    demo = request.config.rootpath / "knowledge" / "demo"
    return read_files("demo", [demo], [demo / "questions.train.jsonl"])


@pytest.fixture(scope="module")
def sheets(demo):
    return make_sheets(make_pool(demo), 2, seed=1)


def test_every_answer_cites_a_shown_passage_that_says_it(sheets):
    lines = [(sheet, line) for made in sheets for sheet in made for line in sheet.lines if line.answerable]
    assert len(lines) > 200
    for sheet, line in lines:
        number = int(line.target.rsplit("[", 1)[1].rstrip("]"))
        assert coverage(line.target, sheet.passages[number - 1].text) >= 0.5


def test_a_fifth_of_the_questions_is_refused_and_the_gold_stands_at_every_place(sheets):
    lines = [line for made in sheets for sheet in made for line in sheet.lines]
    refused = sum(line.target == REFUSAL for line in lines) / len(lines)
    assert 0.15 < refused < 0.25
    places = Counter(line.target[-2] for line in lines if line.answerable)
    assert set(places) == {"1", "2", "3"} and min(places.values()) > 0.15 * sum(places.values())


def test_questions_that_the_closest_sentences_do_not_answer_are_many_among_the_examples(sheets):
    lines = [(sheet, line) for made in sheets for sheet in made for line in sheet.lines if line.answerable]
    hard = sum(line.target[:-4] not in closest_line(line.question, sheet.passages) for sheet, line in lines)
    assert 0.35 < hard / len(lines) < 0.75


def test_sheets_are_short_live_shaped_and_never_the_same_twice(sheets):
    every = [sheet for made in sheets for sheet in made]
    assert len(set(every)) == len(every)
    assert all(1 <= len(sheet.passages) <= 3 and 1 <= len(sheet.lines) <= MAX_LINES for sheet in every)


def test_a_refused_question_of_another_passage_is_not_answered_by_the_shown_ones(demo, sheets):
    spans = {question.id: question.span for question in demo.questions}
    for sheet in sheets[0]:
        text = " ".join(passage.text for passage in sheet.passages)
        for line in sheet.lines:
            if line.target == REFUSAL and spans[line.question_id]:
                assert spans[line.question_id] not in text


def test_the_plan_is_the_same_in_another_process_and_another_with_another_seed(demo):
    program = (
        "import django; django.setup()\n"
        "from pathlib import Path\n"
        "from chat.tuning.datasets import read_files\n"
        "from chat.tuning.plan import Recipe, make_plan\n"
        "demo = Path('knowledge/demo')\n"
        "print(make_plan([read_files('demo', [demo], [demo / 'questions.train.jsonl'])], [], Recipe()).sha256)"
    )
    plan = make_plan([demo], [], Recipe())
    environment = {"DJANGO_SETTINGS_MODULE": "supportbot.settings", "PYTHONHASHSEED": "7", "SECRET_KEY": "x" * 50}
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    assert other.stdout.strip() == plan.sha256
    assert make_plan([demo], [], Recipe(seed=2)).sha256 != plan.sha256


def test_a_short_run_makes_no_more_sheets_than_it_asks_for(demo):
    sheets = make_sheets(make_pool(demo), 3, seed=1, most=100)
    asked = sum(len(sheet.lines) for made in sheets for sheet in made)
    assert 100 <= asked < 100 + MAX_LINES and sheets[1:] == [[], []]
    plan = make_plan([demo], [], Recipe(), max_examples=500)
    assert 500 <= sum(len(sheet.lines) for sheet in plan.sheets) < 500 + MAX_LINES


def test_held_out_questions_are_never_trained_on(demo):
    plan = make_plan([demo], [], Recipe())
    held = {line.question_id for sheet in plan.held for line in sheet.lines}
    assert held and not held & {line.question_id for sheet in plan.sheets for line in sheet.lines}


def test_a_further_set_never_outweighs_the_operators_own(demo, evaluation_data):
    plan = make_plan([demo], [read_folder(evaluation_data / "squad2")], Recipe(rounds=1))
    by_set = Counter(sheet.dataset for sheet in plan.sheets)
    assert by_set["squad2"] <= by_set["demo"]
    assert [one["licence"] for one in plan.asked()] == ["MIT", "CC BY-SA 4.0"]
    assert digest(plan.sheets) == plan.data_sha256


def test_an_operators_run_goes_on_from_the_adapter_in_use_and_has_bounds(settings, tmp_path):
    options = vars(Command().create_parser("manage.py", "tune").parse_args([]))
    assert options["start"] is None and 0 < options["max_examples"] <= 500 and 0 < options["minutes"] <= 20
    assert start_folder(None) == settings.BASE_DIR / "chat" / "tuning" / "shipped" / settings.CHAT_MODEL
    assert start_folder("base") is None
    settings.CHAT_MODEL = "somebody-elses-model"
    assert start_folder(None) is None
    with pytest.raises(CommandError, match="no adapter is named gone"):
        start_folder("gone")
