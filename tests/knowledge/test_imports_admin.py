"""Imports in the admin: add a source, preview, import, follow, cancel, and read the report."""

import csv
import io
import os
import stat
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from knowledge import import_files, import_tasks, imports, publishing, tasks
from knowledge.importers import Document, SourceError, Unreadable
from knowledge.models import Article, ImportRun, ImportSource
from tests.knowledge.conftest import seems_to_hold

LIST = "/admin/knowledge/importsource/"
MARKDOWN = b"# Prices\n\nDelivery is free."

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_hints(monkeypatch, settings, tmp_path):
    """Runs wait until the test carries them out; files lie in a folder of the test."""
    monkeypatch.setattr(tasks, "hint", lambda *_: None)
    monkeypatch.setattr(import_tasks, "hint", lambda *_: None)
    settings.DATA_DIR = tmp_path


@pytest.fixture
def found(monkeypatch):
    found = [
        Document("a.md", "Prices", "Delivery is **free**. <script>alert(1)</script>"),
        Unreadable("=cmd|' /C calc'!A0", "=It has no text."),
    ]
    seems_to_hold(monkeypatch, found)
    return found


@pytest.fixture
def desk(client, ada):
    """Ada's browser; she may import."""
    names = [f"{verb}_importsource" for verb in ("view", "add", "change", "delete")]
    ada.user_permissions.add(*Permission.objects.filter(codename__in=[*names, "view_article", "change_article"]))
    client.force_login(ada)
    return client


@pytest.fixture
def source(ada):
    return ImportSource.objects.create(name="Shop", kind="web", location="https://larkfield.example/help", by=ada)


def form(**changed):
    return {"name": "", "location": "", "kind": "", "category": "", "language": "en", "audience": "public",
            "missing": "keep", "publish": "on"} | changed  # fmt: skip


def upload(name="guide.md", content=MARKDOWN):
    return SimpleUploadedFile(name, content)


def text(response):
    return response.content.decode()


def carried_out(source, **options):
    run = imports.start(source=source, by=source.by, **({"preview": False} | options))
    imports.carry_out(run.pk)
    run.refresh_from_db()
    return run


def test_a_file_is_added_previewed_and_imported(desk, found, ada):
    response = desk.post(LIST + "add/", form(file=upload(), _preview="1"), follow=True)
    run = ImportRun.objects.get()
    assert run.preview and run.by == ada and "It waits for a worker." in text(response)
    source = ImportSource.objects.get()
    assert (source.name, source.upload_name, source.by) == ("guide.md", "guide.md", ada)

    imports.carry_out(run.pk)
    page = text(desk.get(response.request["PATH_INFO"]))
    assert "Nothing is written by a preview." in page and "<strong>free</strong>" in page
    assert "<script>alert" not in page and "1 failed, 1 new" in page
    assert not Article.objects.exists()

    response = desk.post(f"{LIST}{source.pk}/start/", {"mode": "import"}, follow=True)
    imports.carry_out(ImportRun.objects.first().pk)
    article = Article.objects.get()
    page = text(desk.get(response.request["PATH_INFO"]))
    assert article.is_live and f"/admin/knowledge/article/{article.pk}/change/" in page
    assert page.index("=It has no text.") < page.index("a.md")  # failures first


def test_the_pages_of_a_run_move_and_end(desk, found, source):
    run = imports.start(source=source, by=None, preview=False)
    page = f"{LIST}runs/{run.pk}/"
    assert desk.get(f"{page}state/").json() == {
        "kind": "waiting", "label": "Waiting", "text": "It waits for a worker.", "value": 0, "most": 0, "moving": True,
    }  # fmt: skip
    ImportRun.objects.update(created=timezone.now() - timedelta(minutes=5))
    assert "they are busy, or do not run." in desk.get(f"{page}state/").json()["text"]
    ImportRun.objects.update(state="writing", found=9, planned=7, written=3)
    assert desk.get(f"{page}state/").json()["text"] == "9 documents read. 3 of 7 written."
    assert 'value="3"' in text(desk.get(page)) and "Cancel" in text(desk.get(page))

    desk.post(f"{page}cancel/")
    imports.carry_out(run.pk)
    assert "Somebody cancelled it." in desk.get(f"{page}state/").json()["text"]
    assert "Import again" in text(desk.get(page))


def test_a_report_is_filtered_and_downloaded_without_formulas(desk, found, source):
    run = carried_out(source)
    page = f"{LIST}runs/{run.pk}/"
    assert "a.md" not in text(desk.get(page, {"action": "failed"}))
    assert "a.md" in text(desk.get(page, {"action": "nonsense", "page": "x"}))
    response = desk.get(f"{page}report.csv")
    rows = list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"))))
    assert rows[0] == ["action", "document", "title", "address", "message"]
    assert rows[1] == ["Failed", "'=cmd|' /C calc'!A0", "", "", "'=It has no text."]
    assert rows[2] == ["New", "a.md", "Prices", "/help/prices/", ""]


def test_overwriting_and_many_missing_are_asked_for_where_they_matter(desk, found, source, ada):
    source.missing = "archive"
    source.save()
    found[:] = [Document(f"{number}.md", f"Page {number}", "Text.") for number in range(5)]
    carried_out(source)
    article = Article.objects.get(slug="page-0")
    article.body = "Edited."
    publishing.save_draft(article=article, by=ada)
    found[:] = [Document("0.md", "Page 0", "Newer.")]
    run = carried_out(source)
    page = text(desk.get(f"{LIST}runs/{run.pk}/"))
    assert 'name="overwrite"' in page and 'name="allow_missing"' in page
    assert "4 documents that were imported before are gone" in page

    desk.post(f"{LIST}{source.pk}/start/", {"mode": "import", "overwrite": "on", "allow_missing": "on"})
    imports.carry_out(ImportRun.objects.first().pk)
    article.refresh_from_db()
    assert article.body == "Newer." and Article.objects.filter(status="archived").count() == 4


def test_what_cannot_be_read_is_one_sentence(desk, found, source):
    found[:] = [SourceError("The page redirects to a private address.")]
    run = carried_out(source)
    page = text(desk.get(f"{LIST}runs/{run.pk}/"))
    assert "The page redirects to a private address." in page and "Traceback" not in page


class TestTheForm:
    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({}, "Give a file or an address to import from."),
            ({"location": "/etc"}, "Folders of the server can be imported with manage.py import_articles"),
            ({"location": "file:///etc/passwd"}, "Begin the address with https://"),
            ({"location": "https://"}, "is not a whole address"),
            ({"location": "https://[broken"}, "is not a whole address"),
            ({"location": "https://larkfield.example /etc/passwd"}, "/etc/passwd is not a whole address"),
            ({"location": "https://ada:secret@larkfield.example"}, "Leave the name and password out of the address"),
            ({"location": "https://larkfield.example", "file": True}, "Give a file or an address, not both."),
            ({"location": "https://larkfield.example", "kind": "gopher"}, "is not one of the available choices"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_sentence(self, given, sentence, desk):
        given = given | ({"file": upload()} if given.get("file") else {})
        response = desk.post(LIST + "add/", form(_save="1", **given))
        assert response.status_code == 200 and sentence in text(response)
        assert not ImportSource.objects.exists() and not list(import_files.folder().iterdir())

    def test_a_folder_of_the_server_only_where_the_settings_allow_it(self, desk, settings, tmp_path):
        for name in ("allowed/docs", "allowed-not"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "allowed/link").symlink_to(tmp_path / "allowed-not")
        settings.IMPORT_FOLDERS = [tmp_path / "allowed"]
        for wrong in ("allowed-not", "allowed/../allowed-not", "allowed/link", ""):
            response = desk.post(LIST + "add/", form(_save="1", location=str(tmp_path / wrong)))
            assert "Only addresses and these folders" in text(response), wrong
        desk.post(LIST + "add/", form(_save="1", location=str(tmp_path / "allowed/docs")))
        source = ImportSource.objects.get()
        assert source.name == "docs"
        settings.IMPORT_FOLDERS = []
        response = desk.post(f"{LIST}{source.pk}/start/", {"mode": "import"}, follow=True)
        assert "can be imported with manage.py import_articles" in text(response)
        assert not ImportRun.objects.exists()

    def test_the_size_is_named_in_a_sentence(self, desk, settings):
        settings.IMPORT_UPLOAD_MB = 1
        assert "1 MB at most" in text(desk.get(LIST + "add/"))
        response = desk.post(LIST + "add/", form(_save="1", file=upload(content=b"x" * (3 * 1024 * 1024))))
        assert "The file has 3 MB; 1 MB is the most." in text(response)

    def test_a_second_source_of_one_name_gets_a_number(self, desk):
        for _ in range(2):
            desk.post(LIST + "add/", form(_save="1", file=upload()))
        assert list(ImportSource.objects.values_list("name", flat=True)) == ["guide.md", "guide.md 2"]

    def test_a_second_run_meanwhile_leads_to_the_first(self, desk, source):
        run = imports.start(source=source, by=None, preview=False)
        response = desk.post(f"{LIST}{source.pk}/start/", {"mode": "import"}, follow=True)
        assert response.request["PATH_INFO"] == f"{LIST}runs/{run.pk}/"
        assert "is being read already" in text(response)


class TestUploads:
    def add(self, desk, name="guide.md"):
        desk.post(LIST + "add/", form(_save="1", file=upload(name)))
        return ImportSource.objects.get()

    def test_the_disk_is_not_filled(self, desk, settings, monkeypatch):
        settings.IMPORT_UPLOAD_MB = 1
        monkeypatch.setattr(import_files, "UPLOADS_KEPT", 2)
        first = self.add(desk)
        import_files.path_of(first).write_bytes(b"x" * 2 * 1024 * 1024)
        response = desk.post(LIST + "add/", form(_save="1", file=upload("b.md")))
        assert "have 2 MB together, and there is no room for another one" in text(response)
        with pytest.raises(import_files.UploadRefused):
            import_files.keep(ImportSource(), upload("b.md"))
        monkeypatch.setattr(import_files, "UPLOADS_KEPT", 20)
        monkeypatch.setattr(import_files, "FREE_MB", 10**9)
        response = desk.post(LIST + "add/", form(_save="1", file=upload("b.md")))
        assert "disk is nearly full" in text(response) and ImportSource.objects.count() == 1

    def test_a_file_is_for_the_owners_eyes_and_goes_with_its_source(self, desk):
        source = self.add(desk)
        path = import_files.path_of(source)
        assert path.read_bytes() == MARKDOWN
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
        asked = text(desk.get(f"{LIST}{source.pk}/delete/"))
        assert "its articles stay" in asked
        desk.post(f"{LIST}{source.pk}/delete/", {"post": "yes"})
        assert not path.exists() and not ImportSource.objects.exists()

    @pytest.mark.parametrize(
        ("name", "shown", "kept"),
        [
            ("../../etc/cron.d/x.zip", "x.zip", "x.zip"),
            ("..\\..\\boot.ini", "boot.ini", "boot.ini"),
            ("x.<script>", "x.<script>", "x._script_"),
            ("=1+1.csv", "=1+1.csv", "_1+1.csv"),
            ("a\x00b\n.md", "ab .md", "ab.md"),
            ("..", "..", "upload"),
            (".htaccess", ".htaccess", "htaccess"),
            ("", "upload", "upload"),
            ("Größe (2).pdf", "Größe (2).pdf", "Größe (2).pdf"),
            ("a" * 300 + ".md", None, None),
        ],
    )
    def test_a_hostile_name_is_shown_and_nothing_else(self, name, shown, kept, ada):
        source = ImportSource(name="x", by=ada)
        file = upload("x")
        file._name = name
        import_files.keep(source, file)
        path = import_files.path_of(source)
        assert path.parent.parent == import_files.folder() and path.parent.name == source.upload
        assert len(source.upload_name) <= 200 and len(path.name.encode()) <= 255
        if shown:
            assert (source.upload_name, path.name) == (shown, kept)

    def test_another_file_takes_the_place_of_the_first(self, desk):
        source = self.add(desk)
        first = import_files.path_of(source)
        desk.post(f"{LIST}{source.pk}/change/", form(_save="1", name="guide", file=upload("new.zip")))
        source.refresh_from_db()
        assert not first.exists() and source.upload_name == "new.zip" and import_files.path_of(source).exists()
        assert len(list(import_files.folder().iterdir())) == 1

    def test_saving_the_form_without_a_file_keeps_the_one_there_is(self, desk):
        source = self.add(desk)
        desk.post(f"{LIST}{source.pk}/change/", form(_save="1", name="Guide"))
        source.refresh_from_db()
        assert source.name == "Guide" and import_files.path_of(source).exists()

    def test_files_are_deleted_after_their_days(self, desk, settings):
        source = self.add(desk)
        path = import_files.path_of(source)
        orphan = import_files.folder() / "left-behind"
        orphan.mkdir()
        import_tasks.sweep()
        assert path.exists() and orphan.exists()
        old = timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS + 1)
        ImportSource.objects.update(uploaded=old)
        os.utime(orphan, (old.timestamp(), old.timestamp()))
        import_tasks.sweep()
        assert not path.exists() and not orphan.exists()
        source.refresh_from_db()
        assert "Upload it again." in carried_out(source).error


class TestWhoMay:
    def test_without_the_permission_there_is_nothing(self, client, bea, source, found):
        run = carried_out(source)
        client.force_login(bea)
        for address in (LIST, f"{LIST}add/", f"{LIST}runs/{run.pk}/", f"{LIST}runs/{run.pk}/report.csv"):
            assert client.get(address).status_code == 403, address
        assert client.post(f"{LIST}{source.pk}/start/").status_code == 403
        assert client.post(f"{LIST}runs/{run.pk}/cancel/").status_code == 403

    def test_who_may_look_may_not_run(self, client, bea, source, found):
        run = carried_out(source)
        bea.user_permissions.add(Permission.objects.get(codename="view_importsource"))
        client.force_login(bea)
        assert "Import again" not in text(client.get(f"{LIST}runs/{run.pk}/"))
        assert client.post(f"{LIST}{source.pk}/start/").status_code == 403

    def test_nothing_happens_by_a_link(self, desk, source):
        assert desk.get(f"{LIST}{source.pk}/start/").status_code == 405
        run = imports.start(source=source, by=None, preview=False)
        assert desk.get(f"{LIST}runs/{run.pk}/cancel/").status_code == 405


def test_an_empty_list_of_articles_offers_an_import_to_those_who_may(desk, ada, bea, client):
    articles = "/admin/knowledge/article/"
    ada.user_permissions.add(Permission.objects.get(codename="add_article"))
    assert f'href="{LIST}add/">import a folder</a>' in text(desk.get(articles))
    bea.user_permissions.add(*Permission.objects.filter(codename__in=["view_article", "add_article"]))
    client.force_login(bea)
    page = text(client.get(articles))
    assert "Write one" in page and "importsource" not in page


def test_the_list_tells_where_from_how_many_and_how_the_last_run_ended(desk, source, found):
    assert "0 imports" in text(desk.get(LIST, {"q": "nothing like it"}))
    carried_out(source)
    page = text(desk.get(LIST))
    assert "https://larkfield.example/help" in page and "Web pages" in page and "kb-live" in page


def test_deleting_a_source_ends_its_run(desk, source, found):
    run = imports.start(source=source, by=None, preview=False)
    desk.post(LIST, {"action": "delete_selected", "_selected_action": [str(source.pk)], "post": "yes"})
    assert not ImportRun.objects.exists() and not imports.carry_out(run.pk)
