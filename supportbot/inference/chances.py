"""What the model server thinks of the first word of an answer, where it tells that. For measurements."""

import math
from collections.abc import Mapping, Sequence

from django.conf import settings

from supportbot.inference.failures import malformed
from supportbot.inference.posting import post

MOST = 20  # likeliest tokens that OpenAI's API tells


def first_token_logprobs(
    messages: Sequence[Mapping[str, str]], *, model: str, top: int = MOST, timeout: float = 120.0
) -> dict[str, float]:
    """The logarithm of the probability of each likely first token; empty where the server does not tell them.

    Of tokens that read alike the likeliest counts. Raises ModelError.
    """
    body = {"model": model, "messages": [dict(message) for message in messages], "max_tokens": 1, "temperature": 0.0}
    body |= {"logprobs": True, "top_logprobs": min(top, MOST)}
    reply = post(settings.MODEL_URL, settings.MODEL_API_KEY, "chat/completions", body, timeout)
    try:
        told = (reply["choices"][0].get("logprobs") or {}).get("content") or []
        likely = [(str(one["token"]), float(one["logprob"])) for one in (told[0]["top_logprobs"] if told else [])]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise malformed() from error
    return {token: value for token, value in sorted(likely, key=lambda one: one[1]) if not math.isnan(value)}
