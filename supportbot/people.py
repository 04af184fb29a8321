"""The first people of an installation."""

import os
import secrets
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

FIRST_PEOPLE = {"admin": "administrator", "manager": "manager", "editor": "editor", "agent": "agent"}  # name -> group


@transaction.atomic
def ensure_first_people(data_dir: Path) -> Path:
    """Make the four once, with passwords of their own in a file for the operator's eyes; gives the file's path.

    Only when there is nobody at all: somebody who was removed does not come back.
    """
    path = data_dir / "first-passwords.txt"
    users = get_user_model().objects
    if users.exists():
        return path
    lines = ["# The first people and their passwords. Change them in the admin, then delete this file."]
    for name, group in FIRST_PEOPLE.items():
        password = secrets.token_urlsafe(12)
        user = users.create_user(name, password=password, is_staff=True, is_superuser=name == "admin")
        user.groups.set(Group.objects.filter(name=group))
        lines.append(f"{name:<8} {password}")
    # Before the transaction ends: people whose passwords nobody can read would be worse than a file too many.
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path
