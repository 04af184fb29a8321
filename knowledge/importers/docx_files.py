"""DOCX -> markdown, through mammoth's HTML. Runs in the reading room."""

import io
import re
import struct
import zipfile
import zlib
from xml.parsers.expat import ExpatError

import defusedxml
import mammoth
from defusedxml import DefusedXmlException

from knowledge.importers.documents import MIB, BadDocument, mib, one_line
from knowledge.importers.pages import read_fragment
from knowledge.importers.reading_room import Reading

MAX_PARTS = 5_000
RATIO_FROM = MIB
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, LookupError, TypeError, AttributeError,
    RuntimeError, EOFError,
)  # fmt: skip
OLD_WORD = b"\xd0\xcf\x11\xe0"  # .doc, and also an encrypted .docx
STYLES = """
p[style-name='Title'] => h1.title:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Code'] => pre:separator('\\n')
"""
CORE_TITLE = re.compile(rb"<dc:title>([^<]{1,300})</dc:title>")


def read_docx(data: bytes, *, expansion: int, most: int) -> Reading:
    """The text of a document with headings, lists and tables. BadDocument."""
    if data.startswith(OLD_WORD):
        raise BadDocument("This is an old or an encrypted Word file. Save it as DOCX without a password.")
    title = _check(data, expansion, most)
    # Mammoth reads with the standard XML parser, which expands entities unless it is told not to.
    defusedxml.defuse_stdlib()
    try:
        result = mammoth.convert_to_html(
            io.BytesIO(data), style_map=STYLES, convert_image=mammoth.images.img_element(lambda _image: {})
        )
    except DefusedXmlException:
        raise BadDocument("The file defines XML entities, as no document needs to.") from None
    except RecursionError:
        raise BadDocument("It is nested too deeply to be read.") from None
    except (*BROKEN, ExpatError):
        raise BadDocument("The file is damaged, or is not DOCX.") from None
    reading = read_fragment(result.value.encode("utf-8", "replace"), is_document=True)
    if not reading.body.strip():
        raise BadDocument("The document has no text.")
    return Reading(reading.title or title, reading.body, notes=reading.notes)


def _check(data: bytes, expansion: int, most: int) -> str:
    """The title among the document's properties. BadDocument if its parts unpack to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS:
                raise BadDocument(f"The file has more than {MAX_PARTS:,} parts.")
            for part in parts:
                if part.file_size > most:
                    raise BadDocument(f"A part of the file unpacks to more than {mib(most)}.")
                if part.file_size > RATIO_FROM and part.file_size > expansion * max(1, part.compress_size):
                    raise BadDocument(f"A part of the file unpacks to more than {expansion} times its size.")
            if sum(part.file_size for part in parts) > 4 * most:
                raise BadDocument(f"The file unpacks to more than {mib(4 * most)}.")
            if "word/document.xml" not in archive.namelist() and "[Content_Types].xml" not in archive.namelist():
                raise BadDocument("The file is not DOCX.")
            core = archive.read("docProps/core.xml") if "docProps/core.xml" in archive.namelist() else b""
    except BROKEN:
        raise BadDocument("The file is damaged, or is not DOCX.") from None
    found = CORE_TITLE.search(core)
    return one_line(found[1].decode("utf-8", "replace")) if found else ""
