"""What is counted and measured of sockets and answers: codes, times and counts, never a word of anybody."""

from collections.abc import Mapping

from prometheus_client import Gauge

from chat import limits
from supportbot.meters import REGISTRY, Values, counter, histogram

QUEUED = histogram("supportbot_answer_queued_seconds", "From taking a reply up to its place, or to being turned away.")
SEARCHED = histogram("supportbot_answer_search_seconds", "Finding the passages of a question.")
TOKEN = histogram("supportbot_answer_first_token_seconds", "From asking the model to its first piece of text.")
WORDS = histogram("supportbot_answer_first_words_seconds", "From the beginning of an answer to its first words.")
WHOLE = histogram("supportbot_answer_seconds", "From taking a reply up to its last word, by outcome.", "outcome")
ENDED = counter("supportbot_answers", "Replies that ended, by outcome and reason.", "outcome", "reason")
RESTARTED = counter("supportbot_answers_restarted", "Texts that were taken back for another, by reason.", "reason")
TOKENS = counter("supportbot_model_tokens", "Tokens that the model server counted, by kind.", "kind")
WRITING = counter("supportbot_model_writing_seconds", "Seconds in which the model wrote these tokens.")
TAKEN = counter("supportbot_answers_taken_over", "Begun elsewhere: `went_on` after those words, or `anew`.", "how")
LOST = counter("supportbot_leases_lost", "Replies that another process took over from this one.")
SOCKETS = Gauge("supportbot_sockets_open", "Open sockets of customers.", registry=REGISTRY)
SOCKETS.set_function(lambda: sum(limits.SOCKETS.values()))
REFUSED_SOCKETS = counter("supportbot_sockets_refused", "Sockets refused in the handshake, by reason.", "reason")
CLOSED = counter("supportbot_sockets_closed", "Sockets that the server closed, by code.", "code")
REFUSED = counter("supportbot_frames_refused", "Frames of customers that were refused, by code.", "code")
UNSTORED = counter("supportbot_frames_unstored", "Times that Redis did not take the frames of an answer.")

_reasons = Values()
OUTCOMES = Values(["answered", "extracted", "abstained", "handed_over", "stopped", "failed"], most=6)
STAGES = {"searched": SEARCHED, "token": TOKEN, "first": WORDS}


def ended(
    outcome: str,
    reason: str,
    times: Mapping[str, float],
    tokens_in: int | None = None,
    tokens_out: int | None = None,
) -> None:
    """A reply has its last word. `times` in milliseconds, as the row keeps them: those stages that were reached."""
    outcome = OUTCOMES.bounded(outcome)
    ENDED.labels(outcome, _reasons.bounded(reason or "none")).inc()
    for name, stage in STAGES.items():
        if name in times:
            stage.observe(times[name] / 1000)
    if "total" in times:
        WHOLE.labels(outcome).observe(times["total"] / 1000)
    if tokens_in is not None and tokens_out is not None and "written" in times:  # not every server counts them
        TOKENS.labels("read").inc(tokens_in)
        TOKENS.labels("written").inc(tokens_out)
        WRITING.inc((times["written"] - times.get("token", 0.0)) / 1000)


def taken_over(text: str, told: str) -> None:
    """The first words of an answer of which another process had told some."""
    TAKEN.labels("went_on" if told.startswith(text) or text.startswith(told) else "anew").inc()


def restarted(reason: str) -> None:
    RESTARTED.labels(_reasons.bounded(reason)).inc()
