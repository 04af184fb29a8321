import pytest

from chat.evaluation.marks import gold_sentence, marks, rouge_l, token_f1
from chat.evaluation.rows import Row
from chat.evaluation.summary import difference_lines, differences, judge, lines, speed, summarise
from knowledge.evaluation_files import GivenArticle, GivenQuestion

ARTICLE = GivenArticle("labels", "Labels", "Print it. A label costs £2.95 by post. Shops are free.", "public", "en")


def asked(*, span: str = "£2.95", answer: str = "A label costs £2.95.", answerable: bool = True, id: str = "q"):
    gold = ("labels",) if answerable else ()
    return GivenQuestion(id, "What does a label cost?", [], gold, answerable, span=span, answer=answer)


def said(answer: str, outcome: str = "answered", cited: tuple[str, ...] = ("labels",), **more) -> Row:
    shown = [{"article": "labels", "title": "Labels", "heading": "", "text": ARTICLE.body}]
    question = "What does a label cost?"
    row = Row("q", question, asked=question, outcome=outcome, answer=answer, cited_article_ids=list(cited), **more)
    row.passages = shown
    return row


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
    found = marks(asked(), said(answer), "A label costs £2.95.")
    assert (found["right answers"], found["wrong of answered"]) == (right, 1 - right)


def test_without_a_span_nearness_to_the_gold_answer_decides():
    given = asked(span="", answer="Go to settings and choose delete account.")
    assert marks(given, said("Go to settings, then choose delete account. [1]"), "")["right answers"] == 1
    assert marks(given, said("Go to the shop. [1]"), "")["right answers"] == 0


def test_a_refusal_of_an_answerable_question_is_wrong_and_of_an_unanswerable_one_right():
    refusal = said("I could not find that. £2.95", outcome="abstained")
    assert marks(asked(), refusal, "A label costs £2.95.") == {
        "right answers": 0,
        "token F1": 0,
        "ROUGE-L": 0,
        "wrong refusals": 1,
    }
    assert marks(asked(answerable=False), refusal, "") == {"right refusals": 1}
    answered = marks(asked(answerable=False), said("A label costs £2.95. [1]"), "")
    assert answered == {"right refusals": 0, "wrong of answered": 1, "unsupported facts": 0}


def test_citations_are_measured_both_ways():
    found = marks(asked(), said("£2.95", cited=("labels", "other")), "")
    assert (found["cites gold"], found["citation precision"], found["citation recall"]) == (1, 0.5, 1)
    found = marks(asked(), said("£2.95", cited=("other",)), "")
    assert (found["cites gold"], found["citation precision"], found["citation recall"]) == (0, 0, 0)
    assert "citation precision" not in marks(asked(), said("£2.95", cited=()), "")


def test_facts_are_looked_up_before_and_after_the_gate():
    kept = marks(asked(), said("£2.95 [1]", model_answer="£2.95 [1]"), "")
    assert (kept["unsupported facts"], kept["unsupported before the gate"], kept["stopped by the gate"]) == (0, 0, 0)
    row = said("£2.95 [1]", "extracted", model_answer="It costs £9.99.", reason="unsupported_fact", stopped="number: 9")
    stopped = marks(asked(), row, "")
    assert (stopped["unsupported facts"], stopped["unsupported before the gate"]) == (0, 1)
    assert (stopped["stopped by the gate"], stopped["stopped, nothing found"]) == (1, 0)
    row.model_answer = "It costs £2.95."
    assert marks(asked(), row, "")["stopped, nothing found"] == 1
    assert marks(asked(), said("It is £9.99. [1]"), "")["unsupported facts"] == 1


def test_the_share_of_supported_sentences_is_that_of_one_answer():
    support = [{"text": "a", "cited": [1], "score": 0.9}, {"text": "b", "cited": [1], "score": 0.1}]
    assert marks(asked(), said("£2.95", support=support), "")["supported sentences"] == 0.5
    assert "supported sentences" not in marks(asked(), said("£2.95"), "")


def test_the_sentence_to_come_near_to_is_the_gold_answer_or_the_one_around_its_span():
    articles = {"labels": ARTICLE}
    assert gold_sentence(asked(answer="£2.95"), articles) == "A label costs £2.95 by post."
    assert gold_sentence(asked(answer="Each label costs you £2.95."), articles) == "Each label costs you £2.95."


def test_token_f1_counts_shared_words_as_often_as_they_occur():
    assert token_f1(["a", "b", "c"], ["a", "b", "c"]) == 1
    assert token_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 / 5)
    assert token_f1([], ["a"]) == 0


def test_rouge_l_minds_the_order():
    assert rouge_l(["a", "b", "c"], ["a", "b", "c"]) == 1
    assert rouge_l(["c", "b", "a"], ["a", "b", "c"]) == pytest.approx(1 / 3)
    assert rouge_l(["a", "x", "b", "y"], ["a", "b"]) == pytest.approx(4 / 6)
    assert rouge_l([], ["a"]) == rouge_l(["a"], []) == 0


def runs():
    questions = [asked(id="1"), asked(id="2"), asked(id="3", answerable=False)]
    ours = [said("£2.95 [1]"), said("£2.95 [1]"), said("No.", "abstained")]
    theirs = [said("£9.99 [1]"), said("£2.95 [1]"), said("£9.99 [1]")]
    for rows in (ours, theirs):
        for given, row in zip(questions, rows, strict=True):
            row.id = given.id
    articles = {"labels": ARTICLE}
    return judge(questions, ours, articles), judge(questions, theirs, articles)


def test_two_runs_are_compared_question_by_question():
    found = differences(*runs())
    assert (found["right answers"].value, found["right answers"].n) == (0.5, 2)
    assert (found["right refusals"].value, found["right refusals"].n) == (1, 1)
    assert found["wrong of answered"].n == 2  # both answered them
    assert any(line.startswith("right answers") and "+0.500" in line for line in difference_lines(found))


def test_a_summary_counts_how_every_question_ended():
    ours, theirs = runs()
    assert summarise("a", ours).ends == {"right": 2, "rightly refused": 1}
    assert summarise("a", theirs).ends == {"right": 1, "wrong": 1, "answered without an answer": 1}
    assert any("rightly refused 1" in line for line in lines(summarise("a", ours)))


def test_questions_without_a_row_are_left_out():
    assert judge([asked(id="1")], [], {}) == []


def test_speed_is_told_with_medians_and_slow_ends():
    rows = [Row("1", "?", ms={"first": 10 * n, "total": 100 * n}, tokens_in=400, tokens_out=20) for n in range(1, 21)]
    told = speed(rows)
    assert told == {
        "first p50": 105,
        "first p95": 190,
        "total p50": 1050,
        "total p95": 1900,
        "tokens in": 400,
        "tokens": 20,
    }
    assert speed([Row("1", "?")]) == {"tokens in": 0, "tokens": 0}
