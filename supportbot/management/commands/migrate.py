"""`manage.py migrate`, while the site runs: it waits for a lock for a short time only, and tries again.

A statement that waits for a table's lock makes all others wait that come after it. So it gives up after
`LOCK_SECONDS`, whoever waited behind it goes on, and the migration, which has changed nothing, is tried again.
"""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

LOCK_SECONDS = 2.0
TRIES = 10
PAUSE_SECONDS = 3.0


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        for left in reversed(range(TRIES)):
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{1000 * LOCK_SECONDS:.0f}ms"])
                return super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                if not left:
                    raise CommandError(
                        f"A table was in use each time for more than {LOCK_SECONDS:g} s. What was migrated so far is "
                        "kept; the rest has changed nothing. Try again when less is going on."
                    ) from error
                self.stderr.write(f"A table is in use; the rest is tried again in {PAUSE_SECONDS:g} s.")
            finally:  # the connection goes back to a pool that others use
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
            time.sleep(PAUSE_SECONDS)
