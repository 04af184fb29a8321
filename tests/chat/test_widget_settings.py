"""What a widget's row says, as its visitors are told, and when the team is there."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from chat.events import Refused, parse
from chat.hours import is_open, next_opening, parse_hours
from chat.models import Message, RetrievedPassage, Visitor, Widget
from chat.phrases import PHRASES
from chat.sources import follow_ups_of, nearest_of, shown_sources, sources_of
from chat.widget_settings import LANGUAGES, ink_on
from tests.chat.test_hostile_text import passage

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "open_now", "opens"),
    [
        ("mon-fri 09:00-17:00", (23, 10, 0), True, (24, 9)),
        ("mon-fri 09:00-17:00", (23, 17, 0), False, (24, 9)),
        ("mon-fri 09:00-17:00\nsat 10:00-14:00", (28, 8, 59), False, (28, 10)),
        ("mon-fri 09:00-17:00", (27, 18, 0), False, (30, 9)),
        ("fri-mon 9:00-24:00", (29, 23, 59), True, (30, 9)),
        ("mon,wed 09:00-12:00", (23, 13, 0), False, (25, 9)),
    ],
)
def test_opening_hours_are_read_as_people_write_them(text, now, open_now, opens):
    day, hour, minute = now
    here = MONDAY.replace(day=day, hour=hour, minute=minute)
    spans = parse_hours(text)
    assert is_open(spans, here) is open_now
    assert next_opening(spans, here) == MONDAY.replace(day=opens[0], hour=opens[1])


@pytest.mark.parametrize("text", ["monday 9-5", "mon 17:00-09:00", "mon 25:00-26:00", "xyz 09:00-17:00", "mon 9:00"])
def test_hours_that_are_not_understood_are_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="“|no time of a day"):
        parse_hours(text)


def test_no_hours_say_nothing():
    assert Widget(key="shop").public(MONDAY)["back"] is None
    assert Widget(key="shop", opening_hours="mon 00:00-24:00").public(MONDAY)["back"] is None


def test_the_hours_are_those_of_the_teams_zone():
    widget = Widget(key="shop", opening_hours="mon-fri 09:00-17:00", time_zone="Asia/Tokyo")
    assert widget.public(MONDAY.replace(hour=9))["back"] == "2026-11-24T09:00:00+09:00"


@pytest.mark.parametrize(("colour", "ink"), [("#1d4ed8", "#fff"), ("#8fb4ff", "#000"), ("#ffffff", "#000")])
def test_the_ink_on_an_accent_is_the_one_that_reads_better(colour, ink):
    assert ink_on(colour) == ink


@pytest.mark.parametrize(
    "wrong", [{"accent": "red"}, {"time_zone": "Mars/Base"}, {"opening_hours": "always"}, {"languages": ["tlh"]}]
)
def test_a_row_that_says_nonsense_is_refused(db, wrong):
    with pytest.raises(ValidationError) as refused:
        Widget(key="shop", name="Shop", **wrong).full_clean()
    assert set(refused.value.message_dict) == set(wrong)


def test_the_public_part_is_for_all_sites_and_holds_no_secret(db, client):
    Widget.objects.create(key="shop", name="Shop", accent="#1d4ed8", identity_secret="s" * 40, heading="Ask Larkfield")
    answer = client.get("/widget/shop.json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*" and "max-age=60" in answer.headers["Cache-Control"]
    said = answer.json()
    assert said["heading"] == "Ask Larkfield" and said["accent"] == [["#1d4ed8", "#fff"], ["#1d4ed8", "#fff"]]
    assert "sss" not in answer.content.decode()
    assert set(said) == {
        "heading", "theme", "placement", "accent", "languages", "ask_first", "ask_first_required", "back",
        "privacy",
    }  # fmt: skip


def test_a_widget_that_is_off_is_told_so(db, client):
    Widget.objects.create(key="shop", name="Shop", active=False)
    assert client.get("/widget/shop.json").status_code == client.get("/widget/none.json").status_code == 404


@pytest.mark.parametrize(("audience", "quoted"), [("public", ["public"]), ("customers", ["public", "customers"])])
def test_a_widget_may_be_kept_to_public_articles(db, audience, quoted):
    widget = Widget.objects.create(key="shop", name="Shop", audience=audience)
    assert Visitor(widget=widget, external_id="dora").audiences == quoted
    assert Visitor(widget=widget).audiences == ["public"]


def test_what_a_visitor_says_of_itself_is_short_and_bounded():
    about = {"name": "Dora\x00", "page": 7, **{f"k{n}": "v" * 999 for n in range(20)}}
    asked = parse(_ask(about))
    assert asked.about["name"] == "Dora" and len(asked.about) == 8
    assert max(len(said) for said in asked.about.values()) == 200
    assert parse(_ask(None)).about == {}
    with pytest.raises(Refused):
        parse(_ask("Dora"))


def _ask(about):
    return json.dumps(
        {"type": "ask", "id": "0190c1b0-0000-7000-8000-000000000000", "text": "Where is it?", "about": about}
    )


def test_the_assistant_speaks_every_language_that_the_widget_offers():
    assert set(LANGUAGES) == set(PHRASES)
    assert all(words.keys() == PHRASES["en"].keys() for words in PHRASES.values())


@pytest.mark.parametrize(
    "wrong", ["javascript:alert(1)", "//evil.example/", "/\\evil.example", "privacy", "https://a b"]
)
def test_a_privacy_notice_is_an_address_of_the_web(db, wrong):
    with pytest.raises(ValidationError, match="whole address"):
        Widget(key="shop", name="Shop", privacy_url=wrong).full_clean()
    Widget(key="shop", name="Shop", privacy_url="https://shop.example/privacy").full_clean()


def test_the_help_pages_carry_the_widget_and_the_name_of_the_installation(client, db):
    def page() -> str:
        return client.get("/help/").content.decode()

    assert "<support-chat" not in page()
    Widget.objects.create(key="off", name="Switched off", active=False, on_help_pages=True)
    Widget.objects.create(key="tyres", name="Ada & Bea Tyres", privacy_url="/privacy")
    assert '<support-chat key="tyres">' in page() and "<title>Help · Ada &amp; Bea Tyres</title>" in page()
    assert '<a href="/privacy">Privacy</a>' in page() and "Larkfield" not in page() and "demo" not in page()
    Widget.objects.create(key="wheels", name="Wheels", on_help_pages=True)
    assert '<support-chat key="wheels">' in page() and "Tyres" not in page() and "Privacy" not in page()


def test_what_was_found_and_not_cited_can_be_asked_next():
    found = [
        passage(heading="How long you have"),
        passage(heading="Exceptions > Items on sale"),
        passage(title="How long does a refund take?"),
        passage(title="How long does a re\u200bfund take?"),
        replace(passage(title="Wann kommt die Erstattung?"), language="de"),
        passage(title="Returns " * 20),
        passage(title="Warranty periods", heading="What it covers"),  # would be read with the question before it
    ]
    question = "How long do I have?"
    others = follow_ups_of(question, found, [1], "en")
    assert others == ["Returns policy: Items on sale", "How long does a refund take?"]
    assert follow_ups_of(question, found, [2, 3], "en") == ["Returns policy: How long you have"]
    assert follow_ups_of("How long does a refund take?", found, [1, 2], "en") == []
    assert follow_ups_of(question, found, [5], "de") == [] and follow_ups_of(question, [], [], "en") == []


def test_what_nobody_sees_is_not_in_a_source_that_is_shown():
    turned = passage(title="Returns \u202egnp.exe", heading="How\u200b long")
    assert sources_of([turned]) == [
        {"n": 1, "title": "Returns gnp.exe", "heading": "How long", "url": "/help/returns/"}
    ]
    assert nearest_of([("Ret\u00adurns", "/help/returns/")]) == [{"title": "Returns", "url": "/help/returns/"}]
    row = Message(role=Message.Role.BOT)
    row._prefetched_objects_cache = {"passages": [RetrievedPassage(n=1, title="A\u2066b", heading="", url="/help/a/")]}
    assert shown_sources(row)[0]["title"] == "Ab"
