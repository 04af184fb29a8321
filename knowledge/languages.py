"""Which language is this question in? Few languages, by their commonest words and their letters; pure."""

import re
import unicodedata

_COMMON = {
    "en": """
    the a an is are was do does did i my me you your we can could would should how what when where which who why it its
    this that of to in on for with from and or not have has had if there will be at by any get""",
    "de": """
    der die das den dem des ein eine einen einem ist sind war ich mein meine meinen mich mir sie ihr ihre wir kann
    können wie was wann wo welche welcher wer warum es dies von zu im auf für mit aus und oder nicht habe haben hat wenn
    gibt wird werden bei bekomme möchte lange viel""",
    "fr": """
    le la les un une des du de est sont je mon ma mes me vous votre vos nous puis peut pouvez comment que quel quelle
    quels quand où qui pourquoi il elle ce cette dans sur pour avec et ou ne pas ai avez avoir si au aux combien j'ai
    est-ce c'est livrez""",
    "es": """
    el la los las un una unos es son yo mi mis me usted su sus nosotros puedo puede cómo como qué cuál cuándo cuando
    dónde donde quién por para con en de del y o no he ha tengo tiene si al hay cuánto cuánta""",
}
STOPWORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
SCRIPTS = {"ARABIC": "ar", "CYRILLIC": "ru", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh"}
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def language_of(text: str, default: str = "en") -> str:
    """The likeliest language, or `default` when the text says too little."""
    for script, language in SCRIPTS.items():
        letters = [c for c in text[:400] if c.isalpha()]
        if letters and sum(unicodedata.name(c, "").startswith(script) for c in letters) > len(letters) / 3:
            return language
    words = [word.replace("’", "'") for word in WORD.findall(text.casefold())]
    counts = {language: sum(word in common for word in words) for language, common in STOPWORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    tied = [language for language, count in counts.items() if count == counts[best]]
    if not counts[best] or len(tied) > 1:
        return default if default in tied or not counts[best] else tied[0]
    return best
