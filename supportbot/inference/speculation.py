"""Guess the next words by looking them up in what was already said. Support answers repeat the words of their passages,
so the guess is often right; the model then checks several words in the time of little more than one. What it would have
written itself is what counts: greedy answers stay the same.
"""

FIRST_GUESS = 4  # tokens
LONGEST_GUESS = 8  # beyond this many rows a step takes noticeably longer
CONTEXTS = (4, 3, 2)  # how many last tokens must have stood before, longest first


class Told:
    """The tokens of a prompt and its answer, and where each few of them stood last."""

    def __init__(self, tokens: list[int]) -> None:
        self._tokens: list[int] = []
        self._followers: dict[tuple[int, ...], int] = {}  # some tokens -> the place after their latest appearance
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """One more token; what stood before it now has a follower."""
        end = len(self._tokens)
        for size in CONTEXTS:
            if end >= size:
                self._followers[tuple(self._tokens[-size:])] = end
        self._tokens.append(token)

    def guess(self, length: int) -> list[int]:
        """Up to `length` tokens that followed the latest earlier place with the same last few tokens; maybe none."""
        for size in CONTEXTS:
            if len(self._tokens) > size and (place := self._followers.get(tuple(self._tokens[-size:]))) is not None:
                return self._tokens[place : place + length]
        return []


def next_length(right: int) -> int:
    """How many to guess next time, after `right` tokens were right: soon long in a copied sentence, short elsewhere."""
    return min(right + 2, LONGEST_GUESS)
