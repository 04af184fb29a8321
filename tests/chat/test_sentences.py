"""A passage falls into sentences, items, rows and lines of code, and no word is lost."""

from hypothesis import given
from hypothesis import strategies as st

from chat.sentences import sentences

PASSAGE = """You can return unused items within 60 days. The period starts on the day of delivery.

You need:
- the receipt, e.g. as a photo,
- the **order number**. It starts with LF.
  It has eight digits.

Faulty items are `another` matter, see [faults](/help/f/ "Faults").

1. Open the page.
2. Select **Return**. Wait.
"""


def texts(passage: str) -> list[str]:
    return [one.text for one in sentences(passage)]


def test_marks_are_taken_off_and_words_are_kept():
    assert texts(PASSAGE) == [
        "You can return unused items within 60 days.",
        "The period starts on the day of delivery.",
        "You need:",
        "the receipt, e.g. as a photo,",
        "the order number.",
        "It starts with LF.",
        "It has eight digits.",
        "Faulty items are another matter, see faults.",
        "Open the page.",
        "Select Return.",
        "Wait.",
    ]


def test_an_item_knows_its_list_its_place_in_it_and_its_lead():
    found = sentences(PASSAGE)
    assert [(one.mark, one.item, one.lead) for one in found[2:8]] == [
        ("", -1, -1), ("-", 0, 2), ("-", 1, 2), ("", 1, 2), ("", 1, 2), ("", -1, -1),
    ]  # fmt: skip
    assert [(one.mark, one.item) for one in found[8:]] == [("1.", 0), ("2.", 1), ("", 1)]


def test_a_full_stop_within_a_name_a_number_or_an_abbreviation_ends_nothing():
    assert texts('He said "Stop." Then he left.') == ['He said "Stop."', "Then he left."]
    assert texts("It takes approx. 3 days. Wait.") == ["It takes approx. 3 days.", "Wait."]
    assert texts("Mr. Smith of the U.S. office pays 4.95. Nobody else.") == [
        "Mr. Smith of the U.S. office pays 4.95.",
        "Nobody else.",
    ]


def test_code_is_kept_line_by_line_as_it_stands():
    found = sentences("Run this:\n```sh\napt-get update. Then\n  wait --now\n```\nDone.")
    assert [(one.text, one.code) for one in found] == [
        ("Run this:", False),
        ("apt-get update. Then", True),
        ("  wait --now", True),
        ("Done.", False),
    ]


def test_rules_and_empty_rows_are_no_sentences():
    assert texts("| Bike | Day |\n|---|---|\n| Hybrid | £24 |\n\n---\n| | |") == ["Bike | Day", "Hybrid | £24"]


@given(st.text(max_size=300))
def test_every_text_falls_into_sentences_that_stand_in_it(text):
    squeezed = "".join(text.replace("**", "").replace("`", "").split())
    for place, one in enumerate(sentences(text)):
        assert one.place == place and any(c.isalnum() for c in one.text)
        if "](" not in text and "~~~" not in text:
            assert "".join(one.text.split()) in squeezed
