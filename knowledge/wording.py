"""The words of a question that an article does not have, for whoever writes the article."""

import re
from collections.abc import Sequence

from django.db import connection

from knowledge.passages import search_config

MAX_WORDS = 48
WORD = re.compile(r"\w+(?:['’-]\w+)*")
MISSING = """
WITH passage AS MATERIALIZED (
    SELECT to_tsvector(%(config)s::regconfig, text) AS search FROM unnest(%(texts)s::text[]) AS text
), asked AS MATERIALIZED (
    SELECT word, place, plainto_tsquery(%(config)s::regconfig, word) AS query
    FROM unnest(%(words)s::text[]) WITH ORDINALITY AS given (word, place)
)
SELECT word FROM asked
WHERE numnode(query) > 0 AND NOT EXISTS (SELECT 1 FROM passage WHERE search @@ query)
ORDER BY place
"""


def missing_words(question: str, texts: Sequence[str], *, language: str) -> list[str]:
    """The words, as they were asked, whose stem none of these texts holds. Words that tell nothing are left out."""
    words = list({word.casefold(): word for word in reversed(WORD.findall(question))}.values())[::-1]
    with connection.cursor() as cursor:
        values = {"config": search_config(language), "texts": list(texts), "words": words[:MAX_WORDS]}
        cursor.execute(MISSING, values)
        return [word for (word,) in cursor.fetchall()]
