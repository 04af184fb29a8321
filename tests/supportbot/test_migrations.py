"""A migration runs while processes of the version before it still serve: it may add, and takes away a release later."""

import re
import threading
from pathlib import Path

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.core.management import call_command
from django.db import connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from supportbot.management.commands import migrate

PROJECT = Path(__file__).resolve().parent.parent.parent
# No release was there before these: nobody ran an older version beside them.
FIRST = {"chat": 6, "knowledge": 6}
CONTRACTING = (
    migrations.RemoveField,
    migrations.DeleteModel,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
DESTRUCTIVE_SQL = re.compile(
    r"\b(DROP|RENAME|(?<!BEFORE )TRUNCATE|SET NOT NULL|ALTER\s+COLUMN\s+\w+\s+(SET DATA )?TYPE)\b", re.I
)
RULE = (
    "an older process would break, or wait. Add first (null=True or db_default, indexes concurrently); take away in a "
    "migration with `contracts = 'X.Y'`, X.Y being a release in CHANGELOG.md since which nothing uses it any more"
)


def releases() -> set[str]:
    return set(re.findall(r"^## v?(\d+(?:\.\d+)+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE))


def narrows(before: models.Field, after: models.Field) -> bool:
    """Whether what could be stored before cannot be stored, or is not understood, after it."""
    if before.null and not after.null:
        return True
    shorter = (before.max_length or 10**9) > (after.max_length or 10**9)
    return shorter or before.get_internal_type() != after.get_internal_type()


def breaks(operation: migrations.operations.base.Operation, state: ProjectState, app: str, made: set[str]) -> str:
    """Why an older process cannot live with this operation; "" if it can. `made` are the models of this migration."""
    model = getattr(operation, "model_name", "").lower()
    if isinstance(operation, CONTRACTING):
        return "takes away what is still used"
    if isinstance(operation, migrations.RunSQL) and DESTRUCTIVE_SQL.search(str(operation.sql)):
        return "takes away by SQL"
    if model in made or not model:
        return ""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        has_default = field.null or field.many_to_many or field.db_default is not models.NOT_PROVIDED
        return "" if has_default else "adds a column that older processes do not fill"
    if isinstance(operation, migrations.AlterField):
        before = state.models[app, model].fields[operation.name]
        return "narrows a column" if narrows(before, operation.field) else ""
    if isinstance(operation, migrations.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        return "builds an index while all who write wait"
    if isinstance(operation, migrations.AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        return "looks through the whole table while all who write wait"
    return ""


def faults(migration: migrations.Migration, state: ProjectState) -> list[str]:
    contracted = getattr(migration, "contracts", None)
    if contracted in releases():
        return []
    made: set[str] = set()
    found = [] if contracted is None else [f"{migration}: contracts = {contracted!r} is no release"]
    for operation in migration.operations:
        if isinstance(operation, migrations.CreateModel):
            made.add(operation.name.lower())
        if why := breaks(operation, state, migration.app_label, made):
            found.append(f"{migration}: {operation.describe()}: {why}")
        operation.state_forwards(migration.app_label, state)
    return found


def test_migrations_add_before_they_take_away() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    found: list[str] = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in FIRST and int(name.split("_")[0]) > FIRST[app]:
            parents = loader.graph.node_map[app, name].parents
            found += faults(migration, loader.project_state([parent.key for parent in parents]))
    assert not found, "\n".join([*found, RULE])


def made(*operations: migrations.operations.base.Operation, **more: str) -> migrations.Migration:
    return type("Migration", (migrations.Migration,), {"operations": list(operations), **more})("9999_new", "chat")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("message", "reason"),
        migrations.RenameField("message", "reason", "why"),
        migrations.DeleteModel("rating"),
        migrations.AddField("message", "mood", models.CharField(max_length=8, default="")),
        migrations.AlterField("message", "reason", models.CharField(max_length=20, blank=True)),
        migrations.AlterField("message", "tokens_in", models.PositiveIntegerField(default=0)),
        migrations.AddIndex("message", models.Index(fields=["model"], name="message_model")),
        migrations.AddConstraint("message", models.CheckConstraint(name="short", condition=models.Q(seq__lt=9))),
        migrations.RunSQL("ALTER TABLE chat_message ALTER COLUMN text SET NOT NULL"),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_would_break_an_older_process_is_found(operation) -> None:
    state = MigrationLoader(None, ignore_no_migrations=True).project_state()
    assert faults(made(operation), state.clone())
    assert faults(made(operation, contracts="0.0.never"), state)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("message", "mood", models.CharField(max_length=8, default="", db_default="")),
        migrations.AddField("message", "mood", models.CharField(max_length=8, null=True)),
        migrations.AlterField("message", "reason", models.CharField(max_length=80, blank=True)),
        AddIndexConcurrently("message", models.Index(fields=["model"], name="message_model")),
        migrations.RunSQL("ALTER TABLE chat_message SET (fillfactor = 80)"),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_an_older_process_can_live_with_passes(operation) -> None:
    assert not faults(made(operation), MigrationLoader(None, ignore_no_migrations=True).project_state())


@pytest.mark.django_db(transaction=True)
def test_a_migration_does_not_wait_long_for_a_table_and_tries_again(monkeypatch) -> None:
    """Another session reads the table and does not end; it does while the second try waits."""
    seen: list[str] = []
    held, released = threading.Event(), threading.Event()
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)

    def look(*_args: object, **_options: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            seen.append(cursor.fetchone()[0])
            if len(seen) == 2:
                released.set()
                holder.join(10)
            cursor.execute("LOCK TABLE chat_rating IN ACCESS EXCLUSIVE MODE")

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE chat_rating IN ACCESS SHARE MODE")
            held.set()
            released.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)

    monkeypatch.setattr(migrate.migrate.Command, "handle", lambda self, **options: in_transaction(look))
    call_command(migrate.Command(), verbosity=0)
    assert seen == ["200ms", "200ms"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == "0"  # who gets this connection next waits as ever


def in_transaction(work) -> None:
    with transaction.atomic():
        work()
