"""`manage.py lost_phone ada`: their second factor is taken away; they set up a new one at the next sign-in."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportbot import audit, two_factor


class Command(BaseCommand):
    help = "Take a person's second factor and recovery codes away, as after a lost phone. Make sure it is really them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name that they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        person = get_user_model().objects.filter(username=options["name"]).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {options['name']!r}.")
        if not two_factor.forget(person):
            self.stdout.write(f"{person} had no second factor.")
            return
        about = {"kind": "auth.user", "object_id": str(person.pk), "object": str(person)}
        audit.record("second_factor_removed", who="(command line)", **about)
        self.stdout.write(
            f"{person} has no second factor any more. Where one is required, the next sign-in sets it up."
        )
