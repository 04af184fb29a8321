"""Doors for Celery: signs of life, and what has had its time."""

from celery import shared_task
from django.core.management import call_command
from django.db import connection

from supportbot import audit, lockout, status


@shared_task(soft_time_limit=20, time_limit=30)
def heartbeat() -> None:
    """A worker of this queue runs, and reaches the database. That it ended well is noted by `supportbot.celery`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@shared_task(soft_time_limit=30, time_limit=40)
def watch() -> None:
    """Look at every part, so that an alarm is logged and dated although nobody has the page open."""
    status.look()


@shared_task(soft_time_limit=60, time_limit=90)
def forget_old() -> None:
    """Four times a day: old audit entries, attempts that count no more, and sessions that have ended."""
    audit.forget_old()
    lockout.forget_old()
    call_command("clearsessions")
