"""Pieces are whole characters, and nothing of a stop string is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot.inference.detokenizer import Detokenizer


def bytes_decoder(ids: list[int]) -> str:
    """A tokenizer whose tokens are single bytes: the hardest case."""
    return bytes(ids).decode("utf-8", "replace")


def pieces_of(text: str, stops: tuple[str, ...] = ()) -> list[str]:
    detokenizer = Detokenizer(bytes_decoder, stops)
    pieces = []
    for byte in text.encode():
        pieces.append(detokenizer.add(byte))
        if detokenizer.stopped:
            return pieces
    return [*pieces, detokenizer.finish()]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=40))
def test_the_pieces_together_are_the_text(text):
    assert "".join(pieces_of(text)) == text


def test_a_character_of_four_bytes_comes_at_once():
    assert [piece for piece in pieces_of("a🎒é") if piece] == ["a", "🎒", "é"]


def test_half_a_character_at_the_end_is_dropped():
    detokenizer = Detokenizer(bytes_decoder)
    assert "".join(detokenizer.add(byte) for byte in "ok €".encode()[:-1]) + detokenizer.finish() == "ok "


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3))
def test_the_text_ends_before_the_first_stop_string(text, stops):
    shown = "".join(pieces_of(text, tuple(stops)))
    assert not any(stop in shown for stop in stops)
    assert text.startswith(shown)
    if not any(stop in text for stop in stops):
        assert shown == text


@pytest.mark.parametrize("text", ["price: 5 Quest", "Question 7"])
def test_what_only_begins_a_stop_string_is_shown_in_the_end(text):
    assert "".join(pieces_of(text, ("Question:",))) == text
