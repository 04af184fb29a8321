"""`manage.py import_articles`: read a folder, file or address, and make its documents articles."""

import json
import re
import sys
from argparse import BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import import_report, imports
from knowledge.import_forms import ADDRESSES, folder_refusal, free_name
from knowledge.import_writing import category_named
from knowledge.importers import KINDS, SourceError, guess_kind
from knowledge.models import LANGUAGES, Audience, Category, ImportItem, ImportRun, ImportSource
from supportbot.terminal import Step, Terminal

SHOWN = 200  # lines of a preview; --json gives all
KEY_COLUMNS, ACTION_COLUMNS = 44, 17
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
ATTENTION = (ImportItem.Action.FAILED, ImportItem.Action.HELD, ImportItem.Action.EDITED)


class Command(BaseCommand):
    help = (
        "Import articles from a folder, a file or an address. Run it again to take over what changed: nothing is "
        "imported twice, and what was edited here since is left alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("location", help="a folder, a file, or an address that begins with https://")
        parser.add_argument("--kind", choices=KINDS, help="how to read it; guessed without it")
        parser.add_argument("--name", help="what the source is called in the admin; the location's own without it")
        parser.add_argument("--category", help="for documents that name none; made if it is new")
        parser.add_argument("--language", choices=[code for code, _ in LANGUAGES], help="of documents without one")
        parser.add_argument("--audience", choices=Audience.values, help="of documents without one")
        parser.add_argument(
            "--publish", action=BooleanOptionalAction, default=None, help="publish the articles, or leave drafts"
        )
        parser.add_argument(
            "--missing", choices=ImportSource.Missing.values, help="what to do with articles whose document is gone"
        )
        parser.add_argument("--preview", action="store_true", help="say what would happen, and write no article")
        parser.add_argument("--overwrite", action="store_true", help="replace what was edited here since")
        parser.add_argument(
            "--allow-missing", action="store_true", help="even if so many are gone that the source may be broken"
        )
        parser.add_argument("--json", metavar="FILE", help="write the whole report there; - is the standard output")

    def handle(self, *, location: str, json: str | None, **options: Any) -> None:
        if json not in (None, "-"):
            check_writable(str(json))
        source = source_at(location, options)
        apply(options, source)
        terminal = Terminal(sys.stderr)
        run = self._run(source, terminal, options)
        if json:
            self._write(run, json)
        if json != "-":
            self._show(run)
        if run.state == ImportRun.State.FAILED:
            raise CommandError(run.error)

    def _run(self, source: ImportSource, terminal: Terminal, options: dict[str, Any]) -> ImportRun:
        left = ImportRun.objects.filter(source=source, state__in=ImportRun.UNFINISHED).first()
        if left is not None:
            terminal.say("Going on", "with a run that was broken off")
            self._carry_out(left, terminal)
        if not options["preview"]:
            if source.category and source.category.pk is None:
                source.category = category_named(source.category.name)
            source.save()
        try:
            run = imports.start(
                source=source,
                by=None,
                preview=options["preview"],
                overwrite=options["overwrite"],
                allow_missing=options["allow_missing"],
            )
        except imports.ImportRefused as error:
            raise CommandError(str(error)) from None
        self._carry_out(run, terminal, source)
        return run

    def _carry_out(self, run: ImportRun, terminal: Terminal, source: ImportSource | None = None) -> None:
        verb = "Previewing" if run.preview else "Importing"
        place = run.source.location or run.source.upload_name
        try:
            with terminal.step(verb, place) as step:
                done = imports.carry_out(run.pk, tell=lambda now: tell(step, now), source=source)
                run.refresh_from_db()
                step.text = f"{run.found:,} documents of {place}"
        except KeyboardInterrupt:
            terminal.fail("interrupted", "what was written stays; the same command goes on")
            raise SystemExit(130) from None
        if not done:
            raise CommandError(f"{run.source} is being read by another process. Wait until it is done, or cancel it.")

    def _write(self, run: ImportRun, path: str) -> None:
        report = json.dumps(import_report.as_dict(run), ensure_ascii=False, indent=1) + "\n"
        if path == "-":
            self.stdout.write(report, ending="")
        else:
            Path(path).write_text(report, encoding="utf-8")

    def _show(self, run: ImportRun) -> None:
        items = import_report.items_of(run)
        if not run.preview:
            items = items.filter(action__in=ATTENTION)
        shown = items[:SHOWN] if run.preview else items
        for item in shown:
            key = item.key if len(item.key) <= KEY_COLUMNS else f"…{item.key[1 - KEY_COLUMNS :]}"
            text = " · ".join(part for part in (item.title, item.message) if part)
            self.stdout.write(f"{item.get_action_display():<{ACTION_COLUMNS}}  {key:<{KEY_COLUMNS}}  {text}".rstrip())
        if run.preview and (more := items.count() - SHOWN) > 0:
            self.stdout.write(f"… and {more:,} more; --json FILE lists all.")
        summary = import_report.summary(run.counts, preview=run.preview)
        self.stdout.write(f"{'Would be' if run.preview else 'Report'}: {summary}.")
        if run.error and run.state != ImportRun.State.FAILED:
            self.stdout.write(f"Not all was read: {run.error}")


def tell(step: Step, run: ImportRun) -> None:
    if run.state == ImportRun.State.WRITING:
        step.text = f"{run.written:,} of {run.planned:,} documents to write"
    else:
        step.text = f"{run.found:,} documents read"


def source_at(location: str, options: dict[str, Any]) -> ImportSource:
    """The source that was imported from there before, or a new one without any choices."""
    if ADDRESS.search(location):
        refused = folder_refusal(location) if location.startswith(ADDRESSES) else "Begin the address with https://."
        if refused:
            raise CommandError(refused)
    else:
        location = str(Path(location).expanduser().resolve())
    source = ImportSource.objects.filter(location=location).order_by("pk").first()
    if source is None:
        source = ImportSource(location=location, name=free_name(options["name"] or location))
    elif options["name"]:
        source.name = options["name"]
    try:
        source.kind = options["kind"] or source.kind or guess_kind(location)
    except SourceError as error:
        raise CommandError(error.text) from None
    if source.pk is None:
        source.save()
    return source


def apply(options: dict[str, Any], source: ImportSource) -> None:
    """The options that were given become the source's own; a preview does not save them, nor a category that is new."""
    for name in ("language", "audience", "publish", "missing"):
        if options[name] is not None:
            setattr(source, name, options[name])
    if name := options["category"]:
        source.category = Category.objects.filter(name__iexact=name).first() or Category(name=name)


def check_writable(path: str) -> None:
    """Now, and not after an hour of importing."""
    try:
        Path(path).touch()
    except OSError as error:
        raise CommandError(f"The report cannot be written to {path}: {error.strerror}.") from None
