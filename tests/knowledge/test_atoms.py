"""Taking words to pieces costs what their length is, however they are made."""

import pytest

from knowledge.atoms import ENDLESS, MAX_WORD, atoms
from knowledge.facts import readings, row_of
from knowledge.folding import plain

# Looking for links in one of these took the square of its length: a million signs would take hours.
MANY = 1_000_000


@pytest.mark.parametrize("piece", ["a", "1", "1.", "a-", "a_", "hundert", "ä", "三", "½", "a+", "a.a-", ".", "x@", "١"])
def test_a_word_without_an_end_is_not_read(piece):
    row = row_of(piece * (MANY // len(piece)))
    assert row == [ENDLESS]
    assert not any(found for found, _, _ in readings(row))


def test_the_words_beside_an_endless_one_are_read_as_ever():
    row = row_of(f"It takes 3 days. {'QUJD' * MAX_WORD} It costs £5.")
    assert [fact.value for found, _, _ in readings(row) for fact in found] == ["3", "5"]


def test_a_sign_that_stands_for_many_letters_makes_no_longer_word():
    assert len(plain("\ufdfa" * MAX_WORD)) > 10 * MAX_WORD
    assert atoms("\ufdfa" * MAX_WORD) == [ENDLESS]


def test_the_longest_word_that_is_read_is_read():
    link = "https://larkfield.example/" + "a" * (MAX_WORD - 26)
    assert [atom.kind for atom in atoms(link)] == ["link"]
    assert atoms(f"{link}a") == [ENDLESS]
