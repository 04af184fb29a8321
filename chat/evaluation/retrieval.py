"""`manage.py evaluate retrieval`: are the right articles found, beside the peers?"""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from chat.evaluation import sets
from chat.evaluation.results import write_json
from knowledge import evaluation
from knowledge import evaluation_report as report
from knowledge.evaluation import Say, SetResult
from knowledge.evaluation_sets import GivenSet
from knowledge.peers import NAMES, check
from knowledge.scratch import ground
from knowledge.vector_cache import VectorCache

HELP = "are the right articles found, and is it known when none is?"


def add_arguments(parser: ArgumentParser) -> None:
    sets.add_arguments(parser)
    parser.add_argument(
        "--peers", type=peer_names, default=(), metavar="NAMES", help="set beside ours: bm25,minilm,rrf or all"
    )


def peer_names(text: str) -> tuple[str, ...]:
    names = NAMES if text == "all" else tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(NAMES):
        raise ValueError(text)
    return names


def measure(
    *,
    audience: str,
    limit: int | None,
    json_path: Path | None,
    peers: tuple[str, ...],
    say: Say,
    tell: Say,
    **options: Any,
) -> None:
    check(peers)
    several = bool(sets.chosen(options))
    given = sets.given_sets(options, say)
    results = []
    for found in searched(given, peers=peers, audience=audience, limit=limit, say=say):
        results.append(found)
        tell("\n".join(report.lines(found) if several or peers else report.short_lines(found)))
    if len(results) > 1 and peers:
        tell("\n".join(report.pooled_lines(results)))
    write_json(json_path, report.as_json(results, several=several))


def searched(
    given: Sequence[GivenSet], *, peers: Sequence[str], audience: str, limit: int | None, say: Say
) -> Iterator[SetResult]:
    """Set by set, on one ground."""
    with ground(say), VectorCache(evaluation.cache_path(settings.DATA_DIR)) as cache:
        seconds = evaluation.reading_seconds(say)
        for one in given:
            say(f"== {one.name}")
            yield evaluation.measure_set(
                one, cache, peer_names=peers, audience=audience, limit=limit, seconds=seconds, say=say
            )
