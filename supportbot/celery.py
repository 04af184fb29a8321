"""The Celery application: `celery -A supportbot.celery worker`."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")

app = Celery("supportbot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["knowledge"], related_name="import_tasks")
app.autodiscover_tasks(["knowledge"], related_name="finding_tasks")
app.autodiscover_tasks(["knowledge"], related_name="bulk_tasks")
app.autodiscover_tasks(["knowledge"], related_name="space_tasks")


@setup_logging.connect
def keep_our_logging(**_options: object) -> None:
    """Where this is connected, Celery leaves the loggers as supportbot.log has made them."""
