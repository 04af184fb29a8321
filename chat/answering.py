"""THE STORY: a question -> passages -> prompt -> words -> one of the endings. No socket, no rows of messages.

The ladder when something is slow or broken: written by the model -> the passage's own sentences -> a person.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from django.conf import settings

from chat import smalltalk
from chat.certainty import certainty
from chat.choosing import Choice
from chat.condensing import condense
from chat.dial import answerable_floor
from chat.extracts import Extract, extract_of
from chat.likelihood import Candidate, candidates
from chat.phrases import say
from chat.prompts import PROMPT_VERSION, build_prompt
from chat.sentence_support import Supported
from chat.speech import Outdone, Speech, Unfounded
from chat.support import Unsupported
from knowledge.blending import context_of
from knowledge.retrieval import Passage, Retrieval, RetrievalError, afind_passages
from supportbot.inference.client import Finish, ModelError, stream_chat
from supportbot.log import get_logger

logger = get_logger(__name__)

# Passages far behind the best one lead a small model astray. On 170 demo questions the answer stays among those shown
# for 92.4 % in place of 93.6 %, with 2.3 passages in place of 3.
WORTH_SHOWING = 0.7  # of the best one's score
# The first words wait so long for the choice between them and the extract: most are not taken back then.
HELD_SECONDS = 0.3
WRITTEN_LANGUAGE = "en"  # the adapter's; in other languages the passage's own sentences are shown


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a process had told of this answer before it died. `passages`: chunk and revision of each, in order."""

    text: str
    passages: tuple[tuple[object, object], ...]
    reason: str = ""  # why the passages' own sentences were shown, if the model had spoken before them


@dataclass(frozen=True, slots=True)
class Options:
    """How to answer. `answerer`: live (the whole ladder), model (no extract in place of the model), extract."""

    audiences: Collection[str] = ("public",)
    locale: str = "en"
    only_language: bool = False  # answer from articles in the question's language alone
    answerer: str = "live"
    gate: bool = True
    model: str = ""  # empty: CHAT_MODEL
    passages: Sequence[Passage] | None = None  # given: nothing is searched for
    search: Callable[..., Awaitable[Retrieval]] | None = None  # in place of `afind_passages`, called in the same way
    why_extract: str = "no_model"  # the reason code when the answerer is `extract`
    begun: Beginning | None = None
    holds: bool = True  # the first words back; beside other answers they come too slowly for that to hide anything


@dataclass(frozen=True, slots=True)
class Stage:
    name: str


@dataclass(frozen=True, slots=True)
class Sources:
    passages: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Restart:
    """What was said so far in this answer is void."""

    reason: str


@dataclass(slots=True)
class Ending:
    """The last event. The text is what the `Words` since the last `Restart` make."""

    outcome: str = ""
    reason: str = ""
    citations: list[int] = field(default_factory=list)
    nearest: list[tuple[str, str]] = field(default_factory=list)
    language: str = "en"
    standalone: str = ""
    answerable: float | None = None  # that what was found answers
    model: str = ""
    prompt_version: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    ms: dict[str, float] = field(default_factory=dict)
    support: list[Supported] = field(default_factory=list)  # of each sentence that the model wrote, as far as it came
    stopped: str = ""  # what of the model's words was stopped, after its kind; shown to managers, never logged
    chance: float | None = None  # that the passages' best sentences hold the answer, if one is in the passages


Event = Stage | Sources | Words | Restart | Ending


class AnswerFailed(Exception):
    """No answer of any kind could be given; `code` is for the `failed` frame."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """The model said that the passages do not answer."""


async def compose(question: str, history: Sequence[Mapping[str, str]], options: Options) -> AsyncGenerator[Event, None]:
    """The events of one answer, an Ending last. Raises AnswerFailed, and ModelError with the answerer `model`."""
    start = time.monotonic()
    end = Ending(language=smalltalk.answer_language(question, options.locale), standalone=question)
    said = smalltalk.recognise(question, options.locale) if options.passages is None else None
    if said is not None:
        end.language = said[1]
        yield Words(small_answer(said[0], end))
        yield end
        return
    yield Stage("searching")
    end.standalone = condense(question, history)
    weighed = weigh(await search(question, context_of(history), end, options), question, end.standalone)
    found = weighed.found
    if options.passages is None:
        end.answerable = found.answerable
    end.ms["searched"] = round(1000 * (time.monotonic() - start), 1)
    if not is_enough(found, options):
        end.outcome, end.reason, end.nearest = "abstained", "nothing_found", found.nearest
        yield Words(say("nothing_found", end.language))
        yield end
        return
    yield Sources(found.passages)
    yield Stage("writing")
    async with aclosing(write(weighed, end, options)) as events:
        async for event in events:
            if isinstance(event, Words) and "first" not in end.ms:
                end.ms["first"] = round(1000 * (time.monotonic() - start), 1)
            yield event
    yield end


def small_answer(kind: str, end: Ending) -> str:
    """The sentence for what asks nothing of the articles; sets the outcome."""
    if kind == "no_question":
        end.outcome, end.reason = "abstained", "no_question"
    elif kind == "person":
        end.outcome, end.reason = "handed_over", "asked_for_person"
    else:
        end.outcome, end.reason = "answered", f"small_talk_{kind}"
    return say(kind, end.language)


async def search(question: str, context: str, end: Ending, options: Options) -> Retrieval:
    """The passages that may be quoted, or those that were given."""
    if options.passages is not None:
        return Retrieval(passages=list(options.passages), answerable=1.0)
    find = options.search or afind_passages
    try:
        return await find(
            question,
            audiences=options.audiences,
            language=end.language,
            only_language=options.only_language,
            limit=settings.CHAT_PASSAGES,
            context=context,
        )
    except RetrievalError as error:
        raise AnswerFailed("search_unavailable") from error


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was found, as far as it is worth showing, with the chance that it answers; and what it says at its best."""

    found: Retrieval
    likely: list[Candidate]
    taken: Extract


def weigh(found: Retrieval, question: str, standalone: str) -> Weighed:
    """`standalone` is the question with what it lacks from the turns before."""
    best = max((passage.score for passage in found.passages), default=0.0)
    passages = [passage for passage in found.passages if passage.score >= WORTH_SHOWING * best]
    if not passages:
        return Weighed(found, [], Extract("", [], []))
    likely = candidates(standalone, passages, question)
    taken = extract_of(likely, passages, question)
    chance = certainty(found.answerable, taken.chance, question)
    return Weighed(replace(found, passages=passages, answerable=chance), likely, taken)


def is_enough(found: Retrieval, options: Options) -> bool:
    return bool(found.passages) and (options.passages is not None or found.answerable >= answerable_floor())


async def write(weighed: Weighed, end: Ending, options: Options) -> AsyncGenerator[Event, None]:
    """The model's words as far as they hold; else the passage's own, after a Restart if some were said."""
    found, taken = weighed.found, weighed.taken
    end.chance = round(taken.chance, 3)
    chosen = options.answerer == "live" and settings.CHAT_CHOICE_FLOOR > 0
    choice = Choice(taken, weighed.likely, settings.CHAT_CHOICE_FLOOR) if chosen else None
    why = why_not_model(found, end, options)
    begun = beginning(found, options)
    if begun and begun.reason and taken.text.startswith(begun.text):
        why = why or begun.reason
    spoke = False
    if not why:
        told = begun.text if begun and not begun.reason and settings.MODEL_CONTINUES else ""
        try:
            async with aclosing(speak(end.standalone, found.passages, end, options, choice, told)) as texts:
                async for text in texts:
                    spoke = True
                    yield Words(text)
            end.outcome = "answered"
            return
        except ModelError as error:
            if options.answerer == "model":
                raise
            why = f"model_{error.code}"
        except Refused:
            if not overrules(found, options):
                end.outcome, end.reason, end.nearest = "abstained", "model_refused", found.nearest
                yield Words(say("nothing_found", end.language))
                return
            why = "model_refused"
        except Unsupported as error:
            why, end.stopped = "unsupported_fact", f"{error.kind}: {error.fact}"
            logger.info("answer stopped by the fact gate", kind=error.kind)
        except Outdone:
            why = "passage_likelier"
        except Unfounded as error:
            why, end.stopped = "unsupported", f"sentence, {error.sentence.score:.2f}: {error.sentence.text}"
            logger.info("answer stopped for want of support", score=error.sentence.score)
    if spoke:
        yield Restart(why)
        yield Sources(found.passages)
    end.outcome, end.reason, end.citations, end.support = "extracted", why, taken.cited, []
    yield Words(taken.text)


def beginning(found: Retrieval, options: Options) -> Beginning | None:
    """What was told already, if it was said of these very passages."""
    begun = options.begun
    return begun if begun and begun.passages == tuple((p.chunk_id, p.revision_id) for p in found.passages) else None


def overrules(found: Retrieval, options: Options) -> bool:
    """A small model declines too often: where the search is sure of its passage, the passage is shown instead."""
    searched = options.passages is None
    return options.answerer == "live" and searched and found.answerable >= settings.CHAT_EXTRACT_FLOOR


def why_not_model(found: Retrieval, end: Ending, options: Options) -> str:
    """The reason to show the passage itself from the start, or nothing."""
    if options.answerer == "extract":
        return options.why_extract
    if options.answerer == "live" and settings.CHAT_CHOICE_FLOOR > 1:
        return "passage_first"
    if options.answerer == "live" and {end.language, found.passages[0].language} != {WRITTEN_LANGUAGE}:
        return "language"
    return ""


async def speak(
    question: str, passages: Sequence[Passage], end: Ending, options: Options, choice: Choice | None, begun: str = ""
) -> AsyncGenerator[str, None]:
    """The model's words, checked by `Speech`, the first HELD_SECONDS late at most. Sets what `end` says of them.

    `begun` are words that another process has told: they are checked again, and the model goes on after them.
    """
    end.model, end.prompt_version = options.model or settings.CHAT_MODEL, PROMPT_VERSION
    floor = settings.CHAT_SUPPORT_FLOOR if options.answerer == "live" else 0.0
    speech = Speech(question, passages, gate=options.gate, floor=floor, choice=choice)
    end.support = speech.support
    pieces = stream_chat(
        build_prompt(question, passages),
        model=end.model,
        max_tokens=settings.CHAT_MAX_ANSWER_TOKENS,
        first_token_seconds=settings.CHAT_FIRST_TOKEN_SECONDS,
        total_seconds=settings.CHAT_ANSWER_SECONDS,
        begun=begun,
    )
    if text := speech.feed(begun):
        yield text
    asked = time.monotonic()
    held, since, most = "", 0.0, HELD_SECONDS if options.holds else 0.0
    async with aclosing(pieces):
        async for piece in pieces:
            end.ms.setdefault("token", round(1000 * (time.monotonic() - asked), 1))
            if isinstance(piece, Finish):
                end.ms["written"] = round(1000 * (time.monotonic() - asked), 1)
                end.tokens_in, end.tokens_out = piece.prompt_tokens, piece.completion_tokens
            elif text := speech.feed(piece):
                held, since = held + text, since or time.monotonic()
            if held and (not speech.undecided or time.monotonic() - since >= most):
                yield held
                held = ""
            if speech.refused:
                break
    if text := held + speech.end():
        yield text
    if speech.refused:
        raise Refused
    if not speech.spoke:
        raise ModelError("malformed", "The model server sent an empty answer.")
    end.citations = sorted(speech.cited)
