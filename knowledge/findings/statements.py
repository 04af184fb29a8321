"""Sentences that state a number, a price, a duration, a date, an address or a telephone number."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection

from knowledge.facts import readings, row_of
from knowledge.findings.neighbours import Passage
from knowledge.markdown import SENTENCE
from knowledge.passages import search_config
from knowledge.units import ADJECTIVES, UNITS

MAX_SENTENCE_CHARS = 400
MAX_STATEMENTS = 3_000
CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
PHONE = re.compile(r"(?<![\w./=-])\+?\(?\d[\d ()/-]{6,}\d(?!\w)")
PHONE_DIGITS = range(7, 16)
COUNTED = frozenset(UNITS) | ADJECTIVES
STEMS = """
SELECT array(SELECT lexeme FROM unnest(to_tsvector(configuration::regconfig, said)) WHERE lexeme ~ '^[^0-9@./]+$')
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS given (configuration, said, place) ORDER BY place"""


@dataclass(frozen=True, slots=True)
class Statement:
    """`values` by unit ("day": {"30"}); `names` are codes and bare numbers, which say what it is about.

    `stems` are its other words as the search knows them, without the words that mean little.
    """

    passage: Passage
    text: str
    values: dict[str, set[str]]
    names: frozenset[str]
    words: str
    stems: frozenset[str] = field(default=frozenset())


def statements(passages: Sequence[Passage]) -> list[Statement]:
    """What these passages state, in reading order and bounded. The database is asked once, for the stems."""
    found = [statement for passage in passages for statement in _stated(passage)][:MAX_STATEMENTS]
    if not found:
        return []
    with connection.cursor() as cursor:
        configurations = [search_config(statement.passage.language) for statement in found]
        cursor.execute(STEMS, [configurations, [statement.words for statement in found]])
        stems = [frozenset(row[0]) for row in cursor.fetchall()]
    return [
        Statement(one.passage, one.text, one.values, one.names, one.words, stem)
        for one, stem in zip(found, stems, strict=True)
    ]


def _stated(passage: Passage) -> Iterator[Statement]:
    for line in CODE.sub("", passage.text).split("\n"):
        for sentence in SENTENCE.findall(line):
            text = sentence.strip()
            if not 0 < len(text) <= MAX_SENTENCE_CHARS:
                continue
            values, names, words = read(text)
            if values:
                yield Statement(passage, text, values, names, words)


def read(text: str) -> tuple[dict[str, set[str]], frozenset[str], str]:
    """The values by unit, the names, and the rest of the words of a sentence."""
    values: dict[str, set[str]] = {}
    names: set[str] = set()
    rest: list[str] = []
    phones = {digits for phone in PHONE.findall(text) if len(digits := re.sub(r"\D", "", phone)) in PHONE_DIGITS}
    if phones:
        values["phone"], text = phones, PHONE.sub(" ", text)
    row = row_of(text)
    for found, at, _ in readings(row):
        for fact in found:
            unit = fact.kind if fact.kind in ("time", "date", "link") else fact.unit.removeprefix("working ")
            if unit == "link" and "@" in fact.value:
                unit = "address"
            if unit and unit != "ordinal":
                values.setdefault(unit, set()).add(fact.value)
            elif fact.kind == "day":
                rest.append(fact.written)
            else:
                names.update(fact.groups or (fact.value,))
        if not found and row[at].kind == "word" and row[at].text not in COUNTED:
            rest.append(row[at].said or row[at].text)
    return values, frozenset(names), " ".join(rest)
