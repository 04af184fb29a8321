"""A folder or a zip archive as the same thing: files with relative names, read one by one within bounds."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from knowledge.importers.documents import MIB, BadDocument, Limits, SourceError, Unreadable, mib, one_line

ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"}
SKIPPED_FOLDERS = {"__MACOSX", "node_modules"}
MAX_ARCHIVE_BYTES = 512 * MIB
MAX_DIRECTORY_BYTES = 16 * MIB
END, END_64 = b"PK\x05\x06", b"PK\x06\x07"
END_BYTES, LONGEST_COMMENT = 22, 65_535
# Anything small may be packed well: the ratio is looked at from here on.
RATIO_FROM = MIB
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True, slots=True)
class File:
    """One file of a tree. `read` gives its bytes while the walk stands at it; raises BadDocument."""

    name: str  # relative, with "/" between folders
    read: Callable[[], bytes]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()


class Budget:
    """Bytes that an import may still read. Raises SourceError when they are used up."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.bytes_in_all

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise SourceError(f"The source holds more than {mib(self._limits.bytes_in_all)}. Import it in parts.")


def path_of(location: str) -> Path:
    """The path that somebody typed. SourceError if it is none."""
    if not location.strip() or "\x00" in location:
        raise SourceError("Say which file or folder of the server to read.")
    return Path(location)


def walk(location: Path, limits: Limits) -> Iterator[File | Unreadable]:
    """The files of a folder, of a zip archive, or the one file, in the order of their names. SourceError."""
    budget = Budget(limits)
    if location.is_dir():
        yield from _bounded(_folder(location.resolve(), limits, budget), limits)
    elif is_zip(location):
        yield from _bounded(_archive(location, limits, budget), limits)
    elif location.is_file():
        yield File(clean_name(location.name), lambda: read_file(location, limits.bytes_a_document))
    else:
        raise SourceError(f"There is no file or folder “{one_line(str(location))[:200]}” on the server.")


def _bounded(files: Iterator[File | Unreadable], limits: Limits) -> Iterator[File | Unreadable]:
    for number, file in enumerate(files):
        if number >= limits.entries:
            raise SourceError(f"There are more than {limits.entries:,} files. Import the folder in parts.")
        if isinstance(file, File) and file.suffix in ARCHIVES:
            yield Unreadable(file.name, "This is an archive within the source. Unpack it and import what it holds.")
        else:
            yield file


def is_zip(location: Path) -> bool:
    """Whether a file is a zip of files; DOCX files are zips too, and are not meant."""
    if not location.is_file() or location.suffix.lower() in {".docx", ".xlsx", ".pptx", ".odt", ".epub"}:
        return False
    with open_regular(location) as file:
        return file.read(4) in (b"PK\x03\x04", END)


def clean_name(name: str) -> str:
    """A name that can be stored: file systems and archives may hold bytes that are no text."""
    return one_line(name.encode("utf-8", "replace").decode("utf-8"))


@contextmanager
def open_regular(path: Path | str, *, folder: int | None = None) -> Iterator[BinaryIO]:
    """An ordinary file: no link within the source, no pipe that waits for ever. BadDocument otherwise."""
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if folder is not None else 0)
    try:
        handle = os.open(path, flags, dir_fd=folder)
    except OSError as error:
        raise BadDocument(f"The file cannot be opened: {error.strerror or error}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BadDocument("This is not an ordinary file.")
    with open(handle, "rb") as file:
        yield file


def read_file(path: Path | str, most: int, *, folder: int | None = None, budget: Budget | None = None) -> bytes:
    with open_regular(path, folder=folder) as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise BadDocument(f"The file cannot be read: {error.strerror or error}.") from None
    if len(data) > most:
        raise BadDocument(f"The file is larger than {mib(most)}.")
    if budget:
        budget.take(len(data))
    return data


def _folder(root: Path, limits: Limits, budget: Budget) -> Iterator[File | Unreadable]:
    failed: list[OSError] = []
    try:
        yield from _walked(root, limits, budget, failed)
    except RecursionError:
        raise SourceError("The folders are nested too deeply.") from None
    if failed:
        raise SourceError(f"A part of the folder cannot be read: {failed[0].strerror}.")


def _walked(root: Path, limits: Limits, budget: Budget, failed: list[OSError]) -> Iterator[File | Unreadable]:
    entries = 0
    for place, folders, names, handle in os.fwalk(root, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not _is_skipped(name))
        entries += len(folders) + len(names)
        if entries > limits.entries:
            raise SourceError(f"There are more than {limits.entries:,} files. Import the folder in parts.")
        here = PurePosixPath(os.path.relpath(place, root))
        for name in sorted(folders):
            if stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
                yield Unreadable(clean_name(str(here / name)), "This is a link to another place and is not followed.")
        for name in sorted(name for name in names if not _is_skipped(name)):
            yield _file_of(here, name, handle, limits, budget)


def _is_skipped(name: str) -> bool:
    return (name.startswith(".") and not name.startswith("..")) or name in SKIPPED_FOLDERS


def _file_of(here: PurePosixPath, name: str, handle: int, limits: Limits, budget: Budget) -> File | Unreadable:
    shown = clean_name(str(here / name))
    try:
        mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
    except OSError as error:
        return Unreadable(shown, f"The file cannot be read: {error.strerror}.")
    if stat.S_ISLNK(mode):
        return Unreadable(shown, "This is a link to another place and is not followed.")
    return File(shown, lambda: read_file(name, limits.bytes_a_document, folder=handle, budget=budget))


def _archive(path: Path, limits: Limits, budget: Budget) -> Iterator[File | Unreadable]:
    _check_directory(path, limits)
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            for info in sorted(archive.infolist(), key=lambda info: info.filename):
                hidden = any(_is_skipped(part) for part in info.filename.split("/"))
                if not info.is_dir() and not hidden:
                    yield _member(archive, info, limits, budget)
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError) as error:
        raise SourceError(f"The zip archive is broken: {one_line(str(error))[:100]}.") from None


def _check_directory(path: Path, limits: Limits) -> None:
    """The list of a zip's files is read at once by `zipfile`; its size is looked at before. SourceError."""
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_ARCHIVE_BYTES:
            raise SourceError(f"The zip archive is larger than {mib(MAX_ARCHIVE_BYTES)}. Divide it.")
        file.seek(max(0, size - END_BYTES - LONGEST_COMMENT - 20))
        tail = file.read()
    place = len(tail) - END_BYTES if tail[-END_BYTES:].startswith(END) and tail.endswith(b"\0\0") else tail.rfind(END)
    if place < 0 or len(tail) - place < END_BYTES:
        raise SourceError("The zip archive is broken: its end is missing.")
    entries, length = struct.unpack_from("<HL", tail, place + 10)
    if tail[max(0, place - 20) :].startswith(END_64) or entries > limits.entries or length > MAX_DIRECTORY_BYTES:
        raise SourceError("The zip archive lists too many files. Divide it.")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits, budget: Budget) -> File | Unreadable:
    name = clean_name(info.filename)
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0] or "\\" in info.filename:
        return Unreadable(name, "The name of this file leads out of the archive.")
    if stat.S_ISLNK(info.external_attr >> 16):
        return Unreadable(name, "This is a link to another place and is not followed.")
    if info.flag_bits & 0x1:
        return Unreadable(name, "This file is encrypted.")
    if info.compress_type not in METHODS:
        return Unreadable(name, "This file is packed in a rare way. Pack the archive anew as an ordinary zip.")
    if info.file_size > limits.bytes_a_document:
        return Unreadable(name, f"The file is larger than {mib(limits.bytes_a_document)}.")
    if info.file_size > RATIO_FROM and info.file_size > limits.expansion * max(1, info.compress_size):
        return Unreadable(name, f"The file unpacks to more than {limits.expansion} times its size, as no text does.")
    return File(name, lambda: _unpack(archive, info, limits, budget))


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits, budget: Budget) -> bytes:
    try:
        with archive.open(info) as file:
            data = file.read(limits.bytes_a_document + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        raise BadDocument("This file of the archive is damaged.") from None
    budget.take(len(data))
    if len(data) > limits.bytes_a_document:
        raise BadDocument(f"The file is larger than {mib(limits.bytes_a_document)}.")
    return data
