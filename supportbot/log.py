"""Logs of ids and counts, a line each, alike in every process. What customers wrote stays in the database.

Neither our lines nor those of libraries carry what an error says: a library's sentence may quote a question, a request
its address with what was searched for, a task its arguments. What is kept: which error, and where.
"""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict

PRIVATE = {"text", "question", "answer", "body", "email", "token", "note", "comment", "password", "identity", "prompt"}
MOST_CAUSES, MOST_FRAMES = 4, 12


def refuse_private(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop what must not be written down, and say that it was dropped: a log line must never break an answer."""
    for name in PRIVATE & event.keys():
        event[name] = "(private)"
    return event


def tell_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """In place of an error: its kind, that of what caused it, and the lines that it came through, the last first."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error, trace = (given, given.__traceback__) if isinstance(given, BaseException) else (given or (0, None, None))[1:]
    if error is not None:
        event["event"] = str(event["event"]).partition("\n")[0]  # the lines after it repeat what the error says
        event["error"] = kinds(error)
        event["trace"] = places(trace)
    return event


def kinds(error: BaseException) -> str:
    """`OperationalError < OperationalError 57P01`: with a database's code, and with the system's own words."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(told) < MOST_CAUSES:
        said = getattr(seen, "sqlstate", None) or (seen.strerror if isinstance(seen, OSError) else None)
        told.append(f"{type(seen).__name__} {said}" if isinstance(said, str) else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return " < ".join(told)


def places(trace: TracebackType | None) -> str:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)][-MOST_FRAMES:]
    return " < ".join(f"{'/'.join(c.co_filename.split('/')[-2:])}:{n} {c.co_name}" for c, n in reversed(frames))


def strip_task(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Celery's own lines of a task: its name and id, without what it was given and what the error says."""
    record: logging.LogRecord = event["_record"]
    data = getattr(record, "data", None)
    if record.name == "celery.app.trace" and isinstance(data, dict):
        event["event"] = f"task {data.get('description', 'ended')}"
        event["task"], event["id"] = data.get("name"), data.get("id")
    return event


def configure(_config: dict[str, object]) -> None:
    """Django's LOGGING_CONFIG: structlog renders our lines and those of the libraries alike."""
    from django.conf import settings

    structlog.configure(
        processors=[*shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.LOG_LEVEL)
    # A line for every request, every socket and every sweep would hide the others.
    for chatty in ("httpx", "celery.beat", "celery.worker.strategy", "celery.app.trace", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("axes").setLevel(logging.ERROR)  # its lines name people; supportbot.audit says what happened
    for own in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # it has made handlers of its own before it loads us
        logging.getLogger(own).handlers.clear()
        logging.getLogger(own).propagate = own != "uvicorn.access"  # whose lines hold what was searched for


def shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        refuse_private,
    ]


def formatter() -> logging.Formatter:
    """Of every line: of ours, and of libraries, of whose extras only a status is taken."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=["status_code"]), strip_task, *shared()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            tell_error,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
    )


def get_logger(name: str) -> Any:
    return structlog.stdlib.get_logger(name)
