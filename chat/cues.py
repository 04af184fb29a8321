"""What a question asks for by its form, and how a sentence looks that has it: "how much" and "£4", "how do I" and
"Open …"; pure.

Of ten kinds that were tried these six help on sets that they were not fitted on (docs/decisions/support.md).
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    name: str
    asks: re.Pattern[str]
    has: re.Pattern[str]


def _cue(name: str, asks: str, has: str) -> Cue:
    return Cue(name, re.compile(asks, re.IGNORECASE), re.compile(has, re.IGNORECASE))


CUES = (
    _cue(
        "money",
        r"\b(?:costs?|prices?|fees?|charges?|how much|pay|expensive|discount|refund|deposit|kostet|preis|wie ?viel"
        r"|combien|prix|cuánto|precio)\b",
        r"[£$€¥]\s?\d|\d\s?(?:[£$€¥]|%|percent|pence|cents?\b|pounds?\b|euros?\b|dollars?\b|USD|EUR|GBP)"
        r"|\b(?:free|kostenlos|gratuit|gratis)\b",
    ),
    _cue(
        "span",
        r"\b(?:how (?:long|soon|quick|quickly|fast|often|old)|how many (?:days|weeks|hours|years)|deadline|wie lange"
        r"|combien de temps|cuánto tiempo)\b",
        r"\b(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve|an?|several|few)[ -]"
        r"(?:(?:to|and|or) \w+ )?(?:(?:working|business|full|calendar) )?"
        r"(?:second|minute|hour|day|night|week|month|year|decade|centur|tag|stunde|minute|woche|monat|jahr|jour|heure"
        r"|semaine|mois|an|día|hora|semana|mes|año)",
    ),
    _cue(
        "number",
        r"\b(?:how (?:many|much|far|big|large|heavy|high|hot|old|wide|tall)|maximum|minimum|limit|size|number"
        r"|temperature|weigh|percentage|most|least|wie viele?|combien|cuántos?)\b",
        r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|half|twice|once|both|several)\b",
    ),
    _cue(
        "contact",
        r"\b(?:call|ring|phone|telephone|e-?mail|contact|reach|write to|address|link|website)\b",
        r"\b0\d{3,}|\+\d|\d{3}[ -]\d{3}|\S@\S|https?://|\w\.\w+/\w|\.example\b",
    ),
    _cue(
        "reason",
        r"\b(?:why|reason|cause|warum|pourquoi|por qué)\b",
        r"\b(?:because|since|due to|so that|in order to|as a result|therefore|cause[sd]?|reason|if|means?|weil|damit"
        r"|car|parce|porque)\b",
    ),
    _cue(
        "deed",
        r"\b(?:how (?:do|can|to|should|would|must)|what (?:do|should|must|can) i|steps?|fix|solve|now what|what now"
        r"|what to do|wie kann|comment|cómo)\b",
        r"^\W*(?:open|select|choose|click|press|go|enter|use|call|write|send|bring|pack|put|pull|push|turn|close|add"
        r"|remove|set|run|type|check|sign|tell|ask|contact|forward|install|download|leave|keep|wash|rinse|book|register"
        r"|upgrade|create|navigate|tap)\b",
    ),
)
STEPS = re.compile(
    r"\b(?:how (?:do|can|to|should|would|must) |what (?:do|should|must) (?:i|we|you) (?:do|need|bring|send|pack)"
    r"|which steps|steps?\b|wie kann|comment|cómo)",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?])\s+")
# A sentence that begins with its verb, after "and" or a greeting.
WHETHER = re.compile(
    r"\W*(?:(?:and|but|so|ok|okay|hi|hello|hey|please|und|et|y)\W+)*(?:(?:is|are|was|were|do|does|did|can|could|will|wo"
    r"|would|should|must|has|have|had)(?:n['’]?t)?|am|shall|may|might|kann|können|könnt|darf|dürfen|muss|müssen|gibt|ist|sind|hat|habt"
    r"|haben|wird|werden|soll|bietet|est-ce|peut|peux|puis-je|pouvez|avez|existe|hay|puedo|puede|pueden|tienen?)\b",
    re.IGNORECASE,
)
ASKS_WHAT = re.compile(
    r"\b(?:how|what|when|where|who|why|which|whose|wie|was|wann|wo|wer|warum|welche\w*|comment|quand|où|pourquoi|quel\w*"
    r"|cómo|cuándo|dónde|qué)\b",
    re.IGNORECASE,
)


def asks_whether(question: str) -> bool:
    """Whether its last sentence wants a yes or a no: "Do you deliver?", not "Can you tell me when you deliver?"."""
    last = SENTENCE.split(question.strip())[-1]
    return WHETHER.match(last) is not None and ASKS_WHAT.search(last) is None


def asks_for_steps(question: str) -> bool:
    """Whether a list that holds the answer is the answer as a whole."""
    return STEPS.search(question) is not None
