"""The independent checker: what it reports, what it lets pass, and what it does not look at."""

import ast
from pathlib import Path

import pytest

from chat.evaluation import coarse_facts, coarse_numbers
from chat.evaluation.coarse_facts import unlicensed

PASSAGES = [
    "Returns policy\nReturning\nYou can return unused items within 30 days, parcels within two weeks. It costs £4.95.",
    "Contact\n\nCall 0800 123 456 or +44 20 7946 0958, mail help@shop.example, or see "
    "https://www.shop.example/help/returns. We answer from 09:00 to 17:00 on Mondays and on 24 December.",
    "Devices\n\nVersion 2.1.3 shows error E-1042 or E_FAIL. A set of 1,000 points is AB-123. It weighs 10 kg.",
]
QUESTION = "My order 998877 of 12 bags for £500 says X77Z, error 41."


@pytest.mark.parametrize(
    "answer",
    [
        "You have 30 days, 30-day returns, the 30th day.",
        "You have ３０ days.",  # full width
        "You have ٣٠ days.",  # another script's digits
        "You have 3\u200b0 days.",  # something invisible between them
        "Parcels: 2 weeks, or two weeks.",
        "It costs 4.95 USD, £4.95 or 4,95.",
        "1000 points, 1,000 points, 1.000 points.",
        "Call 0800 123 456, 0800123456 or +442079460958.",
        "Write to Help@Shop.example.",
        "See shop.example/help/returns, www.shop.example/help/returns/ or shop.example.",
        "From 9 to 17:00, from 9:00, every Monday, on 24 December.",
        "Version v2.1.3 shows E-1042 and e_fail; AB-123 weighs 10kg.",
        "1. Open it.\n2. Close it.",
        "One of them may march on. Five of them stay, and twenty others.",
        "It says 30 days. [1][2]",
        "Your order 998877 says X77Z, that is error 41.",
        "",
    ],
)
def test_what_stands_in_a_passage_or_is_the_customers_own_identifier_passes(answer):
    assert unlicensed(answer, PASSAGES, QUESTION) == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("You have 45 days.", ["45"]),
        ("You have ４５ days, or ④ hours.", ["45", "4"]),
        ("You have 4\u200b5 days.", ["45"]),
        ("You have 60-day returns until the 31st.", ["60-day", "31st"]),
        ("It takes three weeks or twenty-five working hours.", ["3", "25"]),
        ("It costs £5.95 or £49.5.", ["£5.95", "£49.5"]),
        ("10,000 points and 1 point.", ["10,000", "1"]),
        ("Call 0800 456 123.", ["0800 456 123"]),  # the groups stand there, the number does not
        ("Write to info@shop.example.", ["info@shop.example"]),
        ("See https://shop.example.evil.com/help.", ["https://shop.example.evil.com/help"]),
        ("See evil.example/help/returns.", ["evil.example/help/returns"]),
        ("From 10:30 on Tuesdays in July.", ["10:30", "tuesdays", "july"]),
        ("On 24 May.", ["may"]),
        ("Version 2.1.4 shows E-1043, E_LOST, AC-123.", ["2.1.4", "e-1043", "e_lost", "ac-123"]),
        ("14. Open it.", ["14"]),  # no list begins there
        ("1. Open it.\n7. Close it.", ["7"]),
        ("You bought 12 bags for £500.", ["12", "£500"]),  # the customer's amounts are no facts of ours
    ],
)
def test_what_stands_nowhere_is_reported_in_its_order(answer, found):
    assert unlicensed(answer, PASSAGES, QUESTION) == found


HALVES = [
    "It takes 2.5 hours; order 12 bags, 24 cups or 6 spoons. 0.75 litres, 0.5 kg, 1.5 years.",
    "It takes 2½ hours; order a dozen bags, two dozen cups or half a dozen spoons. ¾ litres, half a kilo, 1 1/2 years.",
    "It takes two and a half hours; order a dozen bags, 2 dozen cups or half a dozen spoons. Three quarters of a "
    "litre, ½ kg, one-and-a-half years.",
]


@pytest.mark.parametrize("passage", HALVES)
@pytest.mark.parametrize("answer", HALVES)
def test_halves_and_dozens_are_the_same_in_every_writing(answer, passage):
    assert unlicensed(answer, [passage], "") == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("It takes 3½ hours.", ["3.5"]),
        ("It takes three and a half hours, or 12½.", ["3.5", "12.5"]),
        ("Order three dozen bags.", ["36"]),
        ("It takes 2 3/4 years, or 1/7 of it.", ["2.75", "1/7"]),
        ("There are dozens of them, and half of them stay.", []),
    ],
)
def test_other_halves_and_dozens_are_reported(answer, found):
    assert unlicensed(answer, HALVES, "") == found


def test_without_passages_every_number_is_reported():
    assert unlicensed("It takes 3 days. [1]", [], "How long?") == ["3"]


def test_a_report_is_short_and_names_a_fact_once():
    assert unlicensed("7 or 7 or 7", [], "") == ["7"]
    assert [len(one) for one in unlicensed("9" * 500, [], "")] == [80]


def test_units_and_subjects_are_not_compared():
    assert unlicensed("The bag costs 30 kg.", PASSAGES, "") == []


@pytest.mark.parametrize(
    "passage",
    [
        "See memorial-enclosure.com.au/forms, or enclosure.com.au.",
        "Caused by: javax.net.ssl.SSLKeyException: RSA premaster secret error. See javax.net.",
        r"bpm.de.node.1.profilePath=c:\Program Files\MyCustomProfile1, bpm.de.node.#.profilePath",
        "The state, admitted on 3/12/1818, lies south of 42 ° 30 ′ (see fig. 2a/3b), bounds [x=1;y=2].",
        "Run `db2 -tvf c:/tmp/x_1.sql --port=50,000`; mail <root@host.example>; fifty-five|60|sixty 1/2",
    ],
)
def test_a_passage_word_for_word_is_never_reported(passage):
    assert unlicensed(passage, [passage], "") == []
    assert unlicensed(f"It says: {passage} [1]", [f"Title\n\n{passage} More."], "") == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("See enclosure.com.au.", ["enclosure.com.au"]),
        ("See enclosure.com.", ["enclosure.com"]),
        ("See shop.example.com.evil.", ["shop.example.com.evil"]),
    ],
)
def test_a_name_is_looked_up_whole(answer, found):
    assert unlicensed(answer, ["Go to my.enclosure.com.au, shop.example.com or enclosure.comics."], "") == found


def test_it_shares_no_code_with_what_it_measures():
    imported = set()
    for module in (coarse_facts, coarse_numbers):
        tree = ast.parse(Path(module.__file__).read_text())
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"re", "unicodedata", "collections.abc", "chat.evaluation.coarse_numbers"}


def test_long_hostile_text_takes_no_long_time():
    hostile = "0" * 2000 + " " + "1 " * 2000 + "a." * 2000 + "@" * 2000 + "a-" * 2000
    assert unlicensed(hostile, [hostile], hostile) == []
