"""Random facts that stand in no passage, disguised and cut at random: nothing of them reaches the customer."""

import string

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.chat.test_support import cut, through

PASSAGE = [
    "Returns\nTerms\nYou can return items within 60 days for £19.50. Call 01632 960100 or write to "
    "help@larkfield.example. See https://larkfield.example/returns. Version 4.2 is out. Open until 17:30, from 1 March "
    "2024. You get 20 % off with SAVE2040."
]
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
CHINESE = str.maketrans("0123456789", "〇一二三四五六七八九")


def script(zero):
    return lambda text: "".join(chr(zero + int(c)) if c in string.digits else c for c in text)


def between(sign):
    return lambda text: sign.join(text)


DISGUISES = {
    "none": str,
    **{f"digits from {zero:x}": script(zero) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10, 0x1D7CE, 0x1FBF0)},
    "superscript": lambda text: text.translate(SUPERSCRIPT),
    "circled": lambda text: text.translate(CIRCLED),
    "Chinese": lambda text: text.translate(CHINESE),
    "entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    "one entity": lambda text: f"{text[:-1]}&#{ord(text[-1])};",
    **{f"between {ord(s):x}": between(s) for s in "\u200b\u200c\u200d\u2060\u00ad\u034f\ufe0f\u3164\U000e0041\ufeff"},
    "struck out": lambda text: "".join(c + "\u0336" for c in text),
    "keycaps": lambda text: "".join(c + "\ufe0f\u20e3" if c in string.digits else c for c in text),
    "half bold": lambda text: f"{text[0]}**{text[1:]}**",
    "bold": lambda text: f"**{text}**",
    "code": lambda text: f"`{text}`",
    "tags": lambda text: f"{text[0]}<b>{text[1:]}</b>",
    "comment": lambda text: f"{text[0]}<!---->{text[1:]}",
    "backslashes": lambda text: "".join(f"\\{c}" for c in text),
    "words of a link": lambda text: f"[{text}](https://larkfield.example/returns)",
    "in half a link": lambda text: f"{text[0]}[{text[1:]}](https://larkfield.example/returns)",
    "target of a link": lambda text: f"[here]({text})",
    "brackets": lambda text: f"({text})",
    "quotes": lambda text: f"„{text}“",
    "turned": lambda text: f"\u202e{text[::-1]}\u202c",
    "isolated": lambda text: f"\u2067{text}\u2069",
}  # fmt: skip
ALIKE = str.maketrans("aeopcxi", "аеорсхі")
BEFORE = [
    "You have ",
    "Sie haben ",
    "Vous avez ",
    "Tiene ",
    "- ",
    "Yes [1]. ",
    "1. Open it.\n2. Wait ",
    "| ",
    "It is ",
    "",
]
AFTER = [".", " [1].", "", "\nNext", " for you", ", then wait", " |", "!", ";", " zurück"]
SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=6)

NUMBERS = st.integers(0, 99_999).map(str).filter(lambda n: int(n) not in (0, 1, 4, 19, 20, 60, 2024))
DAYS = st.tuples(
    NUMBERS, st.sampled_from([" days", " Tage", " jours", " días", "-day", " working days", " weeks", "h"])
)
AMOUNTS = st.builds(lambda n, cents: f"{n}.{cents:02}", NUMBERS, st.integers(1, 99))
PRICES = st.tuples(AMOUNTS, st.sampled_from([" £", " €", " pounds", " USD", " CHF", "€", ""]))
SHARES = st.tuples(NUMBERS, st.sampled_from(["%", " %", " percent", " Prozent", " per cent"]))
TIMES = st.builds("{}:{:02}".format, st.integers(0, 23), st.integers(0, 59)).filter(
    lambda t: t not in ("17:30", "5:30")
)
DATES = st.builds("{:02}.{:02}.{}".format, st.integers(2, 31), st.integers(1, 12), st.integers(1990, 2060))
VERSIONS = st.builds("{}.{}.{}".format, st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))


def phones(place, digit, sign):
    number = "01632960100"
    assume(number[place] != digit)
    changed = number[:place] + digit + number[place + 1 :]
    return changed[:5] + sign + changed[5:]


PHONES = st.builds(phones, st.integers(0, 10), st.sampled_from(string.digits), st.sampled_from(" -/"))
CODES = st.builds("SAVE{}".format, NUMBERS).filter(lambda code: code != "SAVE2040")
ALONE = st.one_of(TIMES, DATES, VERSIONS, PHONES, CODES)
FACTS = st.one_of(DAYS, PRICES, SHARES, ALONE.map(lambda text: (text, "")))


def is_stopped_before(fact, before, after, sizes):
    """Whether nothing of the fact came out, and every cutting of the stream came to the same."""
    answer = f"{before}{fact}{after}"
    results = [through(pieces, passages=PASSAGE) for pieces in (list(answer), [answer], cut(answer, sizes))]
    assert len({kind for _, kind in results}) == 1
    assert all(answer.startswith(said) for said, _ in results)
    return all(kind and len(said) <= len(before) for said, kind in results)


@settings(max_examples=200, deadline=None)
@given(FACTS, st.sampled_from(sorted(DISGUISES)), st.sampled_from(BEFORE), st.sampled_from(AFTER), SIZES)
def test_nothing_of_a_disguised_number_comes_out(fact, disguise, before, after, sizes):
    number, unit = fact
    assume(disguise != "Chinese" or number[0] in string.digits)  # SAVE is a word, and another one follows
    shown = DISGUISES[disguise](number) + unit
    assert is_stopped_before(shown, before, after, sizes), (shown, before, after)


@settings(max_examples=60, deadline=None)
@given(NUMBERS.filter(lambda n: len(n) > 1), st.sampled_from(" \u2009\u00a0\u202f"), st.sampled_from(BEFORE), SIZES)
def test_digits_with_blanks_between_them_are_one_number(number, blank, before, sizes):
    answer = f"{before}{blank.join(number)} days"
    results = [through(pieces, passages=PASSAGE) for pieces in (list(answer), [answer], cut(answer, sizes))]
    assert all(kind and "days" not in said for said, kind in results)


def mutated(text, places, place, letter):
    at = places[place % len(places)]
    new = letter if letter in string.ascii_letters + string.digits else text[at].translate(ALIKE)
    assume(new != text[at])
    return text[:at] + new + text[at + 1 :]


ADDRESSES = ["help@larkfield.example", "https://larkfield.example/returns", "larkfield.example/returns", "SAVE2040"]
LETTERS = st.sampled_from("bdfhkmqz059") | st.just("alike")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(ADDRESSES), st.integers(0, 60), LETTERS, st.sampled_from(["", "**", "`", "\u200b", "(", "["]),
    st.sampled_from(BEFORE), st.sampled_from(AFTER), SIZES,
)  # fmt: skip
def test_no_address_with_one_other_letter_comes_out(address, place, letter, mark, before, after, sizes):
    start = address.find("larkfield") if "://" in address else 0
    places = [at for at in range(start, len(address)) if address[at].isalnum()]
    changed = mutated(address, places, place, letter)
    closing = {"(": ")", "[": "](https://larkfield.example/returns)"}.get(mark, mark)
    assert is_stopped_before(f"{mark}{changed}{closing}", before, after, sizes), changed


WRITTEN = (
    """
sixty-one days|sixty one days|sixtyone days|two months|seven weeks|a fortnight|half a dozen days|LXI days
einundsechzig Tage|zwei Wochen|anderthalb Tage|sechzig Stunden|der dritte Tag|zwei Dutzend Wochen|zweitausend Euro
soixante et un jours|deux semaines|quatre-vingt-dix jours|une semaine|une heure et demie|cent vingt euros
sesenta y un días|dos semanas|treinta horas|una semana|ciento veinte euros|la mitad
nineteen pounds|twenty quid|a tenner|half price|a third|two thirds|twice|tenfold|thirty percent|one in five
the second of March|March the second|the third of April|on Saturday|samstags|dimanche|el lunes|noon|half past six
five hundred|two thousand and one|a million pounds|3 million|2.5 million|1.5k|¾|2½ days|XIV|Ⅻ|MMXXIV|三十天|六十一天
""".strip()
    .replace("\n", "|")
    .split("|")
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(WRITTEN), st.sampled_from([str, str.upper, str.capitalize, between("\u200b"), between("\u00ad")]),
    st.sampled_from(BEFORE), st.sampled_from(AFTER), SIZES,
)  # fmt: skip
def test_no_number_that_is_written_out_comes_out(fact, look, before, after, sizes):
    shown = " ".join(look(word) for word in fact.split(" "))
    answer = f"{before}{shown}{after}"
    results = {through(pieces, passages=PASSAGE) for pieces in (list(answer), [answer], cut(answer, sizes))}
    assert len({kind for _, kind in results}) == 1
    assert all(kind and len(said) < len(before) + len(shown) for said, kind in results), answer
