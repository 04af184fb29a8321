"""The table of who can reach what is whole, and the page that people read is this table."""

import re
from pathlib import Path

import pytest

from chat.events import CLIENT_FRAMES
from tests.attack.reach import without_a_rule
from tests.attack.who import FRAMES, PAGE, STAFF, all_rules, on_page

PROJECT = Path(__file__).resolve().parents[2]
TEST = re.compile(r"`(tests/[\w/]+\.(?:py|mjs))(?:::(\w+))?`")


def test_every_address_says_who_may_reach_it():
    text = "add a row to tests/attack/who.py: who may read it, and who may do what it does?"
    assert without_a_rule() == set(), text


def test_every_frame_says_whose_things_it_may_name():
    assert set(FRAMES) == set(CLIENT_FRAMES)


def test_the_rules_name_people_that_exist():
    for rule in all_rules().values():
        assert set(rule.get + rule.post) <= set("n" + STAFF)


def test_the_page_shows_this_table():
    text = PAGE.read_text()
    assert on_page(text) == text, "write it anew: python -m tests.attack.who"


@pytest.mark.parametrize("named", sorted(set(TEST.findall(PAGE.read_text()))))
def test_each_test_that_the_page_names_exists(named):
    path, test = named
    text = (PROJECT / path).read_text()
    assert not test or re.search(rf"\b(?:def|class) {test}\b", text), f"{path} has no {test}"
