"""JSON values out of a file (one value, or one a line; gzip or not), a folder or a zip of such files."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from knowledge.importers.documents import MIB, BadDocument, Limits, SourceError, Unreadable, mib
from knowledge.importers.encodings import decode
from knowledge.importers.trees import File, is_zip, open_regular, walk

LINES = {".jsonl", ".ndjson"}
GZIP = b"\x1f\x8b"
# Anything small may be packed well: the ratio is looked at from here on.
RATIO_FROM = 8 * MIB
Value = tuple[str, object]  # where it stands, for the report; and what json made of it


class Unpacking(io.RawIOBase):
    """Counts what is read of an unpacked file. Raises SourceError where there is too much, or suspiciously much."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, packed: BinaryIO | None, limits: Limits) -> None:
        self._file, self._packed, self._limits = file, packed, limits
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._file.read(len(buffer))
        except (zlib.error, EOFError, OSError):
            raise SourceError("The packed file breaks off or is damaged.") from None
        buffer[: len(data)] = data
        self._given += len(data)
        if self._given > self._limits.bytes_in_all:
            raise SourceError(f"The file holds more than {mib(self._limits.bytes_in_all)}. Import it in parts.")
        if self._packed and self._given > max(RATIO_FROM, self._limits.expansion * self._packed.tell()):
            raise SourceError(f"The file unpacks to more than {self._limits.expansion} times its size; no text does.")
        return len(data)


@contextmanager
def open_unpacked(path: Path, limits: Limits) -> Iterator[io.BufferedReader]:
    """The bytes of a file; gzip is known by its first bytes, whatever the file is called."""
    with open_regular(path) as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=raw) as file:
                yield io.BufferedReader(Unpacking(file, raw, limits), 256 * 1024)
        else:
            yield io.BufferedReader(Unpacking(raw, None, limits), 256 * 1024)


def read_values(location: Path, limits: Limits) -> Iterator[Value | Unreadable]:
    """All values, in the order of files and lines. SourceError where there is no JSON at all."""
    if location.is_dir() or is_zip(location):
        for file in walk(location, limits):
            if isinstance(file, Unreadable):
                yield file
            elif file.suffix in LINES | {".json"}:
                yield from _values_of(file, limits)
        return
    if not location.is_file():
        raise SourceError(f"There is no file or folder “{location.name[:200]}” on the server.")
    with open_unpacked(location, limits) as unpacked:
        start = unpacked.readline(limits.bytes_a_document)
        if _is_json(start) and unpacked.peek(1):
            yield from _lines(unpacked, start, limits)
            return
        data = start + unpacked.read(limits.bytes_a_file + 1 - len(start))
    if not data.strip():
        raise SourceError("The file is empty.")
    if len(data) > limits.bytes_a_file:
        raise SourceError(f"The file is one JSON value of more than {mib(limits.bytes_a_file)}. Export it in pages.")
    try:
        yield location.name, parse(data)
    except BadDocument as error:
        if location.suffix.lower().removesuffix(".gz") in LINES or b"\n{" in data:
            yield from _lines(io.BufferedReader(io.BytesIO(data)), b"", limits)
        else:
            raise SourceError(f"The file is not JSON: {error}") from None


def _values_of(file: File, limits: Limits) -> Iterator[Value | Unreadable]:
    try:
        data = file.read()
        if file.suffix in LINES:
            for value in _lines(io.BufferedReader(io.BytesIO(data)), b"", limits):
                yield value if isinstance(value, Unreadable) else (f"{file.name}, {value[0]}", value[1])
        else:
            yield file.name, parse(data)
    except BadDocument as error:
        yield Unreadable(file.name, str(error))


def _lines(file: io.BufferedReader, start: bytes, limits: Limits) -> Iterator[Value | Unreadable]:
    number, line = 1, start or file.readline(limits.bytes_a_document)
    good = 0
    while line:
        name = f"line {number}"
        if len(line) >= limits.bytes_a_document and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(MIB)
            yield Unreadable(name, f"The line is longer than {mib(limits.bytes_a_document)}.")
        elif line.strip():
            try:
                yield name, parse(line)
                good += 1
            except BadDocument as error:
                yield Unreadable(name, str(error))
        if not good and number > limits.documents:
            raise SourceError("The file is neither JSON nor JSON lines.")
        number, line = number + 1, file.readline(limits.bytes_a_document)


def parse(data: bytes) -> object:
    """A JSON value in any encoding. BadDocument says where it is wrong."""
    text, _ = decode(data)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadDocument(f"{error.msg} (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise BadDocument("The JSON is nested too deeply.") from None
    except ValueError:  # an integer of thousands of digits
        raise BadDocument("The JSON holds a number that is too long.") from None


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(parse(line), dict)
    except BadDocument:
        return False
