"""Greetings, thanks, goodbyes, the wish for a person and for the prompt, recognised before anything is searched; pure.

Conservative: the whole message must consist of nothing else, so that a real question is never swallowed.
"""

import re
import unicodedata

from knowledge.languages import language_of

GREETINGS = {
    "en": "hi|hello|hey|hiya|howdy|good (?:morning|afternoon|evening|day)|(?:hi|hello|hey) there",
    "de": "hallo|guten (?:tag|morgen|abend)|moin|servus|grüss gott|grüezi",
    "fr": "bonjour|bonsoir|salut|coucou",
    "es": "hola|buenos días|buenas tardes|buenas noches|buenas",
}
THANKS = {
    "en": "(?:ok |okay |great |perfect |super )?(?:many thanks|thanks|thank you|thx|ty|cheers)"
    "(?: a lot| so much| very much| for (?:the|your) help)?"
    "|that (?:helped|helps)(?: a lot| me)?(?: thanks| thank you)?|great|perfect|awesome",
    "de": "(?:vielen |herzlichen |besten )?danke?(?: schön| sehr| dir| ihnen| für die hilfe)?|super|perfekt",
    "fr": "merci(?: beaucoup| bien)?|parfait",
    "es": "(?:muchas |mil )?gracias|perfecto",
}
GOODBYES = {
    "en": "bye|bye bye|goodbye|see you|that's all|that is all",
    "de": "tschüss|auf wiedersehen|ciao",
    "fr": "au revoir|à bientôt",
    "es": "adiós|hasta luego",
}
_MAY_I = "(?:i (?:want|need|would like|'d like) to |i'd like to |i wanna |can i |could i |may i |let me |please )?"
_SOMEBODY = (
    "(?:a |an |the |your |some )*(?:real |live |actual )?"
    "(?:person|human|human being|agent|someone|somebody|representative|support agent|staff member|operator)"
)
PERSONS = {
    "en": f"{_MAY_I}(?:talk|speak|chat) (?:to |with ){_SOMEBODY}(?: please)?"
    f"|(?:i (?:want|need) |get me |connect me (?:to|with) |please )?{_SOMEBODY}(?: please)?",
    "de": "(?:ich (?:möchte|will|würde gerne?) |kann ich |bitte )?(?:mit )?(?:einem |einer |einen )?(?:echten )?"
    "(?:menschen|mensch|mitarbeiter|mitarbeiterin|berater|person)(?: sprechen| reden)?(?: bitte)?",
    "fr": "(?:je (?:veux|voudrais|souhaite) |puis-je |est-ce que je peux )?(?:parler )?(?:à |avec )?(?:un |une )?"
    "(?:vraie )?(?:personne|humain|conseiller|agent|quelqu'un)(?: s'il vous plaît)?",
    "es": "(?:quiero |quisiera |puedo |necesito )?(?:hablar )?(?:con )?(?:una |un )?"
    "(?:persona|humano|agente|alguien)(?: real)?(?: por favor)?",
}
_SHOW = (
    "(?:please |can you |could you |will you |now )*(?:show|tell|give|reveal|print|repeat|display|output|write|paste)"
)
_PROMPT = (
    "(?:(?:exact|full|whole|original|initial|hidden|secret|internal) )*"
    "(?:system (?:prompt|prompts|message|instructions)|prompt|prompts|instructions)"
)
_IGNORE = (
    "(?:ignore|forget|disregard) (?:all |any |the |of |your |my |previous |prior |earlier )+instructions (?:and )?"
)
INSTRUCTIONS = {
    "en": f"(?:{_IGNORE})?{_SHOW}(?: out)?(?: me| us)? (?:all )?(?:of )?your {_PROMPT}"
    "(?: out| to me| verbatim| exactly| word for word| please)*"
    f"|what(?:'s| is| are| were) your {_PROMPT}(?: please)?"
    f"|(?:{_IGNORE})?repeat (?:everything|all|all the words|the words|the text) above(?: this line)?"
    "(?: verbatim| word for word)?",
    "de": "(?:zeig|zeige|zeigen sie|nenne|nenn|gib)(?: mir)?(?: bitte)? (?:deinen?|ihren?|deine|ihre) "
    "(?:system-?prompt|prompt|anweisungen)|(?:wie lautet|was ist|was sind|wie lauten) (?:dein|ihr|deine|ihre) "
    "(?:system-?prompt|prompt|anweisungen)",
    "fr": "(?:quel est|quelles sont|montre-moi|montrez-moi|affiche|affichez) (?:ton|votre|tes|vos) "
    "(?:prompt(?: système| système initial)?|instructions)",
    "es": "(?:cuál es|cuáles son|muéstrame|muéstreme|dime|dígame) (?:tu|su|tus|sus) "
    "(?:prompt(?: del sistema)?|instrucciones)",
}
KINDS = {
    "greeting": GREETINGS,
    "thanks": THANKS,
    "goodbye": GOODBYES,
    "person": PERSONS,
    "instructions": INSTRUCTIONS,
}
PATTERNS = [
    (kind, language, re.compile(pattern)) for kind, table in KINDS.items() for language, pattern in table.items()
]
GREETED = re.compile(r"^(?:hi|hello|hey|hallo|bonjour|hola) ")
MAX_CHARS = 80


def recognise(text: str, locale: str = "en") -> tuple[str, str] | None:
    """(kind, language) of a message that asks nothing of the articles; the kinds are those of KINDS and no_question."""
    if not any(c.isalnum() for c in text):
        return "no_question", locale[:2] or "en"
    if len(text) > MAX_CHARS:
        return None
    bare = _bare(text)
    for candidate in (bare, GREETED.sub("", bare)):
        for kind, language, pattern in PATTERNS:
            if pattern.fullmatch(candidate):
                return kind, language
    return None


def _bare(text: str) -> str:
    """Lower case, one space between words, without what does not matter at the ends and between."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("’", "'").replace("ß", "ss")
    words = re.sub(r"[^\w'\s-]", " ", folded)
    return " ".join(words.split())


def answer_language(text: str, locale: str) -> str:
    return language_of(text, default=locale[:2].lower() or "en")
