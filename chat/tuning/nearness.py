"""Which passages share most rare words with a question or a passage: what a search would show beside the answer."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log

from chat.quotable import Quotable
from chat.tuning.targets import words_of


class Nearness:
    def __init__(self, passages: Sequence[Quotable]) -> None:
        self._bags = [words_of(f"{passage.title} {passage.heading} {passage.text}") for passage in passages]
        spread = Counter(word for bag in self._bags for word in bag)
        self._weight = {word: log(len(passages) / count) for word, count in spread.items()}
        self._holders: dict[str, list[int]] = defaultdict(list)
        common = max(20, len(passages) // 5)
        for number, bag in enumerate(self._bags):
            for word in bag:
                if spread[word] <= common:
                    self._holders[word].append(number)

    def of_passage(self, number: int, most: int) -> list[int]:
        """The other passages that are most like one, nearest first."""
        return [other for other in self._nearest(self._bags[number], most + 1) if other != number][:most]

    def of_question(self, question: str, most: int) -> list[int]:
        return self._nearest(words_of(question), most)

    def _nearest(self, words: set[str], most: int) -> list[int]:
        score: dict[int, float] = defaultdict(float)
        for word in sorted(words):  # sums of floats depend on their order, and a plan must not
            for number in self._holders.get(word, ()):
                score[number] += self._weight[word]
        return sorted(score, key=lambda number: (-score[number], number))[:most]
