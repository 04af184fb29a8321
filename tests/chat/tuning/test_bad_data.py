"""What an operator may give by mistake: refused with file and line, and what to do, before anything is loaded."""

import gzip
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chat.tuning import datasets
from chat.tuning.datasets import Dataset, read_files, read_folder, refuse_repeated
from chat.tuning.examples import make_sheets
from chat.tuning.plan import Recipe, make_plan
from chat.tuning.pool import Shown, _is_shown, make_pool
from chat.window import fitting
from knowledge.evaluation_files import BadFile

ARTICLE = {"id": "a", "title": "Bikes", "body_markdown": "A bike costs £19 a day. It is collected at the shop."}
GOOD = {"id": "q1", "question": "What is a bike?", "gold_article_ids": ["a"], "gold_span": "£19"}


def asked(**changes: object) -> str:
    return json.dumps(GOOD | {"id": "q2", "question": "And where?"} | changes)


@pytest.fixture
def files(tmp_path):
    """A good article, and a good first question to which a test adds."""
    (tmp_path / "articles.jsonl").write_text(json.dumps(ARTICLE) + "\n")
    (tmp_path / "questions.jsonl").write_text(json.dumps(GOOD) + "\n")
    return tmp_path


def own(folder: Path) -> Dataset:
    dataset = read_files("own", [folder / "articles.jsonl"], [folder / "questions.jsonl"])
    refuse_repeated(dataset)
    return dataset


def tune(folder: Path, *options: str) -> None:
    call_command("tune", "--articles", folder / "articles.jsonl", "--questions", folder / "questions.jsonl", *options)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", r"line 2: not JSON \(Expecting value at column 1\)"),
        ("[1, 2]", "line 2: the line is not a JSON object"),
        ('{"id": NaN, "question": "Why?"}', "line 2: `id` is missing or is no text"),
        (asked(answerable="yes"), "line 2: `answerable`"),
        (asked(answerable=float("nan")), "line 2: `answerable`"),
        (asked(question=7), "line 2: `question`"),
        (asked(id="q1"), "line 2: `id` 'q1' was there before"),
        (asked(history=[{"role": "user"}]), "line 2: `history`"),
        (asked(gold_article_ids=["gone"]), "line 2: question q2 names the article 'gone', which is not there"),
        (asked(gold_article_ids=[]), "line 2: question q2 is answerable but names no"),
        (asked(gold_span="£21"), "line 2: question q2 has a `gold_span` that stands in none .*copy it"),
        (asked(question=" what is A bike?"), "line 2: question q2 asks the same as q1 .*line 1.*leave one"),
        (asked(question="Why \ud83d?"), "line 2: half a character"),
        ('{"id": "q2"' + "[" * 100_000, "line 2: "),
    ],
)
def test_a_bad_line_is_refused_with_its_file_and_number_and_what_to_do(files, line, said):
    with (files / "questions.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BadFile, match=f"questions.jsonl, {said}"):
        own(files)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"\n\n  \n", "no rows"),
        (b'{"id": "q", "question": "\xff"}\n', "line 1: the text is not UTF-8"),
        (json.dumps(GOOD).encode("utf-16"), "line 1: the text is not UTF-8"),
        (gzip.compress(b"x" * 5_000_000), "line 1: longer than 4 MiB"),
        (gzip.compress(json.dumps(GOOD).encode() * 50)[:60], "after line 0: the gzip file is damaged or cut short"),
        (gzip.compress(json.dumps(GOOD).encode())[:12] + b"\xff" * 90, "after line 0: the gzip file is damaged"),
        (b"PK\x03\x04" + b"\xb0" * 90, "line 1: the text is not UTF-8"),
    ],
    ids=["empty", "blank", "latin", "utf-16", "bomb", "cut gzip", "torn gzip", "zip"],
)
def test_a_file_of_something_else_is_refused(files, content, said):
    (files / "questions.jsonl").write_bytes(content)
    with pytest.raises(BadFile, match=said):
        own(files)


def test_a_file_that_unpacks_to_more_than_its_bound_is_refused(files, monkeypatch):
    monkeypatch.setattr("knowledge.evaluation_files.MAX_FILE_BYTES", 1000)
    (files / "questions.jsonl").write_bytes(gzip.compress(b"\n" * 1_000_000))
    with pytest.raises(BadFile, match="line 1001: the file is longer than"):
        own(files)


def test_a_gzip_file_is_read_like_a_plain_one_whatever_it_is_called(files):
    questions = files / "questions.jsonl"
    plain = own(files).questions
    questions.write_bytes(gzip.compress(questions.read_bytes()))
    assert own(files).questions == plain


def test_more_than_a_run_learns_from_is_refused(files, monkeypatch):
    monkeypatch.setattr(datasets, "MAX_QUESTIONS", 1)
    with (files / "questions.jsonl").open("a") as file:
        file.write(asked(gold_span="the shop"))
    with pytest.raises(BadFile, match="own: 2 questions are more .*: give at most 1"):
        own(files)


def test_an_article_that_cannot_be_cut_into_passages_is_named_with_its_line(files):
    body = "\n\n".join(f"# Part {number}\n\nWords." for number in range(2100))
    (files / "articles.jsonl").write_text("\n" + json.dumps(ARTICLE | {"body_markdown": body + " £19"}) + "\n")
    with pytest.raises(BadFile, match=r"articles.jsonl, line 2: "):
        make_pool(own(files))


def test_questions_without_a_short_answer_are_left_out_and_said_to_be(files):
    answers = {"gold_span": None, "gold_answer": "We think that you will love our friendly staff most of all."}
    with (files / "questions.jsonl").open("a") as file:
        file.write(asked(**answers) + "\n")
    with pytest.raises(BadFile, match=r"too few .*: 1 of 2 questions .*questions.jsonl, line 2: give .*`gold_span`"):
        make_plan([own(files)], [], Recipe())


def test_a_passage_is_never_learned_from_beyond_what_the_prompt_shows(files):
    """Greek letters cost a prompt more: of three long passages it shows two, and of each its beginning."""
    begun = "Το ποδήλατο κοστίζει £19. "
    question = json.dumps(GOOD | {"question": "Πόσο κοστίζει το ποδήλατο;"})
    (files / "questions.jsonl").write_text(question)
    pool = make_pool(own(files))
    assert list(pool.answers) == [0]
    pool.passages[:] = [Shown(f"a{number}", "Bikes", "", begun * 30) for number in range(3)]
    drawn = [sheet for made in make_sheets(pool, 8, seed=1) for sheet in made]
    assert drawn and all(len(fitting("", sheet.passages)[1]) == len(sheet.passages) for sheet in drawn)

    ending = Shown("a", "Bikes", "", "Ανοιχτά κάθε μέρα. " * 40 + begun)
    assert not _is_shown("Το ποδήλατο κοστίζει £19. [0]", ending)
    assert _is_shown("Ανοιχτά κάθε μέρα. [0]", ending)


def test_a_folder_without_a_data_set_and_a_folder_for_a_file_are_refused(files, tmp_path):
    with pytest.raises(BadFile, match="holds no questions.jsonl: a data set is a folder with"):
        (files / "questions.jsonl").unlink()
        read_folder(files)
    (files / "questions.jsonl").mkdir()
    with pytest.raises(CommandError, match="questions.jsonl: Is a directory"):
        tune(files)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--minutes", "nan"), ("--minutes", "-1"), ("--rounds", "0"), ("--learning-rate", "nan"), ("--threads", "-2")],
)
def test_a_number_out_of_its_bounds_is_refused(files, option, value):
    with pytest.raises(CommandError, match=f"{option} is .*: give "):
        tune(files, option, value)


@pytest.mark.parametrize("name", ["base", "support-v1", "Big", "../up", ".hidden"])
def test_a_name_that_could_not_be_served_is_refused(files, name):
    with pytest.raises(CommandError, match="--name"):
        tune(files, "--name", name)


def test_a_folder_that_holds_something_else_is_never_replaced(files):
    mine = files / "photos"
    mine.mkdir()
    (mine / "one.jpg").write_text("x")
    for output in (mine, mine / "one.jpg", files):
        with pytest.raises(CommandError, match="holds something else|may hold lower-case"):
            call_command("tune", "--output", output)
    assert (mine / "one.jpg").exists()
