"""One pass over a source: read all, plan, then do. What an earlier pass of the same run has done stays done."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from traceback import extract_tb
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from knowledge import import_files
from knowledge.import_links import LinkMap
from knowledge.import_plan import (
    PUBLISHED,
    Action,
    Known,
    Matches,
    Shelved,
    Step,
    decide,
    find_missing,
    match,
    name,
    text_digest,
    wished_slug,
)
from knowledge.import_shelf import Shelf
from knowledge.import_writing import DELETED, Writer, facts_of, refusal, still_there
from knowledge.importers import Limits, SourceError, guess_kind, read
from knowledge.importers.documents import PROVOKED
from knowledge.models import MAX_BODY_CHARS, Article, ImportedArticle, ImportItem, ImportRun, ImportSource
from supportbot.log import get_logger

logger = get_logger(__name__)

State: Any = ImportRun.State
Tell = Callable[[ImportRun], None]
BEAT_SECONDS = 1.0
BATCH = 500
SAMPLES, SAMPLE_CHARS = 10, 20_000


class Cancelled(Exception):
    """Somebody asked the run to end, or it was ended elsewhere."""


class Pulse:
    """Tells the database, and whoever watches, how far a run is; and hears of a cancellation."""

    def __init__(self, run: ImportRun, tell: Tell) -> None:
        self.run, self.tell = run, tell
        self._next = 0.0

    def beat(self, *, now: bool = False) -> None:
        """Once a second at most. Raises Cancelled."""
        if monotonic() < self._next and not now:
            return
        run, self._next = self.run, monotonic() + BEAT_SECONDS
        row = ImportRun.objects.filter(pk=run.pk, state__in=ImportRun.UNFINISHED)
        alive = row.update(
            heartbeat=timezone.now(), state=run.state, found=run.found, counts=run.counts,
            planned=run.planned, written=run.written,
        )  # fmt: skip
        if not alive or row.filter(cancel_asked=True).exists():
            raise Cancelled
        self.tell(run)


def go_through(run: ImportRun, tell: Tell) -> str:
    """Read all, plan, then do. Gives why the source could not be read to its end, or ""."""
    pulse = Pulse(run, tell)
    pulse.beat(now=True)
    with Shelf(import_files.folder(), run.source) as shelf:
        incomplete = _read_into(shelf, run, pulse)
        links, steps = _plan(run, shelf, complete=not incomplete)
        run.state, run.planned = State.WRITING, sum(step.action != Action.UNCHANGED for step in steps)
        run.written = sum(run.counts.values())
        pulse.beat(now=True)
        _do(run, steps, shelf, links, pulse)
    return incomplete


def _read_into(shelf: Shelf, run: ImportRun, pulse: Pulse) -> str:
    kind, location = place_of(run.source)
    limits = Limits(allowed_networks=tuple(settings.IMPORT_NETWORKS))
    try:
        for found in read(kind, location, limits=limits, tick=pulse.beat):
            shelf.put(found)
            run.found = shelf.found
            pulse.beat()
    except SourceError as error:
        if not shelf.found:
            raise
        return error.text
    except (OSError, *PROVOKED) as error:
        frame = extract_tb(error.__traceback__)[-1]  # and not the message, which may quote a document
        logger.error("import_unreadable", run=run.pk, error=type(error).__name__, place=frame.name, line=frame.lineno)
        raise SourceError(f"It cannot be read ({type(error).__name__}). The log names the place.") from None
    if not shelf.found:
        raise SourceError("No document was found there.")
    return ""


def place_of(source: ImportSource) -> tuple[str, str]:
    """The kind of a source and where it lies. Raises SourceError."""
    location = source.location
    if not location:
        path = import_files.path_of(source)
        if path is None:
            raise SourceError("The uploaded file is not kept any more. Upload it again.")
        location = str(path)
    return source.kind or guess_kind(location), location


def _plan(run: ImportRun, shelf: Shelf, *, complete: bool) -> tuple[LinkMap, list[Step]]:
    known = list(_known(run.source))
    matches = match(shelf.documents, known, shelf.failures)
    _adopt(shelf.documents, matches)
    slugs = name(shelf.documents, matches, set(Article.objects.values_list("slug", flat=True)))
    withdraws = run.source.missing != ImportSource.Missing.KEEP
    allow_many, missing = run.allow_missing, list[Step]()
    if complete:
        missing += find_missing(known, matches, shelf.failures, withdraws=withdraws, allow_many=allow_many)
    links = LinkMap(
        [
            *((each.key, each.address, slugs[each.key]) for each in shelf.documents),
            *_left(known, matches, missing if withdraws else ()),
        ]
    )
    steps = [Step(Action.FAILED, key, message=reason) for key, reason in shelf.failures.items()]
    for document, body in shelf.bodies():
        text, dead = _linked(links, document, body)
        if dead:
            note = "A link leads" if dead == 1 else f"{dead:,} links lead"
            document = replace(document, notes=(*document.notes, f"{note} to what was not imported."))
        steps.append(
            decide(
                document,
                matches.known.get(document.key),
                slug=slugs[document.key],
                digest=text_digest(document.title, text),
                moved=document.key in matches.moved,
                overwrite=run.overwrite,
            )
        )
    return links, steps + missing


def _left(known: Sequence[Known], matches: Matches, missing: Iterable[Step]) -> Iterator[tuple[str, str, str]]:
    """Articles whose documents were not read, and that stay: links still lead to them."""
    matched = {article.article_id for article in matches.known.values()}
    goes = {step.key for step in missing if step.action == Action.MISSING}
    for each in known:
        gone_before = each.missing and each.status != PUBLISHED
        if each.article_id not in matched and each.key not in goes and not gone_before:
            yield each.key, each.address, each.slug


def _linked(links: LinkMap, document: Shelved, body: str) -> tuple[str, int]:
    """The text as it will be written, and how many of its links are dead."""
    text, dead = links.rewrite(body, document.key, document.address)
    return text if len(text) <= MAX_BODY_CHARS else body, dead


def _known(source: ImportSource) -> Iterator[Known]:
    rows = ImportedArticle.objects.filter(source=source).select_related("article__category")
    for each in rows.iterator(chunk_size=BATCH):
        yield Known(
            key=each.key,
            article_id=each.article_id,
            slug=each.article.slug,
            text_digest=each.text_digest,
            now_digest=text_digest(each.article.title, each.article.body),
            content_digest=each.content_digest,
            facts=each.facts,
            status=each.article.status,
            left_as=each.left_as,
            missing=each.missing_since is not None,
            now_facts=facts_of(each.article),
            address=each.address,
        )


def _adopt(documents: Sequence[Shelved], matches: Matches) -> None:
    """Articles that no source holds, with the address and title of a new document, are that document.

    So a source that was deleted and added again finds its articles. What staff have chosen for them meanwhile stays:
    whom they are for, and that they are not published; and where their text is another one, the text.
    """
    wished = {wished_slug(each): each for each in reversed(documents) if each.key not in matches.known}
    free = Article.objects.filter(imported__isnull=True).select_related("category").defer("owner")
    slugs = list(wished)
    for start_at in range(0, len(slugs), BATCH):
        for article in free.filter(slug__in=slugs[start_at : start_at + BATCH]):
            document = wished[article.slug]
            if article.title.casefold() != document.title.casefold():
                continue
            matches.known[document.key] = Known(
                key=document.key,
                article_id=article.pk,
                slug=article.slug,
                text_digest="",
                now_digest=text_digest(article.title, article.body),
                content_digest="",
                facts=dict(document.facts),
                status=article.status,
                left_as=article.status if article.status == PUBLISHED else "",
                now_facts=facts_of(article),
            )


def _do(run: ImportRun, steps: Sequence[Step], shelf: Shelf, links: LinkMap, pulse: Pulse) -> None:
    writer, counts = Writer(run), Counter(run.counts)
    done = set(run.items.values_list("key", flat=True))
    samples = SAMPLES if run.preview else 0
    still: list[Step] = []
    for step in steps:
        if step.key in done:
            continue
        if step.action == Action.UNCHANGED:
            still.append(step)
            continue
        body = _linked(links, step.document, shelf.body(step.document))[0] if step.document else ""
        if run.preview or step.action in (Action.FAILED, Action.HELD):
            shown = samples > 0 and step.action in (Action.NEW, Action.CHANGED, Action.MOVED)
            samples -= shown
            action = _foresee(writer, step, body, sample=body[:SAMPLE_CHARS] if shown else "")
        else:
            action = writer.write(step, body)
        counts[action] += 1
        run.written, run.counts = run.written + 1, dict(counts)
        pulse.beat()
    for first in range(0, len(still), BATCH):
        counts += _leave(run, writer, still[first : first + BATCH])
        run.counts = dict(counts)
        pulse.beat()


def _foresee(writer: Writer, step: Step, body: str, sample: str) -> str:
    why = refusal(step, body)
    action, message = (Action.FAILED, why) if why else (step.action, step.message)
    writer.record(action, step, step.known and step.known.article_id, message, "" if why else sample)
    return action


def _leave(run: ImportRun, writer: Writer, steps: Sequence[Step]) -> Counter[str]:
    """Documents that say what their articles say. Gives how many lines of each action there are."""
    items, seen = [], []
    with transaction.atomic():
        there = still_there(step.known and step.known.article_id for step in steps)
        for step in steps:
            known, document = step.known, step.document
            assert known is not None and document is not None
            if known.article_id not in there:
                items.append(writer.item(Action.FAILED, step, None, DELETED))
                continue
            items.append(writer.item(Action.UNCHANGED, step, known.article_id, step.message))
            if (known.text_digest, known.content_digest) == (step.text_digest, document.content_digest):
                seen.append(known.article_id)
            elif not run.preview:
                writer.link(step, document, known.article_id, known.left_as)
        ImportItem.objects.bulk_create(items, ignore_conflicts=True)
        if not run.preview:
            ImportedArticle.objects.filter(article__in=seen).update(last_seen=run, missing_since=None)
    return Counter(str(item.action) for item in items)
