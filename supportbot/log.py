"""Logs of ids and counts, a line each. What customers wrote stays in the database."""

import logging
from typing import Any

import structlog

PRIVATE = {"text", "question", "answer", "body", "email", "token", "note", "comment", "password", "identity", "prompt"}


def refuse_private(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Drop what must not be written down, and say that it was dropped: a log line must never break an answer."""
    for name in PRIVATE & event.keys():
        event[name] = "(private)"
    return event


def configure(_config: dict[str, object]) -> None:
    """Django's LOGGING_CONFIG: structlog renders our lines and those of the libraries alike."""
    from django.conf import settings

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        refuse_private,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.LOG_LEVEL)
    # A line for every request and every sweep would hide the others.
    for chatty in ("httpx", "celery.beat", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def get_logger(name: str) -> Any:
    return structlog.stdlib.get_logger(name)
