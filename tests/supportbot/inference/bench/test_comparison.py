"""Who is asked what, in which order, and what is told of it: with peers whose speed is known."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from supportbot.inference.bench.comparison import Comparison, Model, Plan
from supportbot.inference.bench.peers import PeerFailed
from supportbot.inference.bench.report import lines, picture

PLAN = Plan(peers=("ours",), streams=(1, 4), repeats=3, least=2, threads=1, python="python")
QUESTIONS = [{"question": f"q{number}", "ids": [1] * 100, "tokens": 11} for number in range(30)]


class Steady:
    """Reads the prompt in a tenth of a second and writes ten tokens in `seconds`, whoever else asks."""

    def __init__(self, seconds: float, tokens: int = 11) -> None:
        self.seconds, self.tokens, self.asked = seconds, tokens, []

    def ask(self, work):
        self.asked.append((work["streams"], [one["question"] for one in work["asked"]]))
        whole = 0.1 + self.seconds
        answers = [{"prompt": 100, "tokens": self.tokens, "first": 0.1, "whole": whole} for _ in work["asked"]]
        return {"heard": answers, "wall": whole}


class Roof:
    def ask(self, _work):
        return {"copy": 8e9, "product": 10e9}


@pytest.fixture
def comparison():
    model = Model("support-v1", Path("base.gguf"), Path("adapter"), Path("models"), Path("place"))
    return Comparison(PLAN, model, [], 160, lambda _line: None)


@pytest.fixture
def result(comparison):
    peers = {"ours": Steady(1.0), "llamacpp": Steady(2.1)}
    comparison.missing["generate"] = "not installed (no module): pip install it"
    comparison._rounds(peers, Roof(), QUESTIONS)
    facts = {name: {"now_mib": 900, "peak_mib": 1300, "weights": 250_000_000} for name in peers}
    return comparison._result(facts, QUESTIONS)


def test_all_are_asked_the_same_and_nobody_is_asked_twice(comparison):
    peers = {"ours": Steady(1.0), "llamacpp": Steady(2.0)}
    comparison._rounds(peers, Roof(), QUESTIONS)
    ours, theirs = (peer.asked for peer in peers.values())
    assert sorted(ours) == sorted(theirs)
    assert sorted(streams for streams, _ in ours) == [1, 1, 1, 4, 4, 4]
    names = [name for _, asked in ours for name in asked]
    assert len(names) == len(set(names)) == 18 == PLAN.needed - 2
    assert ours != theirs or [s for s, _ in ours] != [1, 4] * 3, "the order is one of chance"


def test_the_figures_and_the_ratio_are_those_of_the_peers(result):
    rows = {(row["peer"], row["streams"]): row for row in result["rows"]}
    ours, theirs = rows["ours", 1], rows["llamacpp", 1]
    assert ours["prefill_rate"] == pytest.approx(1000) and ours["decode_rate"] == pytest.approx(10)
    assert ours["share_of_roof"] == pytest.approx(0.25)
    assert theirs["times_ours"]["value"] == pytest.approx(2.0) and theirs["times_ours"]["pairs"] == 6
    assert "times_ours" not in ours and "share_of_roof" not in rows["ours", 4]
    assert rows["ours", 4]["answers"] == 12
    assert result["questions"] == {"asked": 30, "again": False, "prompt_tokens": 100, "new_tokens": 11}


def test_too_few_questions_are_asked_again_and_it_is_said(comparison):
    peers = {"ours": Steady(1.0)}
    comparison._rounds(peers, Roof(), QUESTIONS[:5])
    facts = {"ours": {"now_mib": 1, "peak_mib": 1, "weights": 1}}
    told = "\n".join(lines(comparison._result(facts, QUESTIONS[:5])))
    assert "some came twice" in told


def test_a_peer_that_writes_another_number_of_tokens_is_no_peer(comparison):
    with pytest.raises(PeerFailed, match="ours read 100 and wrote 7 tokens of question q[02], in place of 100 and 11"):
        comparison._rounds({"ours": Steady(1.0, tokens=7)}, Roof(), QUESTIONS)


def test_the_table_names_who_is_missing_and_what_the_machine_gives(result):
    told = lines(result)
    assert any(line.startswith("llamacpp") and "2.00 [2.00, 2.00] n=6" in line for line in told)
    assert "generate: not installed (no module): pip install it" in told
    assert any("prompts of 100 tokens, answers of 11" in line and "10.0 GB/s" in line for line in told)


def test_the_picture_is_an_svg_with_a_bar_for_each_peer_and_number_of_streams(result):
    drawn = ElementTree.fromstring(picture(result))
    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert len(bars) == len(result["rows"]) == 4
    widths = [float(bar.get("width")) for bar in bars]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert "one customer" in picture(result) and "4 at once" in picture(result)


def test_what_answers_one_after_the_other_is_not_asked_by_many(comparison):
    comparison.plan = replace(PLAN, streams=(4, 8), repeats=1)
    peers = {"ours": Steady(1.0), "generate": Steady(3.0)}
    comparison._rounds(peers, Roof(), QUESTIONS)
    told = comparison._result({name: {"now_mib": 1, "peak_mib": 1, "weights": 1} for name in peers}, QUESTIONS)
    assert [streams for streams, _ in peers["generate"].asked] == [4]
    assert [(row["peer"], row["streams"]) for row in told["rows"]] == [("ours", 4), ("generate", 4), ("ours", 8)]
    assert "a longer queue" in told["missing"]["generate with more than 4 streams"]


def test_a_round_has_as_many_questions_as_streams_at_least():
    assert replace(PLAN, streams=(16,), repeats=1).needed == 16 + 2, "and two to warm up with"
