"""Why there is no (whole) answer, as a code for the program and a sentence for people."""

import httpx

from supportbot.inference import dialects
from supportbot.inference.sse import MalformedStream, StreamRefused


class ModelError(Exception):
    """The model server gave no (whole) answer. `text` is a sentence without anything that customers wrote.

    `code` is unavailable, busy, timeout, bad_request, cut (after some words) or malformed.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def refusal(status: int, words: str = "") -> ModelError:
    if status == 429:
        return ModelError("busy", "The model server has too many requests waiting; try again soon.")
    if status >= 500 and status != 501:  # which is said of what will never be there
        return ModelError("unavailable", f"The model server cannot answer now (status {status}).")
    told = dialects.advice(status, words)
    return ModelError("bad_request", f"The model server refused the request (status {status}).{told}")


def failure(error: Exception, *, begun: bool) -> ModelError:
    if isinstance(error, MalformedStream):
        return malformed()
    if isinstance(error, StreamRefused) and not begun:
        return refusal(error.status)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return ModelError("unavailable", "The model server cannot be reached.")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return ModelError("timeout", "The model server took too long.")
    if begun:
        return ModelError("cut", "The model server stopped in the middle of an answer.")
    return ModelError("unavailable", "The connection to the model server was lost.")


def malformed() -> ModelError:
    return ModelError("malformed", "The model server sent something that is not an answer.")
