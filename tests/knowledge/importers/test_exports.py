"""The exports of Zendesk, Intercom and Chatwoot in their public forms."""

import json

import pytest

from knowledge.importers import Document, SourceError, Unreadable, guess_kind, read
from tests.knowledge.importers.makers import write, zipped

ZENDESK = {
    "count": 3,
    "next_page": None,
    "page": 1,
    "articles": [
        {
            "id": 360001, "url": "https://shop.zendesk.com/api/v2/help_center/en-us/articles/360001.json",
            "html_url": "https://shop.zendesk.com/hc/en-us/articles/360001-Returns", "title": "Returns",
            "name": "Returns", "body": "<h2>How</h2><p>Send it <a href=\"/hc/en-us/articles/360002\">back</a>.</p>",
            "locale": "en-us", "source_locale": "en-us", "section_id": 7, "draft": False, "promoted": False,
            "user_segment_id": None, "permission_group_id": 12, "label_names": ["a"],
            "translations": [
                {"locale": "en-us", "title": "Returns", "body": "<p>same</p>", "draft": False},
                {"locale": "de", "title": "Rückgabe", "body": "<p>Senden Sie es zurück.</p>", "draft": True,
                 "html_url": "https://shop.zendesk.com/hc/de/articles/360001"},
            ],
        },
        {"id": 360002, "title": "For agents", "body": "<p>Inside</p>", "locale": "en-us", "section_id": 8,
         "user_segment_id": 44, "draft": False, "html_url": "https://shop.zendesk.com/hc/en-us/articles/360002"},
        {"id": 360003, "title": "Nothing", "body": None, "locale": "en-us", "section_id": 8, "user_segment_id": None},
    ],
    "sections": [{"id": 7, "name": "Orders", "category_id": 1}, {"id": 8, "name": "Staff"}],
    "categories": [{"id": 1, "name": "General"}],
}  # fmt: skip
INTERCOM = {
    "type": "list",
    "pages": {"type": "pages", "page": 1, "per_page": 50, "total_pages": 1},
    "total_count": 2,
    "data": [
        {
            "id": "3", "type": "article", "workspace_id": "w", "title": "Returns", "description": "d", "author_id": 1,
            "body": "<p class=\"no-margin\">Send it back.</p><ol><li>Pack</li></ol>", "state": "published",
            "url": "https://help.example/en/articles/3-returns", "parent_id": 125685, "parent_type": "collection",
            "default_locale": "en",
            "translated_content": {
                "type": "article_translated_content",
                "en": {"type": "article_content", "title": "Returns", "body": "<p>x</p>", "state": "published"},
                "fr": {"type": "article_content", "title": "Retours", "body": "<p>Renvoyez.</p>", "state": "draft",
                       "url": "https://help.example/fr/articles/3"},
                "de": None,
            },
        },
        {"id": "4", "type": "article", "title": "Soon", "body": "<p>Text</p>", "state": "draft", "url": None},
    ],
}  # fmt: skip
COLLECTIONS = {"type": "list", "data": [{"type": "collection", "id": "125685", "name": "Orders"}], "total_count": 1}
CHATWOOT = {
    "payload": [
        {
            "id": 11, "slug": "1700000000-returns", "title": "Returns", "content": "## How\n\nSend **back**.",
            "status": "published", "account_id": 1, "views": 9, "author": {"name": "Ada"},
            "category": {"id": 2, "name": "Orders", "slug": "orders", "locale": "pt_BR"},
            "portal": {"slug": "help", "custom_domain": "help.example"}, "associated_articles": [],
        },
        {"id": 12, "title": "Old", "content": "Old text", "status": "archived", "category": None},
        {"id": 13, "title": "Empty", "content": "", "status": "draft"},
    ],
    "meta": {"current_page": "1", "articles_count": 3},
}  # fmt: skip


def found(kind, path) -> dict[str, Document | Unreadable]:
    assert guess_kind(str(path)) == kind
    return {each.key: each for each in read(kind, str(path))}


def test_zendesk(tmp_path):
    write(tmp_path, {"articles.json": json.dumps(ZENDESK)})
    each = found("zendesk", tmp_path / "articles.json")
    assert each["360001"] == Document(
        key="360001",
        title="Returns",
        body="## How\n\nSend it [back](https://shop.zendesk.com/hc/en-us/articles/360002).",
        category="Orders",
        language="en",
        address="https://shop.zendesk.com/hc/en-us/articles/360001-Returns",
    )
    german = each["360001@de"]
    assert (german.title, german.language, german.draft, german.category) == ("Rückgabe", "de", True, "Orders")
    assert each["360002"].audience == "internal" and "for staff only" in each["360002"].notes[0]
    assert each["360003"] == Unreadable("360003", "“Nothing” has no text.")


def test_intercom(tmp_path):
    write(tmp_path, {"articles.json": json.dumps(INTERCOM, indent=1), "collections.json": json.dumps(COLLECTIONS)})
    each = found("intercom", tmp_path)
    assert each == {
        "3": Document(
            key="3",
            title="Returns",
            body="Send it back.\n\n1. Pack",
            category="Orders",
            language="en",
            address="https://help.example/en/articles/3-returns",
        ),
        "3@fr": Document(
            key="3@fr",
            title="Retours",
            body="Renvoyez.",
            category="Orders",
            language="fr",
            address="https://help.example/fr/articles/3",
            draft=True,
        ),
        "4": Document(key="4", title="Soon", body="Text", draft=True),
    }


def test_chatwoot(tmp_path):
    write(tmp_path, {"articles.json": json.dumps(CHATWOOT)})
    each = found("chatwoot", tmp_path / "articles.json")
    assert each["11"] == Document(
        key="11",
        title="Returns",
        body="## How\n\nSend **back**.",
        category="Orders",
        language="pt",
        slug="1700000000-returns",
        address="https://help.example/hc/help/articles/1700000000-returns",
    )
    assert each["12"].draft and each["12"].notes == ("It was archived in Chatwoot.",)
    assert each["13"] == Unreadable("13", "“Empty” has no text.")


@pytest.mark.parametrize(("kind", "export"), [("zendesk", ZENDESK), ("intercom", INTERCOM), ("chatwoot", CHATWOOT)])
def test_pages_in_a_folder_a_zip_or_lines_are_one_export(tmp_path, kind, export):
    name = next(name for name in ("articles", "data", "payload") if name in export)
    pages = [export | {name: [article]} for article in export[name]]
    write(tmp_path / "pages", {f"{n}.json": json.dumps(page) for n, page in enumerate(pages)})
    write(tmp_path, {"pages.jsonl": "\n".join(map(json.dumps, pages))})
    write(tmp_path, {"articles.jsonl": "\n".join(map(json.dumps, export[name]))})
    (tmp_path / "pages.zip").write_bytes(
        zipped({f"{n}.json": json.dumps(page).encode() for n, page in enumerate(pages)})
    )
    whole = found(kind, write(tmp_path / "whole", {"a.json": json.dumps(export)}))
    assert found(kind, tmp_path / "pages") == whole
    for place in ("articles.jsonl", "pages.jsonl", "pages.zip"):
        assert guess_kind(str(tmp_path / place)) == kind
    place = {"zendesk": "pages.zip", "intercom": "pages.jsonl", "chatwoot": "articles.jsonl"}[kind]
    assert set(found(kind, tmp_path / place)) == set(whole)


@pytest.mark.parametrize(("kind", "export"), [("zendesk", ZENDESK), ("intercom", INTERCOM), ("chatwoot", CHATWOOT)])
def test_a_missing_page_is_told_after_what_is_there(tmp_path, kind, export):
    part = json.loads(json.dumps(export).replace('"count": 3', '"count": 30').replace('_count": ', '_count": 3'))
    write(tmp_path, {"a.json": json.dumps(part)})
    articles = read(kind, str(tmp_path / "a.json"))
    with pytest.raises(SourceError, match=r"holds \d of 3\d articles: pages are missing"):
        while next(articles):
            pass


@pytest.mark.parametrize("kind", ["zendesk", "intercom", "chatwoot"])
@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "nonsense", '{"articles": 7, "data": 7, "payload": 7}', "[1, [2]]"]
)
def test_what_is_no_export_is_told(tmp_path, kind, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(SourceError) as refusal:
        list(read(kind, str(tmp_path / "a.json")))
    assert "\n" not in refusal.value.text


@pytest.mark.parametrize("kind", ["zendesk", "intercom", "chatwoot"])
def test_odd_fields_harm_nothing(tmp_path, kind):
    odd = [
        None,
        7,
        "x",
        [],
        {},
        {"id": {}},
        {"id": 1, "title": [], "body": 7, "content": 7, "locale": {}, "section_id": []},
    ]
    odd += [
        {"id": 2, "title": "T", "body": "<p>B</p>", "content": "B", "category": 7, "translations": 7, "parent_ids": 7}
    ]
    odd += [{"id": 2, "title": "T", "body": "<p>B</p>", "content": "B", "translated_content": {"fr": 7, "de": {}}}]
    page = {"articles": odd, "data": odd, "payload": odd, "count": "x", "meta": 7, "sections": 7}
    (tmp_path / "a.json").write_text(json.dumps(page))
    assert any(each.key == "2" and isinstance(each, Document) for each in read(kind, str(tmp_path / "a.json")))


@pytest.mark.parametrize("more", [{"meta": {"has_more": True}}, {"next_page": "https://shop.zendesk.com/x?page=2"}])
def test_the_last_page_of_a_zendesk_export_that_counts_nothing_is_missed(tmp_path, more):
    first = {name: value for name, value in ZENDESK.items() if name not in ("count", "next_page")}
    write(tmp_path, {"1.json": json.dumps(first | more)})
    articles = read("zendesk", str(tmp_path))
    with pytest.raises(SourceError, match="the last is missing"):
        while next(articles):
            pass
    last = {"articles": [ZENDESK["articles"][0] | {"id": 9}], "meta": {"has_more": False}, "next_page": None}
    write(tmp_path, {"2.json": json.dumps(last)})
    assert "9" in found("zendesk", tmp_path)
