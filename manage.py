#!/usr/bin/env python
"""Django's command line: `manage.py up` starts everything."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 (older ones do read this file)
    sys.exit(f"error: Supportbot needs Python 3.11 or newer; this is {sys.version.split()[0]}\n  fix: make run")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: {error.name} is not installed for {sys.executable}\n  fix: make run, or .venv/bin/python manage.py"
        )
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
