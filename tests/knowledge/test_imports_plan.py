"""What an import would do, decided without a database."""

from uuid import uuid4

import pytest

from knowledge.import_plan import (
    Known,
    Matches,
    Shelved,
    Wish,
    content_digest,
    decide,
    facts_to_set,
    find_missing,
    free_slug,
    match,
    name,
    text_digest,
)

LONG = "Standard delivery costs £3.95 and takes three working days. " * 5
FACTS = {"category": "Delivery", "language": "en", "audience": "public"}


def document(key="a.md", title="Prices", body=LONG, wish=Wish.PUBLISH, **more) -> Shelved:
    facts = FACTS | more.pop("facts", {})
    return Shelved(key, title, content_digest(title, body), facts, wish, **more)


def known(key="a.md", title="Prices", body=LONG, **more) -> Known:
    digest = text_digest(title, body)
    values = {
        "slug": "prices", "text_digest": digest, "now_digest": digest, "content_digest": content_digest(title, body),
        "facts": FACTS, "status": "published", "left_as": "published",
    }  # fmt: skip
    return Known(key=key, article_id=uuid4(), **(values | more))


def action(wanted: Shelved, article: Known | None, title="Prices", body=LONG, **options) -> tuple[str, bool, bool]:
    step = decide(wanted, article, slug="prices", digest=text_digest(title, body), **options)
    return str(step.action), step.writes_text, step.turns


@pytest.mark.parametrize(
    ("wanted", "article", "body", "expected"),
    [
        (document(), None, LONG, ("new", True, True)),
        (document(wish=Wish.LEAVE), None, LONG, ("new", True, False)),
        (document(), known(), LONG, ("unchanged", False, False)),
        (document(), known(), "New text.", ("changed", True, False)),
        (document(facts={"category": "Prices"}), known(), LONG, ("changed", False, False)),
        # Edited here, and changed there: left. Edited here alone: nothing to do. Both made the same change: the same.
        (document(), known(now_digest="theirs"), "New text.", ("edited", False, False)),
        (document(), known(now_digest="theirs"), LONG, ("unchanged", False, False)),
        (document(), known(now_digest=text_digest("Prices", "New.")), "New.", ("unchanged", False, False)),
        # The import left it a draft, and is now told to publish; or it is no longer published at the source.
        (document(), known(status="draft", left_as="draft"), LONG, ("changed", False, True)),
        (document(wish=Wish.WITHDRAW), known(), LONG, ("changed", False, True)),
        # Staff withdrew it, or published it themselves: that stays.
        (document(), known(status="draft"), LONG, ("unchanged", False, False)),
        (document(), known(status="archived"), LONG, ("unchanged", False, False)),
        (document(wish=Wish.WITHDRAW), known(left_as="draft"), LONG, ("unchanged", False, False)),
        # A draft that somebody works on is not published over their head.
        (document(), known(status="draft", left_as="draft", now_digest="theirs"), LONG, ("edited", False, False)),
    ],
)
def test_each_document_gets_the_least_that_is_needed(wanted, article, body, expected):
    assert action(wanted, article, body=body) == expected


def test_overwriting_replaces_what_was_edited_here():
    edited = known(now_digest="theirs")
    assert action(document(), edited, body="New text.", overwrite=True) == ("changed", True, False)
    assert action(document(), edited, overwrite=True) == ("changed", True, False)


class TestMatching:
    def test_a_document_under_another_key_has_moved(self):
        article = known("old.md")
        matches = match([document("new.md")], [article])
        assert matches.known == {"new.md": article} and matches.moved == {"new.md"}
        assert action(document("new.md"), article, moved=True) == ("moved", False, False)

    def test_a_copy_beside_the_original_is_new(self):
        matches = match([document("a.md"), document("copy.md")], [known("a.md")])
        assert set(matches.known) == {"a.md"} and not matches.moved

    def test_a_document_that_cannot_be_read_has_not_moved(self):
        assert match([document("new.md")], [known("old.md")], unreadable={"old.md"}).known == {}

    def test_short_texts_are_told_apart_by_their_titles(self):
        soon = known("old.md", title="Kayaks", body="Coming soon.")
        assert not match([document("x.md", title="Tents", body="Coming soon.")], [soon]).known
        assert match([document("x.md", title="Kayaks", body="Coming soon.")], [soon]).moved == {"x.md"}

    def test_two_equal_documents_take_two_articles(self):
        articles = [known("1.md"), known("2.md")]
        matches = match([document("3.md"), document("4.md"), document("5.md")], articles)
        assert [matches.known[key].key for key in ("3.md", "4.md")] == ["1.md", "2.md"]
        assert "5.md" not in matches.known

    def test_the_address_of_a_page_tells_where_the_key_and_the_text_have_changed(self):
        page = "https://larkfield.example/prices"
        article = known("a", address=page)
        assert match([document("b", body="New.", address=page)], [article], {"a"}).known == {"b": article}
        assert not match([document("b", body="New.")], [known("a")], {"a"}).known
        assert not match([document("b", body="New.", address=page)], [article, known("c", address=page)]).known
        both = [document("b", body="New.", address=page), document("c", body="Other.", address=page)]
        assert not match(both, [article]).known


def test_overwriting_never_shows_an_article_to_more_people():
    told = {"audience": "public", "language": "en"}
    now = {"audience": "customers", "language": "de"}
    assert facts_to_set(told, told, now, overwrite=False) == {}
    assert facts_to_set(told, told, now, overwrite=True) == {"language": "en"}
    inner = {"audience": "internal", "language": "de"}
    assert facts_to_set(inner, told, now, overwrite=True) == {"audience": "internal"}
    assert facts_to_set(told, inner, inner, overwrite=False) == {"audience": "public", "language": "en"}


class TestNaming:
    def test_addresses_are_the_articles_own_or_free_ones(self):
        documents = [document("a.md"), document("b.md"), document("c.md", slug="Prices!"), document("d.md")]
        article = known("d.md", slug="delivery-prices")
        names = name(documents, Matches({"d.md": article}), taken={"prices"})
        assert names == {"a.md": "prices-2", "b.md": "prices-3", "c.md": "prices-4", "d.md": "delivery-prices"}

    @pytest.mark.parametrize(
        ("key", "title", "slug", "expected"),
        [
            ("a.md", "What’s the price (2026)?", "", "whats-the-price-2026"),
            ("a.md", "Wie läuft’s: Größe/Farbe", "", "wie-laufts-groe-farbe"),
            ("guide/delivery.md", "配送", "", "guide-delivery"),
            ("help/accounts/overview@zh", "ID 账户概述说明", "", "accounts-overview-zh"),
            ("https://larkfield.example/help/delivery/", "配送", "", "help-delivery"),
            ("!", "?", "", "article"),
            ("a.md", "Prices", "../../Old Slug", "old-slug"),
            ("a.md", "x" * 200, "", "x" * 120),
        ],
    )
    def test_an_address_is_made_of_what_can_be_read(self, key, title, slug, expected):
        assert name([document(key, title=title, slug=slug)], Matches(), ()) == {key: expected}

    def test_a_long_address_keeps_its_number_within_the_bound(self):
        assert free_slug("x" * 120, {"x" * 120}) == "x" * 118 + "-2"

    def test_a_new_article_tells_of_the_address_it_got(self):
        step = decide(document(), None, slug="prices-2", digest="")
        assert step.message == "Its address is prices-2: prices is taken."


class TestMissing:
    def find(self, articles, seen=(), unreadable=(), withdraws=True, allow_many=False):
        matches = Matches({article.key: article for article in articles if article.key in seen})
        steps = find_missing(articles, matches, unreadable, withdraws=withdraws, allow_many=allow_many)
        return [(step.key, str(step.action)) for step in steps]

    def test_what_is_gone_is_named(self):
        articles = [known("1"), known("2"), known("3")]
        assert self.find(articles, seen={"1", "2"}) == [("3", "missing")]
        assert self.find(articles, seen={"1", "2"}, unreadable={"3"}) == []

    def test_more_than_half_at_once_is_held_back_until_it_is_allowed(self):
        articles = [known(str(number)) for number in range(4)]
        assert self.find(articles, seen={"0", "1"}) == [("2", "missing"), ("3", "missing")]
        assert self.find(articles, seen={"0"}) == [("1", "held"), ("2", "held"), ("3", "held")]
        assert self.find(articles, seen={"0"}, allow_many=True)[0] == ("1", "missing")
        assert self.find(articles, seen={"0"}, withdraws=False)[0] == ("1", "missing")  # nothing is taken away

    @pytest.mark.parametrize("unread", ["line 7", "page-2.json, line 7", "page-2.json", "row 3", "export.jsonl.gz"])
    def test_what_may_lie_in_a_part_that_was_not_read_is_held_back(self, unread):
        articles = [known(str(number)) for number in range(4)]
        assert self.find(articles, seen={"0", "1", "2"}, unreadable={unread}) == [("3", "held")]
        assert self.find(articles, seen={"0", "1", "2"}, unreadable={"row.md", "77"}) == [("3", "missing")]
        assert self.find(articles, seen={"0", "1", "2"}, unreadable={unread}, allow_many=True) == [("3", "missing")]

    def test_what_lies_in_a_folder_that_was_not_read_is_not_gone(self):
        articles = [known("1"), known("2"), known("guide/a.md"), known("guide/deep/b.md")]
        assert self.find(articles, seen={"1", "2"}, unreadable={"guide"}) == []
        assert self.find(articles, seen={"1", "2", "guide/a.md"}, unreadable={"gui"}) == [
            ("guide/deep/b.md", "missing")
        ]
        pages = [known("1"), known("2"), known("https://x.example/a/b")]
        assert self.find(pages, seen={"1", "2"}, unreadable={"https://x.example/a"})[0][1] == "missing"

    def test_an_article_that_no_import_wrote_is_never_gone(self):
        assert self.find([known("1"), known("2"), known("3", text_digest="")], seen={"1", "2"}) == []

    def test_what_was_missing_before_is_done_with(self):
        articles = [known("1"), known("2", missing=True, status="draft", left_as="draft")]
        assert self.find(articles, seen={"1"}) == []

    def test_a_source_that_is_told_later_to_withdraw_withdraws_what_is_long_missing(self):
        articles = [known("1"), known("2", missing=True)]
        assert self.find(articles, seen={"1"}, withdraws=False) == []
        assert self.find(articles, seen={"1"}) == [("2", "missing")]
