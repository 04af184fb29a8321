"""Relations between settings and the knowledge base, checked at every start."""

from collections.abc import Sequence

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from knowledge.models import MAX_BODY_CHARS

BYTES_A_CHARACTER = 4
FORM_BYTES = 100_000  # the other fields of the form


@register()
def longest_article_fits_a_request(app_configs: object, **kwargs: object) -> Sequence[CheckMessage]:
    """A refused request loses what was written; a body that is too long must reach the form, which says so."""
    least = MAX_BODY_CHARS * BYTES_A_CHARACTER + FORM_BYTES
    if least <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return []
    return [
        Error(
            f"DATA_UPLOAD_MAX_MEMORY_SIZE must be at least {least}",
            hint=f"An article of {MAX_BODY_CHARS:,} characters would be refused before its form could say why.",
            id="knowledge.E001",
        )
    ]
