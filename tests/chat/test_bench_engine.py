"""What `bench engine` asks, and what it tells of an earlier run; comparing is tested beside the engine."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.bench.support_prompts import support_prompts
from chat.prompts import SYSTEM

ROW = {
    "peer": "ours",
    "streams": 1,
    "first_p50": 0.41,
    "first_p95": 0.6,
    "whole_p50": 1.23,
    "whole_p95": 2.0,
    "prefill_rate": 900.0,
    "decode_rate": 45.0,
    "rate_in_all": 20.0,
    "share_of_roof": 0.6,
}
RESULT = {
    "rows": [ROW],
    "peers": {"ours": {"now_mib": 900, "peak_mib": 1300, "precision": "native int8"}},
    "missing": {"llamacpp": "not installed (no module): pip install it"},
    "roof": {"bytes_a_second": 10e9},
    "questions": {"asked": 4, "again": False, "prompt_tokens": 400, "new_tokens": 30},
}


def told_by(*options: str) -> str:
    said = StringIO()
    call_command("bench", "engine", *options, stdout=said, stderr=said)
    return said.getvalue()


def test_the_prompts_are_real_ones_and_the_same_each_time(settings):
    prompts = support_prompts()
    assert len(prompts) > 200 and prompts == support_prompts()
    names = [name for name, _ in prompts]
    assert len(set(names)) == len(names) and names != sorted(names)
    for _, (system, user) in prompts:
        assert system["content"] == SYSTEM
        assert user["content"].startswith("[1] ") and "Question: " in user["content"]
        assert f"\n\n[{settings.CHAT_PASSAGES + 1}] " not in user["content"]


def test_an_earlier_run_is_told_and_drawn_again(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(RESULT))
    told = told_by("--from", str(tmp_path / "run.json"), "--svg", str(tmp_path / "run.svg"))
    assert "1.23" in told and "900" in told and "native int8" in told
    assert "llamacpp: not installed (no module): pip install it" in told
    assert "1.2 s" in (tmp_path / "run.svg").read_text()


@pytest.mark.parametrize("text", ["nothing", "[]", '{"rows": []}'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(CommandError, match="is not what `bench engine --json` writes"):
        told_by("--from", str(tmp_path / "run.json"))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--streams", "1,none"], "numbers from 1 to 64"),
        (["--streams", "1000"], "numbers from 1 to 64"),
        (["--peers", "ours,abacus"], "give some of ours"),
        (["--repeats", "0"], "1 to 100 repeats"),
        (["--svg", "/nowhere/run.svg"], "/nowhere/run.svg cannot be used"),
        (["--from", "/nowhere/run.json"], "/nowhere/run.json cannot be used"),
    ],
)
def test_a_wrong_option_is_told_before_any_work(options, word):
    with pytest.raises(CommandError, match=word):
        told_by(*options)


def test_an_adapter_that_is_not_there_is_named(settings):
    settings.CHAT_MODEL = "nobody"
    with pytest.raises(CommandError, match="There is no adapter nobody"):
        told_by()
