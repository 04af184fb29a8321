"""`manage.py import_articles`: a preview, a line that moves, a report; an exit code for a source that is not there."""

import json

import pytest
from django.core.management import CommandError, call_command

from knowledge import imports, tasks
from knowledge.importers import Document, SourceError, Unreadable
from knowledge.models import Article, Category, ImportRun, ImportSource
from tests.knowledge.conftest import seems_to_hold

pytestmark = pytest.mark.django_db

PAGES = [Document("a.md", "Prices", "Delivery is £3.95."), Unreadable("b.pdf", "It has no text.")]


@pytest.fixture
def found(monkeypatch, tmp_path):
    """What the reader gives; the folder that it seems to come from."""
    found = list(PAGES)
    seems_to_hold(monkeypatch, found)
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    return found


@pytest.fixture
def do(found, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    def do(*arguments):
        call_command("import_articles", str(tmp_path), "--kind", "markdown", *arguments)
        return capsys.readouterr()

    return do


def test_a_preview_is_a_table_and_writes_no_article(do):
    said = do("--preview")
    lines = said.out.splitlines()
    assert lines[0].split("  ")[0] == "Failed" and lines[0].endswith("b.pdf".ljust(44) + "  It has no text.")
    assert lines[1].startswith("New") and lines[1].endswith("a.md".ljust(44) + "  Prices")
    assert lines[2] == "Would be: 1 failed, 1 new."
    assert "Previewing  2 documents of" in said.err and "\x1b" not in said.err
    assert not Article.objects.exists()


def test_an_import_reports_its_counts_and_every_failed_line(do):
    said = do("--publish", "--language", "de", "--category", "Delivery", "--missing", "archive")
    assert said.out.splitlines()[-1] == "Report: 1 failed, 1 new."
    assert "It has no text." in said.out and "Prices" not in said.out
    article = Article.objects.get()
    assert (article.status, article.language, article.category.name) == ("published", "de", "Delivery")
    assert do().out.splitlines()[-1] == "Report: 1 failed, 1 unchanged."
    source = ImportSource.objects.get()
    assert (source.publish, source.missing, source.kind) == (True, "archive", "markdown")


def test_the_whole_report_as_json(do, tmp_path):
    do("--json", str(tmp_path / "report.json"))
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["state"], report["counts"], report["found"]) == ("done", {"failed": 1, "new": 1}, 2)
    assert report["items"][1] == {
        "action": "New", "document": "a.md", "title": "Prices", "address": "/help/prices/", "message": "",
    }  # fmt: skip
    assert json.loads(do("--json", "-").out)["counts"] == {"failed": 1, "unchanged": 1}


def test_a_report_that_cannot_be_written_is_told_before_anything_is_read(do):
    with pytest.raises(CommandError, match="cannot be written to /proc/none/x"):
        do("--json", "/proc/none/x")
    assert not ImportRun.objects.exists()


def test_a_source_that_cannot_be_read_at_all_is_an_error(do, found):
    found[:] = [SourceError("There is nothing at that place.")]
    with pytest.raises(CommandError, match="There is nothing at that place."):
        do()
    assert ImportRun.objects.get().state == "failed"


def test_a_source_that_breaks_off_is_no_error(do, found):
    found.append(SourceError("The file breaks off in line 3."))
    assert do().out.splitlines()[-1] == "Not all was read: The file breaks off in line 3."


def test_a_run_that_was_killed_is_finished_first(do):
    do()
    killed = imports.start(source=ImportSource.objects.get(), by=None, preview=False)
    said = do("--preview")
    assert "Going on  with a run that was broken off" in said.err
    killed.refresh_from_db()
    assert killed.state == "done"
    assert said.out.splitlines()[-1] == "Would be: 1 failed, 1 unchanged."


def test_an_interrupted_import_says_how_to_go_on(do, found, capsys):
    found.append(KeyboardInterrupt())
    with pytest.raises(SystemExit) as ended:
        do()
    assert ended.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert ImportRun.objects.get().state == "cancelled"


def test_two_places_of_one_name_are_two_sources(found, tmp_path):
    for folder in ("a/help", "b/help"):
        (tmp_path / folder).mkdir(parents=True)
        call_command("import_articles", str(tmp_path / folder), "--kind", "markdown", "--preview")
    assert sorted(ImportSource.objects.values_list("name", flat=True)) == ["help", "help 2"]


@pytest.mark.parametrize(
    "address", ["https://ada:geheim@larkfield.example/a", "HTTPS://ada:geheim@x.example", "x https://ada:geheim@[x"]
)
def test_a_password_in_an_address_is_neither_kept_nor_shown(found, address, capsys):
    with pytest.raises(CommandError) as refused:
        call_command("import_articles", address)
    assert "geheim" not in str(refused.value) + "".join(capsys.readouterr())
    assert not ImportSource.objects.exists() and not ImportRun.objects.exists()


def test_a_preview_shows_what_options_would_do_and_keeps_none_of_them(do):
    chosen = ("--publish", "--language", "de", "--category", "Shop", "--missing", "archive", "--name", "Another")
    before = ("publish", "language", "category", "missing")
    assert do("--preview", *chosen).out.splitlines()[-1] == "Would be: 1 failed, 1 new."
    assert ImportSource.objects.values_list(*before).get() == (False, "en", None, "keep")
    do()
    said = do("--preview", *chosen)
    assert "language: en → de" in said.out and "category: Imported → Shop" in said.out and "published" in said.out
    assert ImportSource.objects.values_list(*before).get() == (False, "en", None, "keep")
    assert list(Category.objects.values_list("name", flat=True)) == ["Imported"]
    do(*chosen)
    source = ImportSource.objects.get()
    assert (source.publish, source.language, source.category.name, source.name) == (True, "de", "Shop", "Another")
