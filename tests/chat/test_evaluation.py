import pytest

from chat.evaluation import Row, differences, gold_sentence, marked, marks, speed, token_f1
from knowledge.evaluation_files import GivenArticle, GivenQuestion

ARTICLE = GivenArticle("labels", "Labels", "Print it. A label costs £2.95 by post. Shops are free.", "public", "en")


def asked(*, span: str = "£2.95", answer: str = "A label costs £2.95.", answerable: bool = True) -> GivenQuestion:
    gold = ("labels",) if answerable else ()
    return GivenQuestion("q", "What does a label cost?", [], gold, answerable, span=span, answer=answer)


def said(answer: str, outcome: str = "answered", cited: str = "labels") -> Row:
    return Row("q", "What does a label cost?", outcome=outcome, answer=answer, cited_article_ids=[cited])


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("It is £2.95. [1]", 1),
        ("It is £ 2.95 [1]", 1),
        ("It is £12.95. [1]", 0),
        ("It is £2.951. [1]", 0),
        ("We charge for it. [1]", 0),
        ("It is £2.95. " + "And so on and on. " * 20, 0),
        ("", 0),
    ],
)
def test_a_right_answer_is_short_and_holds_the_gold_span_as_whole_words(answer, right):
    assert marks(asked(), said(answer), "A label costs £2.95.")["right answers"] == right


def test_without_a_span_nearness_to_the_gold_answer_decides():
    given = asked(span="", answer="Go to settings and choose delete account.")
    assert marks(given, said("Go to settings, then choose delete account. [1]"), "")["right answers"] == 1
    assert marks(given, said("Go to the shop. [1]"), "")["right answers"] == 0


def test_a_refusal_of_an_answerable_question_is_wrong_and_of_an_unanswerable_one_right():
    refusal = said("I could not find that. £2.95", outcome="abstained")
    assert marks(asked(), refusal, "A label costs £2.95.") == {"right answers": 0, "token F1": 0, "wrong refusals": 1}
    assert marks(asked(answerable=False), refusal, "") == {"right refusals": 1}
    assert marks(asked(answerable=False), said("£9. [1]"), "") == {"right refusals": 0}


def test_an_answer_cites_gold_when_any_cited_article_is_a_gold_one():
    assert marks(asked(), said("£2.95", cited="labels"), "")["cites gold"] == 1
    assert marks(asked(), said("£2.95", cited="other"), "")["cites gold"] == 0


def test_the_sentence_to_come_near_to_is_the_gold_answer_or_the_one_around_its_span():
    articles = {"labels": ARTICLE}
    assert gold_sentence(asked(answer="£2.95"), articles) == "A label costs £2.95 by post."
    assert gold_sentence(asked(answer="Each label costs you £2.95."), articles) == "Each label costs you £2.95."


def test_token_f1_counts_shared_words_as_often_as_they_occur():
    assert token_f1(["a", "b", "c"], ["a", "b", "c"]) == 1
    assert token_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 / 5)
    assert token_f1([], ["a"]) == 0


def test_two_runs_are_compared_question_by_question():
    ours, theirs = ({"right answers": {"1": 1.0, "2": 1.0, "3": 0.0}}, {"right answers": {"1": 0.0, "2": 1.0}})
    found = differences(ours, theirs)["right answers"]
    assert (found.value, found.n) == (0.5, 2)


def test_questions_without_a_row_are_left_out():
    assert marked([asked()], [], [ARTICLE]) == {}


def test_speed_is_told_in_milliseconds_to_first_words_and_to_the_end():
    rows = [Row(str(ms), "q", ms={"first": ms, "total": 2 * ms}, tokens_out=10) for ms in (100.0, 200.0, 300.0)]
    assert speed(rows) == {"first p50": 200, "first p95": 200, "total p50": 400, "total p95": 400, "tokens": 10}
