"""Written-out numbers of English, German, French and Spanish; pure. Takes words as `folding.latin` gives them."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache

_TEENS = {
    "en": "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    "de": "zwei drei vier funf sechs sieben acht neun zehn - zwolf dreizehn vierzehn funfzehn sechzehn siebzehn "
    "achtzehn neunzehn",
    "fr": "deux trois quatre cinq six - huit neuf dix onze douze treize quatorze quinze seize",
    "es": "- tres cuatro cinco seis siete ocho nueve diez - doce trece catorce quince dieciseis diecisiete dieciocho "
    "diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco veintiseis veintisiete veintiocho "
    "veintinueve",
}
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig",
    "vingt trente quarante cinquante soixante septante huitante nonante",
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
)
_SCALES = {
    "hundred": 100, "hundert": 100, "cien": 100, "ciento": 100, "thousand": 10**3, "tausend": 10**3, "mille": 10**3,
    "mil": 10**3, "million": 10**6, "millions": 10**6, "millionen": 10**6, "mio": 10**6, "millon": 10**6,
    "millones": 10**6, "billion": 10**9, "billions": 10**9, "milliarde": 10**9, "milliarden": 10**9, "milliard": 10**9,
    "milliards": 10**9, "dozen": 12, "dutzend": 12, "douzaine": 12, "docena": 12,
}  # fmt: skip
SCALES = {word: Decimal(value) for word, value in _SCALES.items()}
SIMPLE = {
    **{word: n for words in _TEENS.values() for n, word in enumerate(words.split(), start=2) if word != "-"},
    **{word: 10 * n for words in _TENS for n, word in enumerate(words.split(), start=2)},
    **{"zero": 0, "zwo": 2, "vingts": 20, "doscientos": 200, "trescientos": 300, "quinientos": 500},
    **{"fourty": 40, "ninty": 90},  # as they are often written
}
_ENGLISH = list(zip(range(20, 100, 10), _TENS[0].split(), strict=True))
SIMPLE |= {f"{ten}{one}": n + m for n, ten in _ENGLISH for m, one in enumerate(_TEENS["en"].split()[:8], start=2)}
SIMPLE |= {f"{ten}one": n + 1 for n, ten in _ENGLISH}
HALVES = frozenset(
    ("half", "halb", "halbe", "halber", "halbes", "halben", "halfte", "demi", "demie", "moitie", "mitad")
)
# Words that mean something else as often: they are numbers only where a unit follows.
# Of these only times and money are counted: a week, a pound.
ARTICLES = frozenset(("a", "an", "ein", "eine", "einen", "einem", "einer", "un", "une", "una"))
SHY: dict[str, float] = dict.fromkeys((*ARTICLES, "one", "eins", "uno"), 1)
SHY |= {"sept": 7, "elf": 11, "once": 11, "dos": 2, "cent": 100, "null": 0, "cero": 0, "media": 0.5, "medio": 0.5}
_PARTS = {
    3: "third thirds drittel tiers tercio tercios",
    4: "quarter quarters viertel quart quarts cuarto cuartos",
    5: "fifth fifths funftel cinquieme cinquiemes quinto quintos",
    8: "eighth eighths achtel huitieme huitiemes octavo octavos",
    10: "tenth tenths zehntel dixieme dixiemes decimo decimos",
}
PARTS = {word: n for n, words in _PARTS.items() for word in words.split()}
_ORDINALS = (
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth "
    "seventeenth eighteenth nineteenth twentieth",
    "troisieme quatrieme cinquieme sixieme septieme huitieme neuvieme dixieme",
    "tercero cuarto quinto sexto septimo octavo noveno decimo",
    "dritte vierte funfte sechste siebte achte neunte zehnte elfte zwolfte dreizehnte vierzehnte funfzehnte",
)
ORDINALS = {word: n for words in _ORDINALS for n, word in enumerate(words.split(), start=3)}
ORDINALS |= {"thirtieth": 30, "tercer": 3, "zwanzigste": 20, "dreissigste": 30}
_ONE = frozenset(("one", "un", "une", "uno", "una"))
_FRENCH = frozenset(("deux", "trois", "quatre", "cinq", "sept", "huit", "neuf"))
LAST = {"first": 1, "second": 2} | {word: n for word, n in ORDINALS.items() if n < 10}  # twenty-first
AND = frozenset(("and", "und", "y", "et"))


def show(value: Decimal) -> str:
    """2.50 -> 2.5, 1E+3 -> 1000; at most three places."""
    text = f"{round(value, 3):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_number_word(word: str) -> bool:
    return word in SIMPLE or word in SCALES or word in HALVES or german(word) is not None


def ordinal(word: str) -> int | None:
    """third -> 3, dritten -> 3. First and second put sentences in order more often than things: they are no numbers."""
    return ORDINALS.get(word) or (ORDINALS.get(word[:-1]) if word.endswith(("n", "r", "s", "a")) else None)


def read_number(words: Sequence[str]) -> tuple[Decimal, int, bool] | None:
    """The number that these words begin with, how many of them it takes, and whether it is an ordinal.

    two hundred and fifty; quatre-vingt-dix (three words); two and a half; half a dozen; three quarters; twenty-first.
    """
    if words and words[0] in HALVES:
        place = 2 if len(words) > 2 and words[1] in ARTICLES else 1
        scale = SCALES.get(words[place]) if place < len(words) else None
        return (scale / 2, place + 1, False) if scale else (Decimal("0.5"), 1, False)
    total, current, used = Decimal(0), None, 0
    while used < len(words):
        word = words[used]
        if current is not None and word in AND and _goes_on(current, words[used + 1 :]):
            used += 1
            continue
        scale = SCALES.get(word) or (Decimal(100) if used and _is_french_hundred(words[used - 1], word) else None)
        if scale is not None and not (current is None and total):
            current = (current or Decimal(1)) * scale
            if scale >= 1000:
                total, current = total + current, None
        elif (value := _simple(word, current)) is None:
            break
        elif current is None or _fits(current, value):
            current = (current or 0) + value if (current, value) != (4, 20) else Decimal(80)
        else:
            break
        used += 1
    if not used:
        return None
    return _with_rest(total + (current or 0), used, words)


def _with_rest(value: Decimal, used: int, words: Sequence[str]) -> tuple[Decimal, int, bool]:
    """The number with what may end it: a half, a part, an ordinal."""
    rest = list(words[used : used + 3])
    if rest and value % 10 == 0 and value >= 20 and rest[0] in LAST:
        return value + LAST[rest[0]], used + 1, True
    if len(rest) > 1 and rest[0] in AND:
        place = 1 + (rest[1] in ARTICLES)
        if place < len(rest) and (rest[place] in HALVES or rest[place] in ("medio", "media")):
            return value + Decimal("0.5"), used + place + 1, False
    if rest and rest[0] in PARTS and value < 10:
        return value / PARTS[rest[0]], used + 1, False
    return value, used, False


def _simple(word: str, after: Decimal | None = None) -> Decimal | None:
    """One is a number only where it follows tens or hundreds: twenty-one."""
    if after is not None and after % 10 == 0 and after >= 20 and word in _ONE:
        return Decimal(1)
    value = SIMPLE.get(word)
    return Decimal(value) if value is not None else german(word)


def _is_french_hundred(before: str, word: str) -> bool:
    """deux cents is 200; two cents is money."""
    return word in ("cent", "cents") and before in _FRENCH


def _fits(current: Decimal, value: Decimal) -> bool:
    """twenty + five, hundred + fifty, soixante + dix, quatre + vingt; two + three are two numbers."""
    if (current, value) == (4, 20):
        return True
    return value < 100 and current % 100 == 0 or value < 10 <= current % 100 and current % 10 == 0 or (
        current % 100 in (60, 80) and 10 <= value < 20
    )  # fmt: skip


def _goes_on(current: Decimal, after: Sequence[str]) -> bool:
    """two hundred AND fifty, treinta Y uno, vingt ET un; 30 AND 60 are two numbers."""
    value = _simple(after[0], current) if after else None
    return value is not None and value < 100 and current >= 20 and _fits(current, value)


@cache
def _below_hundred() -> dict[str, int]:
    ones = {"ein": 1} | {word: n for n, word in enumerate(_TEENS["de"].split()[:8], start=2)}
    small = ones | {word: n for n, word in enumerate(_TEENS["de"].split(), start=2) if word != "-"} | {"elf": 11}
    tens = {word: 10 * n for n, word in enumerate(_TENS[1].split(), start=2)}
    return small | tens | {f"{one}und{ten}": n + tens[ten] for one, n in ones.items() for ten in tens}


def german(word: str) -> Decimal | None:
    """German writes one word: funfundzwanzig, zweihundertfunfzig, dreitausend, zweieinhalb."""
    if word in ("anderthalb", "eineinhalb"):
        return Decimal("1.5")
    whole, half, rest = word.partition("einhalb")
    if half and not rest and whole in _below_hundred():
        return _below_hundred()[whole] + Decimal("0.5")
    if len(word) < 8:  # no compound is shorter
        return None
    thousands, scale, rest = word.rpartition("tausend")
    above = _hundreds(thousands) if thousands else 1
    below = _hundreds(rest.removeprefix("und")) if rest else 0
    if above is None or below is None:
        return None
    return Decimal((above * 1000 if scale else 0) + below)


def _hundreds(word: str) -> int | None:
    """0-999 in one word."""
    hundreds, scale, rest = word.rpartition("hundert")
    above = _below_hundred().get(hundreds) if hundreds else 1
    below = _below_hundred().get(rest.removeprefix("und")) if rest else 0
    if above is None or below is None:
        return None
    return (above * 100 if scale else 0) + below
