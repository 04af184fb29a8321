import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.citations import Citations


def through(pieces, known=(1, 2, 3)):
    citations = Citations(known)
    text = "".join(citations.feed(piece) for piece in pieces) + citations.flush()
    return text, citations.cited


@pytest.mark.parametrize(
    ("said", "text", "cited"),
    [
        ("60 days [1].", "60 days [1].", [1]),
        ("60 days [1][2].", "60 days [1][2].", [1, 2]),
        ("60 days [1, 2].", "60 days [1][2].", [1, 2]),
        ("60 days [ 3 ].", "60 days [3].", [3]),
        ("60 days [7].", "60 days.", []),
        ("60 days [1][7] more.", "60 days [1] more.", [1]),
        ("60 days [2, 9].", "60 days [2].", [2]),
        ("60 days [", "60 days", []),
        ("60 days [1", "60 days", []),
        ("see [the page] and [x1]", "see [the page] and [x1]", []),
        ("a [b] [1]", "a [b] [1]", [1]),
        ("[0] [01]", " [1]", [1]),
        ("[99999]", "[99999]", []),
    ],
)
def test_known_markers_stay_and_unknown_ones_vanish(said, text, cited):
    assert through([said]) == (text, cited)
    assert through(list(said)) == (text, cited)


@given(st.lists(st.text(alphabet="ab [],;123450\n", max_size=6), max_size=12))
def test_where_the_stream_is_cut_changes_nothing(pieces):
    assert through(pieces) == through(["".join(pieces)])


def test_a_marker_is_held_until_it_is_whole():
    citations = Citations([1])
    assert citations.feed("days [") == "days"
    assert citations.feed("1") == ""
    assert citations.feed("]") == " [1]"


def test_a_flood_of_markers_ends():
    text, _ = through(["[1]" * 500])
    assert text.count("[1]") <= 24
