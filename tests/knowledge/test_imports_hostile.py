"""Hostile files end to end: each is one clear line of the report, and the good ones beside them are imported."""

import io
import tracemalloc
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pypdf import PdfWriter

from knowledge import import_files, imports, tasks
from knowledge.models import Article, ImportedArticle, ImportSource

pytestmark = pytest.mark.django_db

GOOD = b"# Prices\n\nSaturday costs \xc2\xa39.95."
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(9))
    + b"]><w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'>&j;</w:document>"
)


@pytest.fixture
def bring_in(ada, monkeypatch, settings, tmp_path):
    """Upload a file and import it; gives the run and its report as {key: (action, message)}."""
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    settings.DATA_DIR = tmp_path / "data"

    def bring_in(name, content, kind="", source=None):
        source = source or ImportSource(name=name or "x", kind=kind, publish=True, missing="archive", by=ada)
        import_files.keep(source, SimpleUploadedFile(name, content))
        source.save()
        run = imports.start(source=source, by=ada, preview=False)
        imports.carry_out(run.pk)
        run.refresh_from_db()
        assert run.is_finished
        return run, {item.key: (item.action, item.message) for item in run.items.all()}

    return bring_in


def packed(**files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def pdf_without_text():
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()


BAD = {
    "empty.md": b"",
    "blank.md": b"\n \n",
    "scan.pdf": pdf_without_text(),
    "broken.pdf": b"%PDF-1.7 and no more",
    "laughs.docx": packed(**{"word/document.xml": LAUGHS, "[Content_Types].xml": b"<Types/>"}),
    "nested.zip": packed(**{"good.md": GOOD}),
    "line.md": b"x" * (50 * 1024 * 1024),
    "binary.md": bytes(range(256)) * 40,
    "../outside.md": GOOD,
    "/etc/absolute.md": GOOD,
}


def test_each_bad_file_of_an_archive_is_a_line_and_the_good_ones_are_imported(bring_in, tmp_path):
    good = {"good.md": GOOD, "guide/latin.md": "# Größe\n\nSchön groß.".encode("latin-1")}
    run, report = bring_in("mixed.zip", packed(**BAD, **good), kind="files")
    assert run.state == "done", run.error
    failed = {key: message for key, (action, message) in report.items() if action == "failed"}
    for name in BAD:
        assert any(name.rsplit("/", 1)[-1] in key for key in failed), (name, report)
    for key, message in failed.items():
        assert 10 < len(message) <= 300 and "\n" not in message and message.endswith("."), (key, message)
        assert "Traceback" not in message and str(tmp_path) not in message
    assert {key for key, (action, _) in report.items() if action == "new"} == set(good)
    assert Article.objects.get(title="Größe").body.endswith("Schön groß.")
    assert not (tmp_path / "outside.md").exists()
    assert sorted(path.name for path in import_files.folder().rglob("*.md")) == []


def test_fifty_megabytes_of_one_line_take_no_memory_to_speak_of(bring_in):
    tracemalloc.start()
    run, report = bring_in("line.csv", b"title,body\n" + b"x" * (50 * 1024 * 1024), kind="table")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert run.state == "failed" and "longer than" in run.error
    assert peak < 300 * 1024 * 1024


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.zip", packed()),
        ("empty.md", b""),
        ("empty.csv", b""),
        ("broken.zip", b"PK\x03\x04 and no more"),
        ("broken.jsonl", b'{"title": '),
        ("deep.json", b"[" * 100_000),
        ("nothing.xyz", b"\x00\x01\x02"),
        ("", b"\x00"),
    ],
)
def test_a_source_that_is_bad_as_a_whole_is_one_sentence(name, content, bring_in):
    run, report = bring_in(name, content) if name else bring_in("x", content)
    said = run.error or next(iter(report.values()))[1]
    assert run.state == "failed" or set(action for action, _ in report.values()) == {"failed"}
    assert 10 < len(said) <= 500 and "\n" not in said
    assert not Article.objects.exists()


def test_a_good_source_that_turns_bad_takes_nothing_away(bring_in):
    pages = {f"{number}.md": f"# Page {number}\n\nText {number}.".encode() for number in range(6)}
    run, _ = bring_in("help.zip", packed(**pages))
    assert run.counts == {"new": 6}
    for bad in (b"", b"PK\x03\x04 broken", packed(), packed(**{"0.md": pages["0.md"]})):
        bring_in("help.zip", bad, source=run.source)
        assert Article.objects.filter(status="published").count() == 6
    assert not ImportedArticle.objects.filter(missing_since__isnull=False).exists()


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/", "http://localhost:5432/",
        "http://10.0.0.1/sitemap.xml", "http://0x7f000001/", "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_private_addresses_are_not_asked(address, ada, monkeypatch):
    source = ImportSource.objects.create(name="x", location=address, publish=True, by=ada)
    run = imports.start(source=source, by=ada, preview=False)
    imports.carry_out(run.pk)
    run.refresh_from_db()
    said = run.error or run.items.get().message
    assert not Article.objects.exists() and 10 < len(said) <= 500, said
    assert run.state == "failed" or run.counts == {"failed": 1}
