"""Guess the next words by looking them up in what was already said. Support answers repeat the words of their passages,
so the guess is often right; the model then checks several words in the time of little more than one. What it would have
written itself is what counts: greedy answers stay the same.
"""

FIRST_GUESS = 4  # tokens
LONGEST_GUESS = 8  # beyond this many rows a step takes noticeably longer
CONTEXTS = (4, 3, 2)  # how many last tokens must have stood before, longest first


def guess(tokens: list[int], length: int) -> list[int]:
    """Up to `length` tokens that followed the latest earlier place with the same last few tokens; maybe none."""
    for size in CONTEXTS:
        if len(tokens) <= size:
            continue
        last, tail = tokens[-1], tokens[-size:]
        for end in range(len(tokens) - 1, size - 1, -1):
            if tokens[end - 1] == last and tokens[end - size : end] == tail:
                return tokens[end : end + length]
    return []


def next_length(right: int) -> int:
    """How many to guess next time, after `right` tokens were right: soon long in a copied sentence, short elsewhere."""
    return min(right + 2, LONGEST_GUESS)
