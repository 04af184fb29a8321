"""`manage.py evaluate facts`: what the gate stops and lets pass, a run that goes on, and the sheet to read."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from chat.evaluation.facts import planned, shares
from chat.evaluation.facts_report import grouped, judge, lines
from chat.evaluation.facts_rows import Pair, PairFile
from chat.evaluation.facts_sheet import sheet_of
from chat.evaluation.rows import NotARun, Row
from chat.evaluation.shares import Share
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.evaluation_sets import GivenSet
from tests.chat.conftest import script

PASSAGE = {"article": "refunds", "title": "Refunds", "heading": "", "text": "The money is back within five days."}


def answered(answer: str, **others) -> Row:
    told = {"id": "q1", "question": "When?", "set": "shop", "outcome": "answered", "language": "en", "key": "k"}
    told |= {"answer": answer, "model_answer": answer, "passages": [PASSAGE], "cited_article_ids": ["refunds"]}
    return Row(**told | others)


def pair(live: Row, model: Row | None = None) -> Pair:
    return Pair("f", True, live, model or live)


STOPPED = {"outcome": "extracted", "reason": "unsupported_fact"}


def test_what_was_delivered_and_what_was_written_are_looked_up_apart():
    stopped = judge(answered("Within five days.", model_answer="Within 9 days.", stopped="days: 9", **STOPPED))
    assert (stopped.delivered, stopped.before, stopped.is_false_stop, stopped.wrote) == ([], ["9"], False, True)
    false = judge(answered("Within five days.", model_answer="In five days.", stopped="subject: five days", **STOPPED))
    assert false.is_false_stop
    passed = judge(answered("Within 9 days."))
    assert (passed.delivered, passed.before, passed.is_false_stop) == (["9"], ["9"], False)


def test_shares_are_of_those_who_could_have_one():
    greeting = answered("Hello!", passages=[], model_answer="", reason="small_talk_greeting")
    likelier = answered("Within five days.", outcome="extracted", reason="passage_likelier", model_answer="Within")
    unheard = pair(likelier, answered("Within 9 days."))
    group = grouped([pair(greeting), unheard, pair(answered("Within five days."))], lambda one: one.live.set)["shop"]
    customers, asked, before, stopped, false = group.figures().values()
    assert (customers, asked, before) == (Share(0, 2), Share(1, 2), Share(1, 2))
    assert (stopped, false) == (Share(0, 2), Share(0, 2))
    told = "\n".join(lines([pair(greeting), unheard]))
    assert "small talk 1, extract, passage_likelier 1" in told or "extract, passage_likelier 1, small talk 1" in told
    assert "1 of 1: 100.0 % [20.7, 100.0]" in told and "- shop q1: 9: Within 9 days." in told


def test_each_set_is_asked_as_much_and_small_ones_whole():
    assert shares([80, 3000, 10, 200], 290) == [80, 100, 10, 100]
    assert shares([5, 5], 100) == [5, 5] and shares([3, 3, 3], 4) == [2, 1, 1]


def test_more_answers_ask_the_same_questions_and_others():
    questions = [GivenQuestion(f"q{n}", f"{n}?", [], ("a",), True) for n in range(50)]
    given = GivenSet("shop", [GivenArticle("a", "A", "Text.", "public", "en")], questions)
    few, many = (planned([given], count, 7, [])[1][0].open for count in (10, 20))
    assert few == many[:10] and len(set(one.id for one in many)) == 20
    assert planned([given], 10, 8, [])[1][0].open != few


def test_half_a_line_is_cut_off_and_another_recipe_is_set_aside(tmp_path):
    path, said = tmp_path / "facts.jsonl", []
    file = PairFile(path)
    assert file.begin({"model": "one"}, said.append) == []
    file.add(pair(answered("Within five days."), answered("In five days.")))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"articles": "f", "li')
    (found,) = PairFile(path).begin({"model": "one"}, said.append)
    assert (found.live.answer, found.model.answer) == ("Within five days.", "In five days.")
    assert path.read_bytes() == whole and said == []
    assert PairFile(path).begin({"model": "two"}, said.append) == []
    assert "was made in another way (model)" in said[0] and (tmp_path / "facts.before.jsonl").read_bytes() == whole
    path.write_text('{"rows": []}\n')
    with pytest.raises(NotARun, match="is not what `evaluate facts --json` writes"):
        PairFile(path).begin({}, said.append)


def test_the_sheet_shows_answers_with_facts_first_and_what_they_cite():
    plain, fact = answered("It comes back.", id="plain"), answered("Within five days.", id="fact")
    extract = answered("The money.", id="no", outcome="extracted")
    stopped = answered("The money.", id="stop", model_answer="In five days.", stopped="subject: five days", **STOPPED)
    asked_besides = Pair("", True, answered("", outcome="extracted", reason="passage_likelier"), fact)
    told = sheet_of([pair(plain), asked_besides, pair(extract), pair(stopped)], 1)
    assert "Customers got 1 of these" in told and "- [ ] wrong subject (customers got this)" in told
    assert "- [ ] wrong subject (customers got: extracted, passage_likelier)" in told
    assert "# 1 answers that were stopped" in told and "In five days.\n" in told
    assert "- [ ] rightly stopped, for subject: five days" in told
    assert told.index("## 1. shop fact") < told.index("## 2. shop plain") and "shop no" not in told
    assert "> **Refunds > ** The money is back within five days." in told and "2 of 4 questions, 1 with" in told


@pytest.fixture
def evaluate(tmp_path, shop):
    def run(*arguments: str) -> tuple[list[dict], str]:
        out, file = io.StringIO(), tmp_path / "facts.jsonl"
        more = ["--data", str(shop), "--json", str(file), *arguments]
        call_command("evaluate", "facts", *more, stdout=out, stderr=io.StringIO())
        return [json.loads(line) for line in file.read_text().splitlines()], out.getvalue()

    return run


@pytest.mark.django_db(transaction=True)
def test_the_model_is_asked_even_where_customers_get_the_passage(evaluate, fake_model, tmp_path, settings):
    """One question in the model's false words, one where only the passage is shown: both are heard, and judged."""
    settings.CHAT_CHOICE_FLOOR = 2.0  # customers get the passages' own sentences
    script(fake_model, chat=["say:It takes 9 days. [1]"] * 2)
    (header, first), _ = evaluate("--answers", "1")
    assert header["recipe"]["answerer"] == "live, and the model"
    assert (first["live"]["outcome"], first["live"]["reason"]) == ("extracted", "passage_first")
    model = first["model"]
    assert (model["outcome"], model["reason"]) == ("extracted", "unsupported_fact")
    assert model["model_answer"] == "It takes 9 days. [1]" and model["stopped"] == "number: 9 days."
    script(fake_model)
    told, printed = evaluate("--answers", "2", "--sheet", str(tmp_path / "sheet.md"))
    assert told[:2] == [header, first] and len(told) == 3
    assert "| all | 0 of 2: 0.0 % [0.0, 65.8] |" in printed and "1 of 2: 50.0 % [9.5, 90.5]" in printed
    assert "stopped by kind" in printed and "# 1 answers to read" in (tmp_path / "sheet.md").read_text()


@pytest.mark.django_db(transaction=True)
def test_a_run_without_time_says_so(evaluate):
    with pytest.raises(CommandError, match="give it more --minutes"):
        evaluate("--minutes", "0.000001")
