"""Markdown into passages: nothing is lost, nothing is too long, and the order stays."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.chunking import LEAST_TOKENS, MAX_HEADING_CHARS, MAX_TOKENS, TooManyPieces, split, tokens
from knowledge.rendering import to_html

WORDS = st.text(alphabet="abcdefghij0123456789äß語", min_size=1, max_size=12)
SENTENCES = st.lists(WORDS, min_size=1, max_size=60).map(" ".join)
HEADINGS = st.builds(lambda level, text: f"{'#' * level} {text}", st.integers(1, 6), SENTENCES)
LISTS = st.lists(SENTENCES, min_size=1, max_size=20).map(lambda items: "\n".join(f"- {item}" for item in items))
TABLES = st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=12).map(
    lambda rows: "| thing | price |\n|---|---|\n" + "\n".join(f"| {left} | {right} |" for left, right in rows)
)
CODE = st.lists(SENTENCES, min_size=1, max_size=30).map(lambda lines: "```\n" + "\n".join(lines) + "\n```")
LEADS = SENTENCES.map(lambda text: f"{text}:")
BODIES = st.lists(st.one_of(SENTENCES, LEADS, HEADINGS, LISTS, TABLES, CODE), max_size=12).map("\n\n".join)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def stand_in_order(needles: list[str], hay: list[str]) -> bool:
    rest = iter(hay)
    return all(needle in rest for needle in needles)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_no_word_is_lost_and_their_order_stays(body):
    pieces = split("A title", body)
    said = [word for piece in pieces for word in (*words(piece.heading), *words(piece.text))]
    for block in body.split("\n\n"):
        rows = block.removeprefix("| thing | price |\n")  # column names are repeated in each row instead
        assert stand_in_order(words(rows), said)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_every_passage_keeps_within_its_bound_and_says_something(body):
    for piece in split("A title", body):
        assert piece.text == piece.text.strip() != ""
        assert tokens(piece.text) <= MAX_TOKENS + 2
        assert len(piece.heading) <= 600


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_any_text_at_all_is_cut_and_rendered_without_an_error(body):
    split("A title", body)
    to_html(body)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_every_anchor_is_an_id_of_the_page_and_no_id_comes_twice(body):
    ids = re.findall(r'<h[1-6] id="([^"]+)"', to_html(body))
    assert len(ids) == len(set(ids))
    assert {piece.anchor for piece in split("A title", body)} <= {"", *ids}


def test_passages_know_the_headings_above_them():
    pieces = split("Delivery", "Before.\n\n## Prices\n\nCheap.\n\n### Abroad\n\nDear.\n\n## Times\n\nSoon.")
    assert [(piece.heading_path, piece.anchor, piece.text) for piece in pieces] == [
        ((), "", "Before."),
        (("Prices",), "prices", "Cheap."),
        (("Prices", "Abroad"), "abroad", "Dear."),
        (("Times",), "times", "Soon."),
    ]


def test_a_heading_that_repeats_the_title_is_not_said_twice():
    assert split("Delivery", "# delivery\n\nSoon.")[0].heading_path == ()


def test_a_heading_with_nothing_under_it_is_a_passage_itself():
    pieces = split("Delivery", "## We do not deliver to Canada\n\n## Other countries\n\nWe do.")
    assert pieces[0].text == "We do not deliver to Canada"
    assert len(pieces) == 2


def test_a_heading_longer_than_the_column_is_shortened_in_the_path_and_whole_in_the_text():
    heading = "very " * 60 + "end"
    [piece] = split("Delivery", f"## {heading}\n\nSoon.")
    assert len(piece.heading) <= MAX_HEADING_CHARS and piece.heading.endswith("…")
    assert heading in piece.text


def test_the_same_heading_twice_has_two_anchors():
    assert [piece.anchor for piece in split("T", "## Price\n\na\n\n## Price\n\nb")] == ["price", "price-2"]


def test_each_row_of_a_divided_table_carries_its_column_names():
    rows = "\n".join(f"| Tent {number} | {number} pounds and a few more words for length |" for number in range(60))
    pieces = split("Prices", f"Our prices:\n\n| Tent | Price |\n|---|---|\n{rows}")
    assert len(pieces) > 3
    for piece in pieces:
        lead, *lines = piece.text.split("\n")
        assert lead == "Our prices:"
        assert all(line.startswith("- Tent: Tent ") and "; Price: " in line for line in lines)


def test_code_that_fits_stays_whole_and_longer_code_keeps_its_fences():
    short = "```\n" + "\n".join(f"line {number}" for number in range(20)) + "\n```"
    filler = "Some words to fill the passage with. " * 20
    assert any(short in piece.text for piece in split("T", f"{filler}\n\n{short}"))
    long = "```\n" + "\n".join(f"line number {number} of many" for number in range(200)) + "\n```"
    for piece in split("T", long):
        assert piece.text.startswith("```\n") and piece.text.endswith("\n```")


def test_a_long_title_leaves_less_room_for_the_text():
    body = "Some words that fill the passage. " * 100
    longest = max(tokens(piece.text) for piece in split("many " * 39, body))
    assert longest <= MAX_TOKENS
    assert all(tokens(piece.text) <= LEAST_TOKENS for piece in split("語" * 200, body))


def test_links_are_reduced_to_their_text_and_a_hidden_address_is_kept():
    [piece] = split(
        "T", "See [the prices](/help/prices/), ![a red tent](x.png) or [write](mailto:a@b.example?subject=x)."
    )
    assert piece.text == "See the prices, a red tent or write (a@b.example)."


def test_raw_html_is_reduced_to_its_words_and_scripts_and_comments_are_not_words():
    body = "A <b>bold</b> claim.<br>Two.\n\n<div><script>steal()</script>Kept <i>here</i></div>\n\n<!-- secret -->"
    [piece] = split("T", body)
    assert piece.text == "A bold claim.\nTwo.\n\nKept here"


def test_a_struck_price_is_not_repeated_to_anybody():
    [piece] = split("T", "It costs ~~£50~~ £40.")
    assert piece.text == "It costs £40."


def test_nested_lists_and_quotes_stay_readable():
    [piece] = split("T", "> Quoted.\n\n1. First\n   - inner\n   - more\n2. Second\n\n   and on")
    assert piece.text == "Quoted.\n\n1. First\n   - inner\n   - more\n2. Second\n   and on"


@pytest.mark.parametrize("body", ["", "  \n", "<!-- nothing -->", "![](x.png)", "---", "[a]: /url"])
def test_a_body_without_words_has_no_passages(body):
    assert split("A title", body) == []


def test_more_passages_than_the_limit_are_refused_with_a_sentence():
    with pytest.raises(TooManyPieces, match="Divide it"):
        split("T", "# a\n" * 2_100)


def test_no_passage_of_the_demo_shop_is_longer_than_the_encoder_reads():
    tokenizer_file = _encoder_tokenizer()
    for title, body in _demo_articles():
        for piece in split(title, body):
            read = tokenizer_file.encode(f"{title}\n{piece.heading}\n{piece.text}")
            assert len(read.ids) <= 256, (title, piece.heading)


def _encoder_tokenizer():
    from tokenizers import Tokenizer

    from supportbot.inference.weights import encoder_folder

    tokenizer = Tokenizer.from_file(str(encoder_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _demo_articles():
    from django.conf import settings as django_settings

    for path in sorted((django_settings.BASE_DIR / "knowledge" / "demo" / "articles").glob("*.md")):
        head, _, body = path.read_text(encoding="utf-8").partition("\n---\n")
        yield head.partition("title: ")[2].splitlines()[0], body


def test_passages_are_as_short_as_they_are_asked_for():
    body = "## One\n\n" + " ".join(f"Sentence number {n} is about boots." for n in range(60))
    for most in (32, 64, 120, 200):
        pieces = split("Boots", body, most)
        assert all(tokens(piece.text) <= most for piece in pieces)
        assert " ".join(piece.text for piece in pieces) == body.partition("\n\n")[2]
