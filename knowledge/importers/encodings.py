"""Bytes -> text, in whatever encoding they were written."""

import codecs

from charset_normalizer import from_bytes

from knowledge.importers.documents import BadDocument

SAMPLE_BYTES = 64 * 1024
# Longer marks first: the UTF-32 one begins like the UTF-16 one.
MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
# What help texts are written in; EBCDIC and the like would fit anything.
POSSIBLE = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
    "cp932", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
USUAL = "cp1252"  # where nothing speaks against it
BINARY = "This is not a text file, or its encoding is not known. Save it as UTF-8."


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """The text, and a note if the encoding was guessed. `declared` is what the sender said. BadDocument if binary."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return _strictly(data, name), ""
    if b"\x00" in data[:SAMPLE_BYTES]:
        raise BadDocument(BINARY)
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        nearly = error.start > SAMPLE_BYTES
    if declared and (text := _as(data, declared)) is not None:
        return text, ""
    name = "utf-8" if nearly else _guess(data)
    text = data.decode(name, "replace")
    lost = text.count("�")
    if lost > len(text) // 20:
        raise BadDocument(BINARY)
    return text, f"Read as {name}" + (f"; {lost:,} characters are lost." if lost else ", which was guessed.")


def encoding_of(sample: bytes) -> str:
    """The encoding of a file that is read piece by piece, by its beginning. BadDocument if it is binary."""
    for mark, name in MARKS:
        if sample.startswith(mark):
            return name
    if b"\x00" in sample:
        raise BadDocument(BINARY)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # the last character may be cut
    except UnicodeDecodeError:
        return _guess(sample)
    return "utf-8"


def _strictly(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        raise BadDocument(f"The file says that it is {name.upper()}, and is not. Save it as UTF-8.") from None


def _as(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (LookupError, UnicodeError, ValueError):
        return None


def _guess(data: bytes) -> str:
    """The likeliest encoding of the part where the first foreign byte is."""
    first = next((place for place, byte in enumerate(data[:SAMPLE_BYTES]) if byte > 127), 0)
    sample = data[max(0, first - SAMPLE_BYTES // 2) : first + SAMPLE_BYTES // 2]
    matches = list(from_bytes(sample, cp_isolation=POSSIBLE))
    if not matches:
        raise BadDocument(BINARY)
    best = matches[0]
    for match in matches:
        fits = USUAL in {match.encoding, *match.could_be_from_charset}
        if fits and match.chaos <= best.chaos and match.coherence >= best.coherence:
            return USUAL
    return best.encoding
