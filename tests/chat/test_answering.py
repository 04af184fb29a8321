"""What becomes of an answer that the model declines: the search may know better."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from chat import answering
from chat.answering import Ending, Options, Restart, Sources, Words, compose
from chat.prompts import REFUSAL
from knowledge.retrieval import Passage, Retrieval
from supportbot.inference.client import Finish

PASSAGE = Passage(
    chunk_id=1,
    revision_id=uuid4(),
    article_id=uuid4(),
    slug="returns",
    title="Returns",
    heading="When",
    anchor="when",
    url="/help/returns/#when",
    text="You can return unused items within 60 days.",
    language="en",
    score=0.9,
    similarity=0.8,
    lexical=0.7,
)


async def decline(*_: object, **__: object) -> AsyncIterator[str | Finish]:
    for piece in (REFUSAL[:7], REFUSAL[7:]):
        yield piece
    yield Finish("stop", 10, 9)


@pytest.fixture
def found(monkeypatch):
    """The search finds the passage, as sure as told; the model declines."""

    def sure(answerable: float, *others: Passage) -> None:
        async def search(*_: object, **__: object) -> Retrieval:
            return Retrieval(
                passages=[PASSAGE, *others], nearest=[("Returns", "/help/returns/")], answerable=answerable
            )

        monkeypatch.setattr(answering, "afind_passages", search)

    monkeypatch.setattr(answering, "stream_chat", decline)
    return sure


async def composed(options: Options) -> tuple[Ending, str, list[object]]:
    events = [event async for event in compose("How long may I wait with a return?", [], options)]
    words = "".join(event.text for event in events if isinstance(event, Words))
    assert isinstance(events[-1], Ending)
    return events[-1], words, events


async def test_a_refusal_over_a_doubtful_passage_is_believed(found) -> None:
    found(0.5)
    end, words, _ = await composed(Options())
    assert (end.outcome, end.reason, end.citations) == ("abstained", "model_refused", [])
    assert words.startswith(REFUSAL) and end.nearest == [("Returns", "/help/returns/")]


async def test_a_refusal_over_a_sure_passage_shows_the_passage(found) -> None:
    found(0.9)
    end, words, events = await composed(Options())
    assert (end.outcome, end.reason, end.citations) == ("extracted", "model_refused", [1])
    assert words == "You can return unused items within 60 days. [1]"
    assert sum(isinstance(event, Sources) for event in events) == 1


def says(monkeypatch, *pieces: str) -> None:
    async def stream(*_: object, **__: object) -> AsyncIterator[str | Finish]:
        for piece in pieces:
            yield piece
        yield Finish("stop", 10, 9)

    monkeypatch.setattr(answering, "stream_chat", stream)


async def test_each_sentence_of_an_answer_has_its_support(found, monkeypatch) -> None:
    found(0.9)
    says(monkeypatch, "You can return unused items", " within 60 days. [1]")
    end, words, _ = await composed(Options())
    assert (end.outcome, words) == ("answered", "You can return unused items within 60 days. [1]")
    ((text, cited, score),) = [(one.text, one.cited, one.score) for one in end.support]
    assert (text, cited) == (words, (1,)) and score > 0.6
    assert end.chance is not None and 0 < end.chance <= 1


async def test_a_sentence_without_support_is_taken_back_and_the_passage_shown(found, monkeypatch, settings) -> None:
    found(0.9)
    settings.CHAT_CHOICE_FLOOR = 0.0
    says(monkeypatch, "Kayaks are", " always taken back. [1]", " Ask in any shop.")
    end, _, events = await composed(Options())
    assert (end.outcome, end.reason, end.support) == ("extracted", "unsupported", [])
    assert end.stopped.startswith("sentence, 0.") and "Kayaks are always taken back." in end.stopped
    places = [place for place, event in enumerate(events) if isinstance(event, Restart)]
    after = "".join(event.text for event in events[places[0] :] if isinstance(event, Words))
    assert len(places) == 1 and after == "You can return unused items within 60 days. [1]"


@pytest.mark.parametrize(("held", "holds", "restarts"), [(60.0, True, 0), (0.0, True, 1), (60.0, False, 1)])
async def test_where_the_passage_is_likelier_it_takes_the_place_of_the_models_words(
    found, monkeypatch, held, holds, restarts
) -> None:
    """Words that waited for the choice are never seen; those that waited long enough, or not at all, are taken back."""
    found(0.9)
    monkeypatch.setattr(answering, "HELD_SECONDS", held)
    says(monkeypatch, "Kayaks are", " always taken back. [1]", " Ask in any shop.")
    end, words, events = await composed(Options(holds=holds))
    assert (end.outcome, end.reason, end.stopped, end.support) == ("extracted", "passage_likelier", "", [])
    assert words.endswith("You can return unused items within 60 days. [1]") and "Ask" not in words
    assert sum(isinstance(event, Restart) for event in events) == restarts
    assert ("Kayaks" in words) is bool(restarts)


async def test_words_go_out_as_soon_as_they_are_known_to_be_the_better_answer(found, monkeypatch) -> None:
    found(0.9)
    monkeypatch.setattr(answering, "HELD_SECONDS", 60.0)
    said = "You can return unused items within 60 days. [1] You can return unused items. [1]"
    says(monkeypatch, *re.findall(r"\s*\S+", said))
    end, words, events = await composed(Options())
    assert (end.outcome, words) == ("answered", said)
    first = next(event.text for event in events if isinstance(event, Words))
    assert said.startswith(first) and first.count("unused") == 1


async def test_the_model_need_not_be_asked(found, monkeypatch, settings) -> None:
    found(0.9)
    settings.CHAT_CHOICE_FLOOR = 2.0
    monkeypatch.setattr(answering, "stream_chat", None)
    end, words, _ = await composed(Options())
    assert (end.outcome, end.reason) == ("extracted", "passage_first") and words


async def test_a_fact_in_no_passage_is_kept_for_review(found, monkeypatch) -> None:
    found(0.9)
    says(monkeypatch, "You can return unused items within 90 days. [1]")
    end, _, _ = await composed(Options())
    assert (end.outcome, end.reason) == ("extracted", "unsupported_fact")
    assert "90" in end.stopped and ": " in end.stopped


async def test_the_model_alone_is_scored_and_not_stopped(found, monkeypatch) -> None:
    found(0.9)
    says(monkeypatch, "Kayaks are always taken back. [1]")
    end, words, _ = await composed(Options(answerer="model", gate=False))
    assert (end.outcome, words) == ("answered", "Kayaks are always taken back. [1]")
    assert [one.score < 0.3 for one in end.support] == [True]


async def test_the_model_alone_is_always_believed(found) -> None:
    found(0.9)
    end, _, _ = await composed(Options(answerer="model"))
    assert (end.outcome, end.reason) == ("abstained", "model_refused")


async def test_passages_far_behind_the_best_are_not_shown(found) -> None:
    near, far = replace(PASSAGE, score=0.8, title="Near"), replace(PASSAGE, score=0.5, title="Far")
    found(0.9, near, far)
    _, _, events = await composed(Options(answerer="extract"))
    (shown,) = [event for event in events if isinstance(event, Sources)]
    assert [passage.title for passage in shown.passages] == ["Returns", "Near"]


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie lange kann ich den Artikel zurückgeben?", "en"),
        ("How long may I wait with a return?", "de"),
        ("Wie lange kann ich den Artikel zurückgeben?", "de"),
    ],
)
async def test_a_language_that_the_adapter_does_not_know_gets_the_passage_itself(
    found, monkeypatch, question: str, language: str
) -> None:
    async def search(*_: object, **__: object) -> Retrieval:
        return Retrieval(passages=[replace(PASSAGE, language=language)], answerable=0.9)

    monkeypatch.setattr(answering, "afind_passages", search)
    events = [event async for event in compose(question, [], Options())]
    assert isinstance(events[-1], Ending)
    assert (events[-1].outcome, events[-1].reason) == ("extracted", "language")
