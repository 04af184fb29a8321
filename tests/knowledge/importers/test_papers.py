"""PDF and DOCX."""

import pytest
from pypdf import PdfReader, PdfWriter

from knowledge.importers import Document, Unreadable, guess_kind, read
from tests.knowledge.importers.makers import docx, paragraph, pdf, table, write, zipped

FIRST = [
    (10, 760, "Shop handbook"), (20, 720, "Returns and refunds"),
    (11, 690, "You may return any item within 30 days of deli-"),
    (11, 676, "very, in its original box. The refund takes five"), (11, 662, "working days."),
    (11, 630, "Keep the receipt (it is needed)."), (14, 600, "How to send it back"), (11, 580, "1. Pack the item."),
    (11, 566, "2. Print the label."), (11, 540, "\x95 Boxes"), (11, 526, "\x95 Bags"), (10, 40, "Page 1 of 3"),
]  # fmt: skip
SECOND = [
    (10, 760, "Shop handbook"), (14, 720, "Costs"), (11, 700, "Sending is free. A second parcel costs 3.95 and the"),
    (10, 40, "Page 2 of 3"),
]  # fmt: skip
THIRD = [(10, 760, "Shop handbook"), (11, 720, "rest is paid by us. # 5 <b> *"), (10, 40, "Page 3 of 3")]
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(12)
)


def decoded(lines):
    return [(size, y, text.encode("latin-1").decode("cp1252")) for size, y, text in lines]


def encrypted(data: bytes) -> bytes:
    import io

    writer, out = PdfWriter(PdfReader(io.BytesIO(data))), io.BytesIO()
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def test_a_pdf_becomes_headings_paragraphs_and_lists_without_its_running_titles(tmp_path):
    data = pdf([decoded(FIRST), SECOND, THIRD], root="/Lang (en-GB)", title="Microsoft Word - handbook_v2.doc")
    write(tmp_path, {"handbook.pdf": data})
    assert guess_kind(str(tmp_path)) == "files"
    (document,) = read("files", str(tmp_path))
    assert document == Document(
        key="handbook.pdf",
        title="Returns and refunds",
        language="en",
        body="""You may return any item within 30 days of delivery, in its original box. The refund takes five working \
days.

Keep the receipt (it is needed).

## How to send it back

1. Pack the item.
2. Print the label.
- Boxes
- Bags

## Costs

Sending is free. A second parcel costs 3.95 and the rest is paid by us. # 5 \\<b> \\*""",
    )


def test_a_docx_becomes_headings_tables_and_paragraphs(tmp_path):
    body = paragraph("Handbook", "Title") + paragraph("Intro &amp; *more*.") + paragraph("Sizes", "Heading1")
    body += paragraph("Small", "Heading2") + table([["Size", "Price"], ["S", "10"]])
    write(tmp_path, {"Guides/handbook.docx": docx(body)})
    (document,) = read("files", str(tmp_path))
    assert document == Document(
        key="Guides/handbook.docx",
        title="Handbook",
        category="Guides",
        body="Intro & \\*more\\*.\n\n## Sizes\n\n### Small\n\n| Size | Price |\n| --- | --- |\n| S | 10 |",
    )


def test_papers_that_cannot_be_read_are_one_line_each_and_the_rest_is_read(tmp_path):
    good = pdf([FIRST[1:4]])
    wide = zipped({"word/document.xml": b"<w>" + b" " * 15_000_000, "[Content_Types].xml": b"<x/>"})
    write(
        tmp_path,
        {
            "a-scan.pdf": pdf([[], []]),
            "b-broken.pdf": b"%PDF-1.7\n" + b"x" * 500,
            "c-cut.pdf": good[: len(good) // 3],
            "d-locked.pdf": encrypted(good),
            "e-none.pdf": b"<html>not found</html>",
            "f-loop.pdf": good.replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"),
            "g-laughs.docx": docx(paragraph("&m;"), before=LAUGHS + "]>"),
            "h-entity.docx": docx(paragraph("&f;"), before='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
            "i-styles.docx": docx(paragraph("x"), extra={"word/comments.xml": b"x"})[:-40],
            "j-wide.docx": wide,
            "k-empty.docx": docx(""),
            "l-old.docx": b"\xd0\xcf\x11\xe0" + b"\0" * 600,
            "m-zip.docx": zipped({"a.txt": b"x"}),
            "n-xml.docx": zipped({"[Content_Types].xml": b"<x", "word/document.xml": b"<w:document"}),
            "o-deep.docx": docx("<w:sdt><w:sdtContent>" * 20_000 + paragraph("x") + "</w:sdtContent></w:sdt>" * 20_000),
            "p-good.docx": docx(paragraph("Good")),
            "q-good.pdf": good,
        },
    )
    found = {each.key[0]: each for each in read("files", str(tmp_path))}
    assert {name for name, each in found.items() if isinstance(each, Document)} >= {"p", "q"}
    said = {name: each.reason for name, each in found.items() if isinstance(each, Unreadable)}
    assert said.pop("a") == "This PDF has no text (a scan?). Run text recognition (OCR) over it first."
    assert said.pop("d") == "The PDF is protected by a password. Save it without one."
    assert said.pop("e") == "The file is not PDF."
    assert said.pop("g") == said.pop("h") == "The file defines XML entities, as no document needs to."
    assert said.pop("j") == "A part of the file unpacks to more than 100 times its size."
    assert said.pop("k") == "The document has no text."
    assert said.pop("l").startswith("This is an old or an encrypted Word file.")
    assert said.pop("m") == "The file is not DOCX."
    assert said.pop("o") == "It is nested too deeply to be read."
    assert set(said) >= set("bcfin")
    assert all("damaged" in reason or "no text" in reason for reason in said.values()), said


def test_a_pdf_that_unpacks_without_end_is_given_up(tmp_path, room):
    import zlib

    from knowledge.importers.documents import BadDocument

    stream = zlib.compress(b" " * 80_000_000, 1)
    data = pdf([[(12, 700, "y" * 50)]])
    start, end = data.index(b"<< /Length"), data.index(b"\nendstream")
    bomb = b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(stream) + stream
    with pytest.raises(BadDocument):
        room.read("pdf", data[:start] + bomb + data[end:])
    assert room.read("pdf", pdf([decoded(FIRST)])).title == "Returns and refunds"


def test_a_pdf_that_takes_too_long_is_not_read_in_part():
    """Else the article would be longer or shorter with what the machine has to do beside it."""
    from knowledge.importers.documents import BadDocument
    from knowledge.importers.pdf_files import read_pdf

    with pytest.raises(BadDocument, match="After 0 of 2 pages the time for one document is over"):
        read_pdf(pdf([SECOND, THIRD]), seconds=0)
