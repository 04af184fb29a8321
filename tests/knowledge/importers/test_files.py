"""Folders and zips of markdown, text and HTML files."""

import os
import struct
import time
import zipfile

import pytest

from knowledge.bounds import MAX_BODY_CHARS
from knowledge.importers import Document, Limits, SourceError, Unreadable, guess_kind, read
from tests.knowledge.importers.makers import write, zipped

RETURNS = """---
title: "Returns: how"
categories: [Billing, Shop]
lang: de-AT
audience: customers
slug: returns
draft: true
canonical_url: https://shop.example/returns
tags: [a, b]
date: 2026-01-02
---

# Returns: how

See [sizes](../guides/sizes.md#small).
"""


def found(kind, location, **limits) -> dict[str, Document | Unreadable]:
    return {each.key: each for each in read(kind, str(location), limits=Limits(**limits))}


def reasons(kind, location, **limits) -> dict[str, str]:
    return {key: each.reason for key, each in found(kind, location, **limits).items() if isinstance(each, Unreadable)}


def test_front_matter_says_what_an_article_is(tmp_path):
    write(tmp_path, {"shop/returns.md": RETURNS})
    assert found("markdown", tmp_path) == {
        "shop/returns.md": Document(
            key="shop/returns.md",
            title="Returns: how",
            body="See [sizes](../guides/sizes.md#small).",
            category="Billing",
            language="de",
            audience="customers",
            slug="returns",
            address="https://shop.example/returns",
            draft=True,
        )
    }


@pytest.mark.parametrize(
    ("name", "text", "title", "body"),
    [
        ("a.md", "# First\n\nText", "First", "Text"),
        ("a.md", "First *one*\n=====\n\nText", "First one", "Text"),
        ("a.md", "Text\n\n# Later\n\nMore", "Later", "Text\n\n# Later\n\nMore"),
        ("reset-your_password.md", "Text", "Reset your password", "Text"),
        ("docs/billing/index.md", "Text", "Billing", "Text"),
        ("a.md", '+++\ntitle = "Toml"\n+++\nText', "Toml", "Text"),
        ("a.md", "\ufeff---\r\ntitle: Marked\r\n---\r\nText\r\n", "Marked", "Text"),
        (
            "a.md",
            "---\n\nA rule, and no front matter\n\n---\n\nText",
            "A",
            "---\n\nA rule, and no front matter\n\n---\n\nText",
        ),
        ("a.txt", "Opening hours\n\nMonday <10\n    to five", "Opening hours", "Monday \\<10\nto five"),
        ("a.txt", "just one line", "A", "just one line"),
    ],
)
def test_a_file_has_its_title_from_where_there_is_one(tmp_path, name, text, title, body):
    write(tmp_path, {name: text})
    (document,) = found("markdown", tmp_path).values()
    assert (document.title, document.body) == (title, body)


def test_the_tags_of_site_builders_go_and_code_stays(tmp_path):
    page = """import Tabs from '@theme/Tabs';

export const size = {
  a: 1,
};

<Tabs groupId="os">Press **Start**. {/* why */}<Icon name="x" /></Tabs>

:::tip[Good to know]
It is quick.
:::

{% include note.html %}

Write `{% raw %}` and `<Tabs/>` for that.

1. First{:class="big"}
    * inner {: .x}

        ```
        {% kept %}
        ```

```jsx
import A from 'b';
<Tabs/>
```
"""
    write(tmp_path, {"a.mdx": page})
    (document,) = found("markdown", tmp_path).values()
    assert "Press **Start**." in document.body and "**Good to know**" in document.body
    assert "```jsx\nimport A from 'b';\n<Tabs/>\n```" in document.body
    assert "Write `{% raw %}` and `<Tabs/>` for that." in document.body and "{% kept %}" in document.body
    for gone in ("class", "{:", "Icon", "why", ":::", "export", "a: 1", "include"):
        assert gone not in document.body
    assert "tags of a site builder were left out" in document.notes[0]


def test_the_nearest_telling_folder_is_the_category(tmp_path):
    write(tmp_path, {"docs/a.md": "x", "docs/pay_and-bill/b.md": "x", "c.md": "x"})
    assert {each.key: each.category for each in found("markdown", tmp_path).values()} == {
        "docs/a.md": "",
        "docs/pay_and-bill/b.md": "Pay and bill",
        "c.md": "",
    }


def test_front_matter_that_is_not_valid_is_read_line_by_line(tmp_path):
    write(tmp_path, {"a.md": "---\ntitle: How to: fix\ndraft: true\n---\nText"})
    (document,) = found("markdown", tmp_path).values()
    assert (document.title, document.draft) == ("How to: fix", True)
    assert document.notes == ("The front matter is not valid and was read line by line.",)


def test_front_matter_cannot_blow_up(tmp_path):
    laughs = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))
    write(
        tmp_path,
        {
            "laughs.md": f"---\na0: &a0 [x]\n{laughs}\ntitle: *a29\n---\nText",
            "deep.md": "---\ntitle: " + "[" * 20_000 + "\n---\nText",
            "code.md": "---\ntitle: !!python/object/apply:os.system ['touch /tmp/harm']\n---\nText",
            "toml.md": "+++\na = [[[[1]]]]\n" + "x" * 70_000,
        },
    )
    each = found("markdown", tmp_path)
    assert each["laughs.md"].reason == "The front matter refers to other parts of itself, which is not read."
    assert isinstance(each["deep.md"], (Document, Unreadable)) and isinstance(each["code.md"], Document)
    assert each["toml.md"].reason == "The front matter has no end."


def test_an_unknown_audience_is_for_staff_and_an_unknown_language_is_told(tmp_path):
    write(tmp_path, {"a.md": "---\naudience: partners\nlang: tlh\n---\nText"})
    (document,) = found("markdown", tmp_path).values()
    assert (document.audience, document.language) == ("internal", "")
    assert len(document.notes) == 2


def test_a_long_text_is_cut_between_paragraphs_with_a_note(tmp_path):
    write(tmp_path, {"a.md": "# Long\n\n" + ("word " * 100 + "\n\n") * 500})
    (document,) = found("markdown", tmp_path).values()
    assert MAX_BODY_CHARS * 0.9 < len(document.body) <= MAX_BODY_CHARS and document.body.endswith("word")
    assert document.notes == ("The text was cut at 200,000 characters.",)


def test_what_no_database_keeps_is_taken_out(tmp_path):
    write(tmp_path, {"a.md": "# T\n\na\x01b\ufeffc\r\nd"})
    (document,) = found("markdown", tmp_path).values()
    assert document.body == "abc\nd"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Rückgabe der Öfen: fünf Euro Gebühr.", "cp1252"),
        ("Rückgabe der Öfen: fünf Euro Gebühr.", "utf-16"),
        ("Les élèves français préfèrent l'été à Noël, où ça brûle.", "latin-1"),
        ("Возврат товара возможен в течение тридцати дней.", "cp1251"),
        ("返品は三十日以内に可能です。お問い合わせください。", "shift_jis"),
    ],
)
def test_other_encodings_are_read(tmp_path, text, encoding):
    write(tmp_path, {"a.md": text.encode(encoding)})
    (document,) = found("markdown", tmp_path).values()
    assert document.body == text
    assert encoding.startswith("utf") or "which was guessed" in document.notes[0]


def test_files_that_cannot_be_read_are_one_line_each_and_harm_no_other(tmp_path):
    write(
        tmp_path,
        {
            "a-good.md": "Text",
            "binary.md": bytes(range(256)) * 20,
            "empty.md": "",
            "blank.txt": " \n\n ",
            "only-title.md": "---\ntitle: T\n---\n",
            "large.md": "x" * 3_000_000,
            "old.doc": b"\xd0\xcf\x11\xe0",
            "inner.zip": zipped({"b.md": b"Text"}),
            "inner.tar.gz": b"x",
            "half.md": b"\xff\xfea\xd8",
            "picture.png": b"\x89PNG",
            ".hidden.md": "x",
            "node_modules/x.md": "x",
        },
    )
    os.symlink("/etc/passwd", tmp_path / "link.md")
    os.symlink("/etc", tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe.md")
    each = found("markdown", tmp_path, bytes_a_document=2**20)
    assert {key for key, one in each.items() if isinstance(one, Document)} == {"a-good.md"}
    assert {key: one.reason for key, one in each.items() if isinstance(one, Unreadable)} == {
        "binary.md": "This is not a text file, or its encoding is not known. Save it as UTF-8.",
        "empty.md": "The file is empty.",
        "blank.txt": "The file is empty.",
        "only-title.md": "“T” has no text.",
        "large.md": "The file is larger than 1 MiB.",
        "old.doc": ".doc files are not read. Save it as DOCX.",
        "inner.zip": "This is an archive within the source. Unpack it and import what it holds.",
        "inner.tar.gz": "This is an archive within the source. Unpack it and import what it holds.",
        "half.md": "The file says that it is UTF-16, and is not. Save it as UTF-8.",
        "link.md": "This is a link to another place and is not followed.",
        "folder": "This is a link to another place and is not followed.",
        "pipe.md": "This is not an ordinary file.",
    }


def test_a_zip_is_read_like_a_folder(tmp_path):
    archive = tmp_path / "help.zip"
    archive.write_bytes(zipped({"help/shop/a.md": b"# A\n\nText", "help/b.txt": b"B", "__MACOSX/x.md": b"x"}))
    assert guess_kind(str(archive)) == "markdown"
    each = found("markdown", archive)
    assert list(each) == ["help/b.txt", "help/shop/a.md"] and each["help/shop/a.md"].title == "A"


def test_members_of_a_zip_that_mean_harm_are_one_line_each(tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("../up.md", "/etc/cron.md", "a/../../b.md", "..\\win.md", "C:/win.md", "nul\x00l.md"):
            archive.writestr(name, "x")
        link = zipfile.ZipInfo("link.md")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb.md", b"\0" * 15_000_000)
        archive.writestr("huge.md", b"\0" * 30_000_000)
        archive.writestr("nested.zip", zipped({"a.md": b"x"}))
        archive.writestr("rare.md", b"x" * 100, compress_type=zipfile.ZIP_LZMA)
        archive.writestr("good.md", "Good")
    each = found("markdown", path)
    assert {key for key, one in each.items() if isinstance(one, Document)} == {"good.md"}
    said = {key: one.reason for key, one in each.items() if isinstance(one, Unreadable)}
    out = "The name of this file leads out of the archive."
    for name in ("../up.md", "/etc/cron.md", "a/../../b.md", "..\\win.md", "C:/win.md"):
        assert said[name] == out, name
    assert said["link.md"] == "This is a link to another place and is not followed."
    assert said["bomb.md"] == "The file unpacks to more than 100 times its size, as no text does."
    assert said["huge.md"] == "The file is larger than 20 MiB."
    assert said["nested.zip"].startswith("This is an archive within the source.")
    assert said["rare.md"].startswith("This file is packed in a rare way.")
    assert not list(tmp_path.parent.glob("up.md"))


def test_a_zip_that_lies_about_a_size_or_is_damaged_harms_no_other_member(tmp_path):
    data = bytearray(zipped({"a.md": b"word " * 1000, "b.md": b"Good", "c.md": b"secret"}))
    place = data.index(b"a.md") + 4
    data[place : place + 10] = b"\xff" * 10
    directory = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 60 + 4)
    assert b"c.md" in data[directory:]
    third = data.rindex(b"PK\x01\x02")
    struct.pack_into("<H", data, third + 8, 1)  # encrypted
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    said = found("markdown", path)
    assert said["a.md"].reason == "This file of the archive is damaged."
    assert isinstance(said["b.md"], Document)
    assert said["c.md"].reason == "This file is encrypted."


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PK\x03\x04" + b"x" * 100, "its end is missing"),
        (zipped({f"{n}.md": b"x" for n in range(200)}), "too many files"),
        (zipped({"a.md": b"x"})[:-10], "its end is missing"),
        (zipped({"a.png": b"x"}), "no file that ends in"),
    ],
)
def test_a_zip_that_cannot_be_read_is_one_line(tmp_path, data, says):
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=says):
        found("markdown", path, entries=100)


def test_a_source_has_an_end(tmp_path):
    write(tmp_path, {f"{n:03}.md": "word " * 200 for n in range(30)})
    with pytest.raises(SourceError, match="more than 10 documents"):
        found("markdown", tmp_path, documents=10)
    with pytest.raises(SourceError, match="more than 20 files"):
        found("markdown", tmp_path, entries=20)
    with pytest.raises(SourceError, match="holds more than"):
        found("markdown", tmp_path, bytes_in_all=5_000)


@pytest.mark.parametrize("kind", ["markdown", "files", "table", "zendesk", "intercom", "chatwoot", "sitemap"])
def test_nothing_is_there(tmp_path, kind):
    with pytest.raises(SourceError):
        found(kind, tmp_path / "absent.md")
    with pytest.raises(SourceError):
        found(kind, tmp_path)


def test_an_unknown_kind_is_told():
    with pytest.raises(SourceError, match="no kind of source"):
        list(read("wordpress", "/tmp"))


@pytest.mark.parametrize(
    "front",
    [
        "when: !!timestamp x", "a: !!bool foo", "a: !!int ''", "a: !!float x", "a: " + "1:" * 20_000 + "1",
        "a: !!float " + "1:" * 20_000 + "1", "a: 0x" + "f" * 9_000, "title: 0x" + "f" * 9_000,
        "draft: 0x" + "f" * 9_000,
        "0x" + "f" * 9_000 + ": a", "? [0x" + "f" * 9_000 + "]\n: a", "a: !!binary ü", "a: 9999-99-99", "a: !!set x",
    ],
)  # fmt: skip
def test_odd_front_matter_harms_no_other_file(tmp_path, front):
    write(tmp_path, {"odd.md": f"---\n{front}\nlang: de\n---\n# Odd\n\nText", "z.md": "Text"})
    each = found("markdown", tmp_path)
    assert isinstance(each["z.md"], Document)
    assert isinstance(each["odd.md"], Document) and each["odd.md"].title == "Odd"


def test_what_nobody_foresaw_in_a_file_is_one_line(tmp_path, monkeypatch):
    from knowledge.importers import files

    def surprised(name, data):
        raise KeyError("a word of the document")

    monkeypatch.setattr(files, "read_text", surprised)
    write(tmp_path, {"a.txt": "Text", "b.md": "Text"})
    each = found("markdown", tmp_path)
    assert each["a.txt"].reason == "It cannot be read: something in it is not as it should be (KeyError)."
    assert isinstance(each["b.md"], Document)


@pytest.mark.parametrize(
    "text", ["{%", "{{<", "{/*", "{:", "<A ", "import 'x", "`", ":::" + " " * 999, "::: a ", " ", "\n", "\f", "# "]
)
def test_no_text_takes_long(tmp_path, text):
    long = text * (4_000_000 // len(text)) + "x"
    write(tmp_path, {"a.mdx": long, "b.mdx": ":::" + long})
    before = time.process_time()
    found("markdown", tmp_path)
    assert time.process_time() - before < 10


def test_a_text_that_is_mostly_a_site_builders_is_told_to_be_cut(tmp_path):
    write(tmp_path, {"a.md": "Text\n" + "{% tag %}\n" * 60_000 + "End"})
    (document,) = found("markdown", tmp_path).values()
    assert document.body.startswith("Text\n") and "was cut at 400,000 characters" in document.notes[0]
