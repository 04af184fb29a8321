"""When the team is there: opening hours as people write them, one line a rule. Pure.

`mon-fri 09:00-17:30`, `sat 10:00-14:00`, `mon,wed 09:00-12:00`; several lines add up. No line: no hours are known.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_RULES = 20
RULE = re.compile(r"(?P<days>[a-z, -]+?)\s+(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)")


@dataclass(frozen=True, slots=True)
class Span:
    day: int  # 0 is Monday
    start: time
    end: time  # after start, on the same day


def parse_hours(text: str) -> list[Span]:
    """Raises ValueError with a sentence for whoever wrote the line."""
    lines = [line.strip().lower() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_RULES:
        raise ValueError(f"Please use at most {MOST_RULES} lines.")
    return [span for line in lines for span in _rule(line)]


def is_open(spans: list[Span], now: datetime) -> bool:
    """`now` is in the team's time zone."""
    return any(span.day == now.weekday() and span.start <= now.time() < span.end for span in spans)


def next_opening(spans: list[Span], now: datetime) -> datetime | None:
    """The next beginning after `now`, within a week."""
    starts = [
        datetime.combine(now.date() + timedelta(days=ahead), span.start, now.tzinfo)
        for ahead in range(8)
        for span in spans
        if span.day == (now.weekday() + ahead) % 7
    ]
    return min((start for start in starts if start > now), default=None)


def _rule(line: str) -> list[Span]:
    match = RULE.fullmatch(line)
    if match is None:
        raise ValueError(f"“{line[:40]}” is not understood. Write for example: mon-fri 09:00-17:00")
    start, end = _time(match["start"]), _time(match["end"])
    if start >= end:
        raise ValueError(f"“{line[:40]}” ends before it begins. Give the time after midnight a line of its own.")
    return [Span(day, start, end) for part in match["days"].split(",") for day in _days(part.strip(), line)]


def _days(part: str, line: str) -> list[int]:
    first, _, last = (name.strip() for name in part.partition("-"))
    if first not in DAYS or (last or first) not in DAYS:
        raise ValueError(f"“{line[:40]}” names no day. The days are {', '.join(DAYS)}.")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0))]


def _time(text: str) -> time:
    """24:00 is the last minute's end: a day has no later time."""
    hours, minutes = (int(part) for part in text.split(":"))
    if (hours, minutes) == (24, 0):
        return time.max
    if hours > 23 or minutes > 59:
        raise ValueError(f"{text} is no time of a day.")
    return time(hours, minutes)
