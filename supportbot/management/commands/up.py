"""`manage.py up`: everything on this machine, until Ctrl-C."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from supportbot.terminal import Terminal


class Command(BaseCommand):
    help = "Start the data servers, the model server, the worker and the website; stop all of them with Ctrl-C."
    requires_system_checks: list[str] = []  # they are one of our own steps, after the first line

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        from supportbot.startup import up

        sys.exit(up(options["host"], options["port"], Terminal()))
