"""What runs in the reading room: one question after another on standard input, until nobody asks any more.

Started by `reading_room` only. Arguments: bytes of memory, seconds a document, expansion, bytes a document.
"""

import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from typing import BinaryIO

from knowledge.importers.documents import BadDocument
from knowledge.importers.pages import read_fragment, read_page
from knowledge.importers.reading_room import SIZE, SIZES, Reading

RECURSION = 4_000  # enough for trees as deep as `pages` lets them be


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one document may cost: bytes of memory, seconds, growth when unpacked, bytes."""

    memory: int
    seconds: int
    expansion: int
    most: int


def main(bounds: Bounds) -> None:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing that a parser prints is taken for a reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    _limit(resource.RLIMIT_AS, bounds.memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    sys.setrecursionlimit(RECURSION)
    replies.write(b"+")
    replies.flush()
    while question := _question(sys.stdin.buffer):
        spent = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime) + 1 + bounds.seconds)
        reply = _reply(*question, bounds)
        text = json.dumps(reply).encode()
        replies.write(SIZE.pack(len(text)) + text)
        replies.flush()
        if reply.get("worn"):
            return


def _limit(kind: int, value: int) -> None:
    """Lowers what the process may use; where somebody set a lower bound already, that one stays."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _question(file: BinaryIO) -> tuple[dict[str, str], bytes] | None:
    sizes = file.read(SIZES.size)
    if len(sizes) < SIZES.size:
        return None
    header, data = SIZES.unpack(sizes)
    return json.loads(file.read(header)), file.read(data)


def _reply(question: dict[str, str], data: bytes, bounds: Bounds) -> dict:
    try:
        reading = _read(question, data, bounds)
    except BadDocument as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "Reading it needs more than {memory}.", "worn": True}
    except RecursionError:
        return {"error": "It is nested too deeply to be read.", "worn": True}
    return asdict(reading)


def _read(question: dict[str, str], data: bytes, bounds: Bounds) -> Reading:
    match question["kind"]:  # the parsers of files are imported when the first such file comes
        case "pdf":
            from knowledge.importers.pdf_files import read_pdf

            return read_pdf(data, seconds=bounds.seconds)
        case "docx":
            from knowledge.importers.docx_files import read_docx

            return read_docx(data, expansion=bounds.expansion, most=bounds.most)
        case "fragment":
            return read_fragment(data, base=question["base"])
        case _:
            return read_page(data, base=question["base"], charset=question["charset"])


if __name__ == "__main__":
    main(Bounds(*map(int, sys.argv[1:5])))
