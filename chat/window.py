"""What of a question and of passages a prompt takes, so that it fits into the model's window whatever they hold; pure.

Only the model's server can count tokens. Here a text is priced by its characters, from above: English costs about 1.4
times its tokens. What is seldom (letters at random) may cost more tokens than that; then the server refuses, and the
customer gets the passages' own sentences.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat.quotable import Quotable
from chat.visible import visible

# Of 4,096 tokens 160 are the answer's and 100 the instructions'; the sentences beside the question are those of a
# passage once more.
QUESTION_PRICE = 600
PASSAGE_PRICE = 1000
PLACE_PRICE = 120  # of a title, and of a heading
PASSAGES_PRICE = 2100
CHEAP = 0.34  # a small letter or a blank; words have 4 to 5 of them a token
MAX_CHARS = 6000  # of a text that is looked at
_CHEAP = re.compile(r"[a-z ]")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a prompt may show of a passage."""

    title: str
    heading: str
    text: str

    @property
    def price(self) -> float:
        return price(self.title) + price(self.heading) + price(self.text)


def fitting(question: str, passages: Sequence[Quotable]) -> tuple[str, list[Shown]]:
    """The question and the first passages, each cut after a whole word; at least one passage where there is any."""
    shown: list[Shown] = []
    room = float(PASSAGES_PRICE)
    for passage in passages:
        title, heading = within(passage.title, PLACE_PRICE), within(passage.heading, PLACE_PRICE)
        one = Shown(title, heading, within(passage.text, PASSAGE_PRICE))
        room -= one.price
        if shown and room < 0:
            break
        shown.append(one)
    return within(question, QUESTION_PRICE), shown


def price(text: str) -> float:
    """Tokens that a text may cost: a digit, a capital or a sign is often one, any other script one for each byte."""
    return len(text.encode("utf-8", "replace")) - (1 - CHEAP) * len(_CHEAP.findall(text))


def within(text: str, most: float) -> str:
    """The beginning of what can be seen of `text`, up to a price, cut after a whole word where it has any."""
    text = visible(text[:MAX_CHARS])
    if price(text) <= most:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that is cheap enough
        middle = (low + high + 1) // 2
        low, high = (middle, high) if price(text[:middle]) <= most else (low, middle - 1)
    begun = text[:low]
    return begun[: blank.start()] if (blank := re.search(r"\s+\S*$", begun)) and blank.start() else begun
