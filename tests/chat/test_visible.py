"""What a passage hides is not shown: an extract reads as it is written, and looks as it reads."""

import pytest

from chat.extracts import extract
from chat.visible import visible
from knowledge.retrieval import Passage
from tests.chat.test_hostile_text import passage

OVERRIDES = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"]
UNSEEN = [
    "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2060", "\u2061", "\ufeff", "\u00ad", "\u034f", "\u061c",
    "\u115f", "\u1160", "\u17b4", "\u180e", "\u2800", "\u3164", "\uffa0", "\ufe00", "\ufe0f", "\U000e0041",
    "\U000e0100", "\U000e01ef", "\ue000", "\x00", "\x1b", "\x7f", "\ud800", "\ufff9",
]  # fmt: skip


@pytest.mark.parametrize("sign", OVERRIDES + UNSEEN)
def test_what_nobody_sees_does_not_come_out_of_a_passage(sign):
    hidden: Passage = passage(f"You can return unused it{sign}ems within 6{sign}0 days{sign}.")
    assert extract("How long may I return items?", [hidden]).text == "You can return unused items within 60 days. [1]"
    assert visible(sign * 3) == ""


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x0b", "\x85"])
def test_what_breaks_a_line_parts_words(sign):
    assert visible(f"60{sign}days") == "60 days"


def test_a_link_that_is_turned_round_is_shown_as_it_is_followed():
    shown = extract("Where do I return it?", [passage("Return it at \u202eelpmaxe.live\u202c today.")]).text
    assert shown == "Return it at elpmaxe.live today. [1]"


def test_titles_and_source_numbers_hide_nothing_either():
    assert extract("x", [passage("", title="Re\u202eturns [2]")]).text == "Returns (2) [1]"


@pytest.mark.parametrize("word", ["می\u200cخواهم", "ශ්\u200dරී", "क्\u200dष"])
def test_a_joiner_stays_where_a_script_is_spelt_with_it(word):
    assert visible(word, joined=True) == word
    assert visible(word) == word.replace("\u200c", "").replace("\u200d", "")


@pytest.mark.parametrize("word", ["evil\u200d.example", "6\u200c0", "٦\u200c٠", "ab\u200dcd", "\u200dمی\u200c"])
def test_a_joiner_goes_where_it_joins_nothing(word):
    assert visible(word, joined=True) == word.replace("\u200c", "").replace("\u200d", "")


def test_what_is_seen_is_kept():
    text = "Grüße – £5 «été» 日本語 עברית العربية हिन्दी 👍🏽 ½ ²\n\t• 1️ ok"
    assert visible(text, joined=True) == text.replace("\ufe0f", "")
