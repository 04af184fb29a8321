"""`manage.py unlock ada`: who is locked out after wrong passwords or codes may try again at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from supportbot import audit, lockout


class Command(BaseCommand):
    help = "Let a person who is locked out try to sign in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name that they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        places = lockout.unlock(options["name"])
        audit.record("unlocked", who="(command line)", kind="auth.user", object=options["name"])
        told = "may try again" if places else "was not locked out"
        self.stdout.write(f"{options['name']} {told}.")
