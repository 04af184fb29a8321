"""Guesses come from the latest place that reads like the end."""

import pytest

from supportbot.inference.speculation import LONGEST_GUESS, Told, next_length


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], []),
        ([1], []),
        ([1, 2, 3], []),
        ([1, 2, 3, 4, 5, 1, 2], [3, 4, 5]),
        ([1, 2, 8, 1, 2, 9, 5, 1, 2], [9, 5, 1]),
        ([7, 1, 2, 8, 4, 1, 2, 9, 7, 1, 2], [8, 4, 1]),
        ([6, 6, 6, 6], [6]),
    ],
)
def test_what_followed_before_is_guessed(tokens, expected):
    assert Told(tokens).guess(3) == expected


def test_guesses_grow_while_they_are_right_and_shrink_when_not():
    assert [next_length(right) for right in (0, 2, 4, 8)] == [2, 4, 6, LONGEST_GUESS]
