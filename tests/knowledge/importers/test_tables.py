"""CSV, and JSON rows."""

import gzip
import json

import pytest

from knowledge.importers import Document, Limits, SourceError, Unreadable, guess_kind, read

ROW = {
    "id": "a-1",
    "title": "Returns",
    "url": "https://shop.example/returns",
    "body_markdown": "# Returns\n\nWithin **30** days.",
    "category": "Shop",
    "lang": "en",
    "meta": {"x": 1},
}
DOCUMENT = Document(
    key="a-1",
    title="Returns",
    body="Within **30** days.",
    category="Shop",
    language="en",
    address="https://shop.example/returns",
)


def rows(path, content: str | bytes, **limits) -> list[Document | Unreadable]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert guess_kind(str(path)) == "table"
    return list(read("table", str(path), limits=Limits(**limits)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", json.dumps(ROW) + "\n"),
        ("a.jsonl", "\ufeff" + json.dumps(ROW) + "\n\n"),
        ("a.jsonl.gz", gzip.compress(json.dumps(ROW).encode())),
        ("misnamed.jsonl", gzip.compress(json.dumps(ROW).encode())),
        ("a.json", json.dumps([ROW], indent=2)),
        ("a.json", json.dumps({"articles": [ROW]})),
        ("a.json", json.dumps(ROW, indent=1)),
        ("a.json", json.dumps([ROW]).encode("utf-16")),
    ],
)
def test_json_rows_are_read_in_every_form(tmp_path, name, content):
    assert rows(tmp_path / name, content) == [DOCUMENT]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_is_read_with_every_delimiter_and_encoding(tmp_path, delimiter, encoding):
    lines = [
        delimiter.join(["Question", "Answer (text)", "Answer", "Section", "Locale"]),
        delimiter.join(["Wie lange?", "", f'"Fünf ""gute"" Tage{delimiter}\nspäter."', "Rückgabe", "de_DE"]),
        "",
    ]
    (document,) = rows(tmp_path / "a.csv", "\r\n".join(lines).encode(encoding))
    assert document == Document(
        key="Wie lange?",
        title="Wie lange?",
        body=f'Fünf "gute" Tage{delimiter}\nspäter.',
        category="Rückgabe",
        language="de",
    )


def test_rows_without_an_id_have_the_address_or_the_title_as_their_key(tmp_path):
    found = rows(tmp_path / "a.csv", "title,body,url\nA,x,https://a.example/\nB,y,\nB,z,\n")
    assert [each.key for each in found] == ["https://a.example/", "B", "B (2)"]


def test_a_body_in_html_becomes_markdown(tmp_path):
    content = "id,title,answer\n1,A,<p>Press <b>Start</b>.<br>Then wait.</p>\n2,B,a < b and <Enter>\n"
    found = rows(tmp_path / "a.csv", content)
    assert [each.body for each in found] == ["Press **Start**.  \nThen wait.", "a < b and <Enter>"]


def test_drafts_are_known(tmp_path):
    content = "title,body,status,published\nA,x,draft,\nB,y,published,\nC,z,,no\n"
    assert [each.draft for each in rows(tmp_path / "a.csv", content)] == [True, False, True]


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"no column for the text \(body.*There are: title, colour, price\."):
        rows(tmp_path / "a.csv", "title,colour,price\nA,red,1\n")
    with pytest.raises(SourceError, match="There are: colour"):
        rows(tmp_path / "a.jsonl", '{"colour": 1}\n{"colour": 2}\n')


def test_one_bad_row_does_not_stop_the_rest(tmp_path):
    lines = ['{"id": "1", "body": "x"}', "not json", "[1]", '{"id": "4", "title": "Empty"}', '{"id": "5", "body": " "}']
    lines += ['{"id": "6", "body": 7}', '{"id": "7", "body": "\\u0000\\ud800y"}', '"text"', "[" * 5000, "9" * 5000]
    found = rows(tmp_path / "a.jsonl", "\n".join(lines))
    assert [(each.key, type(each)) for each in found] == [
        ("1", Document),
        ("line 2", Unreadable),
        ("line 3", Unreadable),
        ("line 4", Unreadable),
        ("5", Unreadable),
        ("6", Document),
        ("7", Document),
        ("line 8", Unreadable),
        ("line 9", Unreadable),
        ("line 10", Unreadable),
    ]
    assert found[6].body == "y"
    assert all("\n" not in each.reason for each in found if isinstance(each, Unreadable))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "\n\n  \n", "empty"),
        ("a.jsonl", "", "empty"),
        ("a.json", "{", "not JSON"),
        ("a.json", '[{"title": "A", "body": "x"}', "not JSON"),
        ("a.csv", 'title,body\nA,"x\n' + "y" * 3_000_000, "not closed|longer than"),
        ("a.csv", b"\x00\x01\x02" * 100, "not a text file"),
        ("a.csv", gzip.compress(b"title,body\nA,x\n")[:-12], "breaks off"),
        ("a.jsonl", gzip.compress(b"\n" * 50_000_000, 9), "unpacks to more than 100 times"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path, name, content, says):
    with pytest.raises(SourceError, match=says) as refusal:
        rows(tmp_path / name, content, bytes_a_document=2**20)
    assert "\n" not in refusal.value.text


def test_a_line_that_is_too_long_is_left_out(tmp_path):
    content = '{"id": "1", "body": "x"}\n' + "y" * 5_000_000 + '\n{"id": "3", "body": "z"}\n'
    found = rows(tmp_path / "a.jsonl", content, bytes_a_document=2**20)
    assert [each.key for each in found] == ["1", "line 2", "3"]
    assert found[1] == Unreadable("line 2", "The line is longer than 1 MiB.")


def test_an_open_quote_says_where_the_table_breaks_off(tmp_path):
    content = 'title,body\nA,x\nB,"' + "word\n" * 400_000
    path = tmp_path / "a.csv"
    path.write_text(content)
    found = read("table", str(path), limits=Limits(bytes_a_document=2**20))
    assert next(found).key == "A"
    with pytest.raises(SourceError, match=r"cannot be read on from row .*quote"):
        next(found)


def test_a_long_first_line_is_a_line_like_others(tmp_path):
    import csv

    csv.field_size_limit(131_072)  # what a process begins with
    (document,) = rows(tmp_path / "a.csv", 'title,body,"' + "x" * 200_000 + '"\nA,Text,c\n')
    assert (document.title, document.body) == ("A", "Text")
