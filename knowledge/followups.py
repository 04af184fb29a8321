"""Does a question lean on what was said before it? Told from its own words; pure, and no model.

Three kinds, and how much of the search is then left to the turns before (see `blending`):
a question that points back ("Does it have parking?"), a bare one ("Probate?"), and one that stands alone, which may be
about something else by now. What was tried besides, and what each choice costs, is in docs/experiments.md.
"""

import re

# Words that point at something said before: not "that" where it opens a clause ("the item that I bought"), not "it"
# and "there" where they stand for nothing ("is it possible", "are there lockers").
POINTING = re.compile(
    r"\b(?:it(?! (?:possible|necessary|allowed|safe|true)\b)(?! takes? to\b)|its|they|them|their|theirs|"
    r"this|these|those|that(?! (?:i|you|we|they|he|she|it|is|are|was|were|has|have|comes?)\b)|"
    r"here|(?<!is )(?<!are )(?<!was )(?<!were )(?<!if )(?<!that )there|then|"
    r"(?:which|the|other|another|first|second|third|last) ones?|he|she|his|her|him|"
    r"same|instead|else|either|neither|both|"
    r"es|sie|das|dies|dafür|damit|davon|ça|cela|celui|celle|eso|esto|ello)\b"
)
# Openings that need a predecessor.
OPENING = re.compile(
    r"^(?:and|but|or|so|also|what about|how about|what if|ok|okay|then|und|aber|oder|et|mais|y|pero)\b"
)
SMALL = (
    "a an the of to in on at for from by with and or but is are was were be been being do does did have has had can "
    "could will would shall should may might must i you he she it we they me us my your our who what which when where "
    "why how much many not no if as about also any some all more most so very just please tell know there let get"
)
SMALL_WORDS = frozenset(SMALL.split())
WORD = re.compile(r"\w+")
SENTENCE = re.compile(r"[.!?]\s+")
MAX_BARE_WORDS = 2  # so few words have no subject of their own
MAX_OPENED_WORDS = 10  # a longer question names its subject, however it begins
MAX_POINTING_WORDS = 12
NAMED = 3  # telling words before the pointing one in its sentence: it points at them
SHARES = {"pointing": 0.55, "bare": 0.4, "alone": 0.1}
# A question that stands alone may yet go on with the subject, and its answer then lies where it leans on it so much. It
# is ranked without that; whether it can be answered is judged by the better of the two.
LEANING = 0.4


def context_share(question: str) -> float:
    """How much the turns before count, from 0 (not at all) to 1 (they alone)."""
    return SHARES[kind_of(question)]


def is_follow_up(question: str) -> bool:
    return kind_of(question) != "alone"


def kind_of(question: str) -> str:
    bare = question.casefold().strip(" ?!.,")
    words = WORD.findall(bare)
    if not words or len(words) > MAX_POINTING_WORDS:
        return "alone"
    if OPENING.match(bare) and len(words) <= MAX_OPENED_WORDS:
        return "pointing"
    if any(points_back(sentence) for sentence in SENTENCE.split(bare)):
        return "pointing"
    return "bare" if len(words) <= MAX_BARE_WORDS else "alone"


def points_back(sentence: str) -> bool:
    """Whether a word points out of the sentence. What stands before it in the sentence may be what it points at."""
    found = POINTING.search(sentence)
    if found is None:
        return False
    before = WORD.findall(sentence[: found.start()])
    return sum(word not in SMALL_WORDS for word in before) < NAMED
