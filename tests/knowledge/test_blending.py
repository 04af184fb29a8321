"""A blended query ranks as two searches would whose scores are added."""

import pytest

from knowledge.blending import MAX_BLENDED_TERMS, blend_terms, blend_vectors
from knowledge.lexemes import Term


def test_the_product_with_a_blend_is_the_blend_of_the_products():
    question, around, passage = [1.0, 0.0], [0.6, 0.8], [0.0, 1.0]
    blended = blend_vectors(question, around, 0.4)
    assert sum(a * b for a, b in zip(blended, passage, strict=True)) == pytest.approx(0.4 * 0.8)


def test_words_of_both_sides_count_by_their_share():
    own = [Term(("'refund'",), 3.0, 5), Term(("'card'",), 1.0, 9)]
    around = [Term(("'refund'",), 10.0, 5), Term(("'tent'",), 10.0, 2)]
    weights = {term.queries[0]: term.weight for term in blend_terms(own, around, 0.4)}
    assert weights["'refund'"] == pytest.approx(0.6 * 0.75 + 0.4 * 0.5)
    assert weights["'card'"] == pytest.approx(0.6 * 0.25)
    assert weights["'tent'"] == pytest.approx(0.4 * 0.5)
    assert sum(weights.values()) == pytest.approx(1)


def test_a_blend_is_bounded_and_keeps_the_heaviest():
    many = [Term((f"'{number}'",), float(number + 1), 1) for number in range(100)]
    blended = blend_terms(many, [], 0.4)
    assert len(blended) == MAX_BLENDED_TERMS and blended[0].queries == ("'99'",)
