"""Files that staff upload to be imported: kept in the data folder, for the owner's eyes, for a while."""

import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from knowledge.import_shelf import one_line
from knowledge.models import ImportSource

MIB = 1024 * 1024
UPLOADS_KEPT = 20  # as large as the largest, together
FREE_MB = 512  # of the disk that no upload may take: the database may lie there too
ORPHAN_HOURS = 24  # what no source names, after a process that was killed in between
# A reader knows a file by its ending, and may make a title of its name; each lies in a folder whose name is ours.
UNSAFE = re.compile(r"[^\w .()+-]")
MAX_STEM_CHARS, MAX_ENDING_CHARS = 50, 10  # of four bytes each; a name may have 255


class UploadRefused(ValueError):
    """A file that is not kept; the text is a sentence for the person who sent it."""


def folder() -> Path:
    path = settings.DATA_DIR / "imports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def check_size(size: int | None) -> None:
    """Raises UploadRefused for a file, or a whole request, that is larger than staff may send."""
    most = settings.IMPORT_UPLOAD_MB
    if size is not None and size > most * MIB:
        raise UploadRefused(
            f"The file has {size / MIB:,.0f} MB; {most:,} MB is the most. Divide it, or ask whoever runs the server "
            "to import it with manage.py import_articles."
        )


def check_room(size: int | None) -> None:
    """Raises UploadRefused where the disk, or the part of it that is for uploads, would be full with this file."""
    needed = size or 0
    kept = sum(map(_size, folder().glob("*/*")))
    if kept + needed > UPLOADS_KEPT * settings.IMPORT_UPLOAD_MB * MIB:
        raise UploadRefused(
            f"The files that were uploaded before have {kept / MIB:,.0f} MB together, and there is no room for another "
            "one. Delete imports that are no longer needed."
        )
    if shutil.disk_usage(folder()).free < needed + FREE_MB * MIB:
        raise UploadRefused("The server's disk is nearly full. Tell whoever runs the server.")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # deleted meanwhile
        return 0


def keep(source: ImportSource, file: UploadedFile) -> None:
    """Keep the file for this source, in place of an earlier one. The source is not saved."""
    check_size(file.size)
    check_room(file.size)
    place = uuid4().hex
    (folder() / place).mkdir(mode=0o700)
    shown = one_line((file.name or "").replace("\\", "/").rsplit("/", 1)[-1], 200) or "upload"
    name = safe_name(shown)
    descriptor = os.open(folder() / place / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        for piece in file.chunks():
            out.write(piece)
    drop(source)
    source.upload, source.upload_name, source.uploaded, source.location = place, shown, timezone.now(), ""


def safe_name(shown: str) -> str:
    """A name for a file of ours, like the one that it had."""
    stem, dot, ending = UNSAFE.sub("_", shown).rpartition(".")
    stem, ending = (stem, f"{dot}{ending}"[:MAX_ENDING_CHARS]) if stem.strip(" ._") else (ending, "")
    return (stem.strip(" .")[:MAX_STEM_CHARS] or "upload") + ending


def drop(source: ImportSource) -> None:
    """Delete the file of a source. The source is not saved."""
    if source.upload:
        shutil.rmtree(_folder_of(source), ignore_errors=True)
        source.upload = ""


def path_of(source: ImportSource) -> Path | None:
    """The file of a source that has one, if it is still there."""
    if not source.upload:
        return None
    path = _folder_of(source) / safe_name(source.upload_name)
    return path if path.is_file() else None


def _folder_of(source: ImportSource) -> Path:
    return folder() / UUID(hex=source.upload).hex


def expire() -> int:
    """Delete what was uploaded long ago, and files that no source names. Gives how many."""
    old = timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS)
    gone = 0
    for source in ImportSource.objects.filter(uploaded__lt=old).exclude(upload=""):
        drop(source)
        source.save(update_fields=["upload"])
        gone += 1
    named = set(ImportSource.objects.exclude(upload="").values_list("upload", flat=True))
    young = (timezone.now() - timedelta(hours=ORPHAN_HOURS)).timestamp()
    with os.scandir(folder()) as entries:
        left = [entry.path for entry in entries if entry.name not in named and entry.stat().st_mtime < young]
    for place in left:
        shutil.rmtree(place, ignore_errors=True)
    return gone + len(left)
