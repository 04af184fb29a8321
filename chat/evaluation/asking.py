"""Questions asked through the path that customers' questions take, or of a model alone, and what came of each.

Call it on the ground of `knowledge.scratch`, with the articles published and embedded by `knowledge.evaluation`.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from chat.answering import AnswerFailed, Ending, Event, Options, Restart, Sources, Words, compose, weigh
from chat.condensing import condense
from chat.evaluation.marks import words
from chat.evaluation.rows import Row, key_of
from chat.prompts import REFUSAL
from knowledge.evaluation import EvaluationFailed, Progress, Say
from knowledge.evaluation_files import GivenArticle, GivenQuestion
from knowledge.models import Chunk
from knowledge.retrieval import Passage, Retrieval, afind_passages
from supportbot.inference.client import Finish, ModelError, stream_chat

# Without passages the model is asked as plainly as with them, and may decline as well.
CLOSED_BOOK = (
    "You answer customers of a support desk in one to three short sentences. "
    f"If you do not know the answer, reply only: {REFUSAL}"
)
MAX_TURNS = 6
Probe = Callable[[str, Sequence[Passage]], float | None]
_MARKER = re.compile(r"\s*\[\d+\]")


@dataclass(slots=True)
class Search:
    """What `compose` searches with: read in full or not at all, and nothing declined but by the product itself.

    `declines`: whether the floor counts, as it does for customers. Remembers what was found.
    """

    seconds: float
    declines: bool
    found: Retrieval | None = None

    async def __call__(self, question: str, **wanted: Any) -> Retrieval:
        found = self.found = await afind_passages(question, reading_seconds=self.seconds, **wanted)
        if found.degraded:
            raise EvaluationFailed(f"A question was searched by words alone: {found.degraded}. Run it again.")
        if found.unread:
            raise EvaluationFailed("A question was not read: the server that reads failed. Run it again.")
        return found if self.declines else replace(found, answerable=1.0)


@dataclass(frozen=True, slots=True)
class Again:
    """What an earlier search found, whatever it thought of it: nothing is searched for, and nothing declined."""

    found: Retrieval

    async def __call__(self, _question: str, **_wanted: Any) -> Retrieval:
        return replace(self.found, answerable=1.0)


@dataclass(frozen=True, slots=True)
class Exam:
    """The articles of one set as they were published: ids and topics by the article's own id."""

    name: str
    ids: dict[UUID, str]
    articles: dict[str, GivenArticle]
    seconds: float  # that a question waits to be read

    def row_of(self, given: GivenQuestion) -> Row:
        about = next((one for one in (*given.gold, *given.near) if one in self.articles), "")
        title = self.articles[about].title if about else ""
        return Row(given.id, given.question, set=self.name, key=key_of(given), about=about, title=title)

    def passage_of(self, passage: Passage) -> dict[str, str]:
        article = self.ids[passage.article_id]
        return {"article": article, "title": passage.title, "heading": passage.heading, "text": passage.text}


async def ask_all(
    questions: Sequence[GivenQuestion],
    exam: Exam,
    options: Options,
    *,
    passages: Mapping[str, Sequence[Passage]],
    probe: Probe | None = None,
    keep: Callable[[Row], None],
    say: Say,
) -> None:
    """Answer the questions one at a time, over the `passages` given by question id, or over those that are found."""
    progress = Progress(say, f"{exam.name}, answered", len(questions))
    for number, given in enumerate(questions, 1):
        keep(await ask(given, exam, replace(options, passages=passages.get(given.id)), probe=probe))
        progress.at(number)


async def ask(
    given: GivenQuestion,
    exam: Exam,
    options: Options,
    search: Search | Again | None = None,
    probe: Probe | None = None,
) -> Row:
    """One answer, heard to its end. What the gate stopped is asked for again without it, to see the whole.

    A model that says nothing at all leaves the outcome `failed`. `probe` tells how likely the model was to refuse.
    """
    row = exam.row_of(given)
    search = search or Search(exam.seconds, declines=options.answerer == "live")
    start = time.perf_counter()
    shown: Sequence[Passage] = options.passages or []
    try:
        shown = await _hear(compose(given.question, given.history, replace(options, search=search)), row, exam, start)
        if row.is_stopped:
            bare = replace(options, answerer="model", gate=False, passages=shown)
            row.model_answer = await _words_of(compose(given.question, given.history, bare))
        if probe and shown:
            row.refusal = await asyncio.to_thread(probe, row.asked, shown)
    except (AnswerFailed, ModelError) as error:
        if error.code != "malformed":
            raise EvaluationFailed(f"Question {given.id} got no answer ({error.code}). Run it again.") from error
        row.outcome, row.reason = "failed", error.code
    if search.found is not None:
        row.answerable = weigh(search.found, given.question, row.asked or given.question).found.answerable
    row.topic = _topic(search.found, shown, exam)
    return row


def _topic(found: Retrieval | None, shown: Sequence[Passage], exam: Exam) -> str:
    """The category of the article that was found best, shown or not."""
    ranked = found.ranked_article_ids if found else [passage.article_id for passage in shown]
    return exam.articles[exam.ids[ranked[0]]].category if ranked else ""


async def _hear(events: AsyncGenerator[Event, None], row: Row, exam: Exam, start: float) -> Sequence[Passage]:
    """Fill the row; gives the passages that were shown."""
    passages: Sequence[Passage] = []
    said: list[str] = []
    async with aclosing(events):
        async for event in events:
            match event:
                case Sources(shown):
                    passages = shown
                case Words(text):
                    row.ms.setdefault("first", _ms_since(start))
                    said.append(text)
                case Restart():
                    row.model_answer, said = "".join(said), []
                case Ending():
                    row.ms["total"] = _ms_since(start)
                    row.passages = [exam.passage_of(passage) for passage in passages]
                    row.retrieved_article_ids = list(dict.fromkeys(one["article"] for one in row.passages))
                    _close(row, event, "".join(said))
    return passages


def _close(row: Row, end: Ending, text: str) -> None:
    row.outcome, row.reason, row.answer, row.asked = end.outcome, end.reason, text, end.standalone
    row.language, row.tokens_in, row.tokens_out = end.language, end.tokens_in, end.tokens_out
    row.stopped, row.chance, row.support = end.stopped, end.chance, [asdict(one) for one in end.support]
    if end.tokens_out and end.outcome == "answered":
        row.model_answer = text
    cited = [row.passages[number - 1]["article"] for number in end.citations if 0 < number <= len(row.passages)]
    row.cited_article_ids = list(dict.fromkeys(cited))
    row.ms |= {name: value for name, value in end.ms.items() if name not in row.ms}


async def _words_of(events: AsyncGenerator[Event, None]) -> str:
    async with aclosing(events):
        return "".join([event.text async for event in events if isinstance(event, Words)])


async def ask_closed(
    questions: Sequence[GivenQuestion],
    name: str,
    articles: Mapping[str, GivenArticle],
    *,
    model: str,
    keep: Callable[[Row], None],
    say: Say,
) -> None:
    """Ask the model alone, without one passage; its facts are looked up in the articles that hold the answer."""
    progress = Progress(say, f"{name}, answered", len(questions))
    for number, given in enumerate(questions, 1):
        row = Row(given.id, given.question, set=name, key=key_of(given), asked=condense(given.question, given.history))
        known = [articles[one] for one in given.gold or given.near if one in articles]
        row.passages = [{"article": one.id, "title": one.title, "heading": "", "text": one.body} for one in known]
        try:
            await _say_from_memory(row, given, model)
        except ModelError as error:
            raise EvaluationFailed(f"Question {given.id} got no answer ({error.code}). Run it again.") from error
        keep(row)
        progress.at(number)


async def _say_from_memory(row: Row, given: GivenQuestion, model: str) -> None:
    turns = [{"role": turn["role"], "content": turn["text"]} for turn in given.history[-MAX_TURNS:]]
    pieces = stream_chat(
        [{"role": "system", "content": CLOSED_BOOK}, *turns, {"role": "user", "content": given.question}],
        model=model,
        max_tokens=settings.CHAT_MAX_ANSWER_TOKENS,
        first_token_seconds=settings.CHAT_FIRST_TOKEN_SECONDS,
        total_seconds=settings.CHAT_ANSWER_SECONDS,
    )
    start, said = time.perf_counter(), ""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Finish):
                row.tokens_in, row.tokens_out = piece.prompt_tokens, piece.completion_tokens
            else:
                row.ms.setdefault("first", _ms_since(start))
                said += piece
    row.ms["total"] = _ms_since(start)
    row.answer = row.model_answer = _MARKER.sub("", said).strip()
    refused = row.answer.casefold().startswith(REFUSAL.rstrip(".").casefold()) or not row.answer
    row.outcome = "abstained" if refused else "answered"
    row.reason = "model_refused" if refused else ""


def all_gold_passages(questions: Sequence[GivenQuestion], ids: dict[UUID, str]) -> dict[str, list[Passage]]:
    """By question id; a question that names neither a gold nor a near article has none, and is searched for."""
    given = {one.id: gold_passages(one, ids) for one in questions}
    return {one: passages for one, passages in given.items() if passages}


def gold_passages(given: GivenQuestion, ids: dict[UUID, str]) -> list[Passage]:
    """The passages of the gold articles that say most of the answer; of the nearest ones where there is none."""
    wanted = set(given.gold or given.near)
    chosen = [own for own, name in ids.items() if name in wanted]
    chunks = list(Chunk.objects.filter(live=True, article_id__in=chosen).select_related("revision", "article"))
    sought = set(words(f"{given.question} {given.answer}"))
    chunks.sort(
        key=lambda chunk: (bool(given.span) and given.span in chunk.text, _share(sought, chunk.text)), reverse=True
    )
    best = sorted(chunks[: settings.CHAT_PASSAGES], key=lambda chunk: (str(chunk.article_id), chunk.position))
    return [_passage(chunk) for chunk in best]


def _passage(chunk: Chunk) -> Passage:
    article = chunk.article
    return Passage(
        chunk_id=chunk.pk,
        revision_id=chunk.revision_id,
        article_id=article.pk,
        slug=article.slug,
        title=chunk.revision.title,
        heading=chunk.heading,
        anchor=chunk.anchor,
        url=f"/help/{article.slug}/#{chunk.anchor}",
        text=chunk.text,
        language=chunk.language,
        score=1.0,
        similarity=None,
        lexical=None,
    )


def _share(sought: set[str], text: str) -> float:
    return len(sought & set(words(text))) / max(1, len(sought))


def _ms_since(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 1)
