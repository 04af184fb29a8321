"""CSV as spreadsheets read it, in which no cell is run as a formula."""

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

# A cell that begins with one of these is run as a formula by spreadsheets (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def safe_cell(value: object) -> str:
    """The text of a cell; one that a spreadsheet would run gets a quote in front."""
    text = "" if value is None else str(value).replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA_STARTS) or _first_seen(text).startswith(FORMULA_STARTS) else text


def _first_seen(text: str) -> str:
    """The first sign that a reader sees, in its plain form: some spreadsheets take a full-width = for one."""
    seen = next((c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf")), "")
    return unicodedata.normalize("NFKC", seen)


class _Line:
    """csv wants a file; this one hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a CSV file in UTF-8 with a byte-order mark, which Excel needs to read it as such."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(columns)
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])
