"""Sources that are large on purpose are read in bounded memory and time: measured in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path

from knowledge.importers.documents import Limits
from knowledge.importers.reading_room import ReadingRoom
from tests.knowledge.importers.makers import write, zipped

PROJECT = Path(__file__).resolve().parents[3]
MOST_MIB = 420
# Reads each source to its end and tells the lines of its report; the last line is the peak of memory in MiB: that of
# the process alone, where getrusage has that of the process that started it, too.
SCRIPT = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from knowledge.importers import Limits, SourceError, Unreadable, read
for kind, place in json.loads(sys.argv[1]):
    said = []
    try:
        for found in read(kind, place, limits=Limits()):
            said.append(found.reason if isinstance(found, Unreadable) else "good")
    except SourceError as error:
        said.append(error.text)
    print(json.dumps(said))
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_fifty_megabytes_of_one_line_are_one_line_in_the_report(tmp_path):
    line = b"word " * 10_000_000
    write(
        tmp_path,
        {
            "folder/a.md": line,
            "folder/b.html": b"<p>" + line,
            "folder/c.txt": line,
            "folder/good.md": "Good",
            "a.csv": b"title,body\nA," + line,
            "b.csv": line,
            "a.jsonl": b'{"id": "1", "body": "x"}\n' + line + b'\n{"id": "2", "body": "y"}',
            "b.jsonl": line,
            "a.json": b'{"articles": [' + line,
            "a.xml": line,
        },
    )
    (tmp_path / "a.zip").write_bytes(zipped({"a.md": line, "good.md": b"Good"}))
    sources = [
        ("markdown", "folder"), ("markdown", "a.zip"), ("table", "a.csv"), ("table", "b.csv"), ("table", "a.jsonl"),
        ("table", "b.jsonl"), ("zendesk", "a.json"), ("sitemap", "a.xml"),
    ]  # fmt: skip
    places = json.dumps([(kind, str(tmp_path / name)) for kind, name in sources])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, places], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    *reports, peak = done.stdout.splitlines()
    large = "The file is larger than 20 MiB."
    folder, archive, csv, one, lines, no_lines, export, sitemap = map(json.loads, reports)
    assert folder == [large, large, large, "good"]
    assert archive == [large, "good"]
    assert csv == ["Line 2 of the table is longer than 20 MiB."]
    assert one == ["Line 1 of the table is longer than 20 MiB."]
    assert lines == ["good", "The line is longer than 20 MiB.", "good"]
    for said, words in ((no_lines, "The line is longer"), (export, "The file is not JSON"), (sitemap, "not a sitemap")):
        assert len(said) == 1 and words in said[0], said
    assert all("\n" not in line for report in reports for line in json.loads(report))
    assert int(peak) < MOST_MIB


def test_the_process_that_reads_documents_knows_no_secrets_and_ends_with_its_room(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    with ReadingRoom(Limits()) as room:
        assert room.read("fragment", b"<p>x</p>").body == "x"
        process = Path(f"/proc/{room._process.pid}")
        assert b"do-not-tell" not in (process / "environ").read_bytes()
    assert not process.exists()
