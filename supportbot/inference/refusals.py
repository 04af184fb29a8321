"""Why a request is not answered, each with its HTTP status and code. Imports nothing, as the web side of the server
must not wait for torch."""


class Refusal(Exception):
    """A sentence for the client."""

    status = 500
    code = "error"


class BadRequest(Refusal):
    """The body cannot be used."""

    status, code = 400, "bad_request"


class Unauthorised(Refusal):
    """The key is missing or wrong."""

    status, code = 401, "unauthorised"


class UnknownModel(Refusal):
    """No model of this name is served here."""

    status, code = 404, "model_not_found"


class AdapterRefused(Refusal):
    """The adapter may not serve."""

    status, code = 409, "adapter_refused"


class Busy(Refusal):
    """A waiting line is full."""

    status, code = 429, "busy"


class NotReady(Refusal):
    """The models cannot answer now."""

    status, code = 503, "not_ready"
