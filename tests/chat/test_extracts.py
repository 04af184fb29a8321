"""What is shown of the passages when the model is not heard: sentences of theirs, whole, and as few as will do."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from chat.extracts import MARKER, MAX_WORDS, extract
from chat.sentences import sentences
from chat.visible import visible


@dataclass
class Passage:
    text: str
    title: str = "Returns"
    heading: str = ""
    score: float = 1.0


RETURNS = Passage(
    "You can return unused items within 60 days. The period starts on the day of delivery. Trail Club members have 120 "
    "days.\n\n- Bring the receipt, e.g. as a photo.\n- Faulty items are **another** matter, see [faults](/help/f/)."
)
LABEL = Passage("A prepaid label costs £2.95. We take it off the refund.", heading="By post")
MISSING = Passage(
    "Tell us within 14 days of delivery. E-mail help@larkfield.example with:\n- your order number,\n- the name of the "
    "missing item,\n- a photo of the packing slip.\n\nWe answer within 1 working day.",
    title="Report a missing item",
)
ZIP = Passage(
    "1. Move the slider to the open end.\n2. Squeeze each side gently with flat pliers.\n3. Close the zip and test.",
    title="Repair a zip",
    heading="The zip opens behind the slider",
)


def test_the_sentence_that_answers_is_shown_word_for_word():
    taken = extract("How long do I have to return an item?", [RETURNS, LABEL])
    assert taken.text.startswith("You can return unused items within 60 days.")
    assert taken.text.endswith("[1]") and taken.cited == [1]


def test_the_passage_that_answers_may_be_another_than_the_first():
    taken = extract("What does a prepaid label cost?", [RETURNS, LABEL])
    assert taken.text.startswith("A prepaid label costs £2.95.")
    assert taken.cited == [2]


def test_the_search_counts_where_words_do_not_decide():
    far = Passage("The period starts on the day of the dispatch.", score=0.7)
    near = Passage("The period starts on the day of the delivery.", score=1.0)
    assert extract("When does the period start?", [near, far]).cited == [1]


LABELS = Passage(
    "1. Open the order and select the items.\n2. Print the label. It costs £2.95.\n"
    "3. Drop off the parcel within 7 days.\n\n"
    "Keep the receipt of the label.",
    title="Print a label",
)
CODES = Passage(
    "If a code does not work:\n1. Type it without blanks.\n2. Codes end at 23:59 UK time.\n3. Sign in first.",
    title="Codes",
)


def test_numbered_steps_begin_with_the_first_or_only_the_best_is_shown():
    assert extract("How do I print the label and drop off the parcel?", [LABELS]).text.startswith("1. Open the order")
    assert extract("Within how many days is the drop-off?", [LABELS]).text == "Drop off the parcel within 7 days. [1]"
    for question in (
        "At what UK time do codes end?",
        "What does the label cost?",
        "Must I sign in?",
        "Keep the receipt?",
    ):
        for passage in (LABELS, CODES):
            marks = [line[:2] for line in extract(question, [passage]).text.splitlines() if line[:1].isdigit()]
            assert marks == [f"{n}." for n in range(1, len(marks) + 1)]


def test_a_sentence_that_leans_on_the_one_before_is_never_the_first():
    passage = Passage("A parcel is kept for 8 days. After that it comes back to us, and we refund the goods.", title="")
    assert extract("Do you refund goods that come back?", [passage]).text.startswith("A parcel is kept for 8 days.")


def test_no_list_is_announced_of_which_nothing_is_shown():
    passage = Passage(
        "Tell us within 14 days of delivery that an item is missing. Report the missing item by e-mail with:\n"
        + "\n".join(f"- {'a long thing ' * 12}{n}" for n in range(4)),
        title="Missing items",
    )
    shown = extract("How soon do I tell you that an item is missing?", [passage]).text
    assert shown == "Tell us within 14 days of delivery that an item is missing. [1]"


def test_how_a_question_is_asked_counts():
    passage = Passage("A search takes up to 5 working days. A search begins in the warehouse of the courier.", title="")
    assert extract("How long does a search take?", [passage]).text.startswith("A search takes up to 5 working days.")
    tent = Passage("Hire a tent in Harrowmere. A tent is £18 a day.", title="Hire")
    assert "£18" in extract("How much is a tent?", [tent]).text


def test_the_lead_of_a_list_comes_with_its_item():
    taken = extract("Where do I find the packing slip that you want a photo of?", [MISSING])
    assert "E-mail help@larkfield.example with:\n" in taken.text and "- a photo of the packing slip." in taken.text


def test_a_list_that_is_asked_for_stays_whole():
    taken = extract("How can I fix a zip that opens behind the slider?", [ZIP])
    assert taken.text == f"{ZIP.text} [1]"
    asked = extract("What do I need to send you when an item is missing?", [MISSING])
    assert asked.text.count("\n- ") == 3


def test_a_single_step_has_no_number():
    taken = extract("Do I need pliers?", [ZIP])
    assert "Squeeze each side gently with flat pliers." in taken.text


def test_a_sentence_that_points_back_brings_what_it_points_to():
    passage = Passage("Membership costs £18. It renews by itself each year unless you stop it. Shops close at noon.")
    assert extract("Does it renew by itself?", [passage]).text.startswith("Membership costs £18. It renews")


def test_a_sentence_that_only_names_another_article_is_no_answer_while_there_is_one():
    pointing = Passage("The steps are described in Return an item by post.", heading="Where to return > By post")
    steps = Passage("Print the label at home. Tie it to the parcel.", title="Return an item by post")
    assert extract("How do I return an item by post?", [pointing, steps]).text.startswith("Print the label")
    assert extract("How do I return an item by post?", [pointing]).text.startswith("The steps are described")


def test_a_long_sentence_is_not_cut():
    long = " ".join(f"word{n}" for n in range(90)) + " ends here."
    assert extract("word3 word5", [Passage(f"{long} Another one.")]).text == f"{long} [1]"


def test_a_passage_without_a_sentence_is_named():
    assert extract("What?", [Passage("| | |")]).text == "Returns [1]"


def test_what_nobody_sees_and_other_numbers_do_not_come_along():
    passage = Passage("A label costs £2.95 [2] at\u202e any\u200b shop.", score=1.0)
    assert extract("What does a label cost?", [passage]).text == "A label costs £2.95 (2) at any shop. [1]"


def test_a_surer_choice_has_a_higher_chance():
    sure = extract("What does a prepaid label cost?", [LABEL])
    unsure = extract("Do you sell kayaks?", [RETURNS, LABEL, MISSING, ZIP])
    assert 0 < unsure.chance < sure.chance <= 1.0001


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=4))
def test_whole_sentences_of_one_passage_and_no_more_than_the_bound(question, texts):
    taken = extract(question, [Passage(text) for text in texts])
    number = taken.cited[0]
    parts = [MARKER.sub(r"(\1)", visible(one.text)) for one in sentences(texts[number - 1])] or ["Returns"]
    shown = taken.text.removesuffix(f" [{number}]")
    assert any(one in shown for one in parts)
    left = shown
    for one in sorted(parts, key=len, reverse=True):
        left = left.replace(one, " ")
    assert not any(c.isalpha() for c in left)
    assert len(shown.split()) <= MAX_WORDS + 10 or any(one == shown for one in parts)
