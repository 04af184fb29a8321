"""`manage.py bench indexing`: how fast articles are embedded anew, and how soon an edit can be answered from.

The rate is that of the product's own way (queries, requests, vectors written, index counted apart) beside the bare
encoder: a loop that sends the same texts to the same server in requests of the same size, as many of them at once, and
keeps nothing. Both take turns, block by block, so that whatever else the machine does falls on both.
"""

import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from knowledge import building, indexing, publishing, spaces
from knowledge.bench import apart
from knowledge.demo import ARTICLES
from knowledge.embedding import Recipe, default_recipe, passage_text
from knowledge.evaluation import publishable
from knowledge.evaluation_files import GivenArticle, read_articles
from knowledge.filling import BATCH, DEPTH
from knowledge.metrics import mean_with_interval
from knowledge.models import Article, Category, Chunk, Embedding, EmbeddingSpace
from knowledge.scratch import encoder_answers, model_server
from knowledge.vector_index import build_index
from supportbot.inference import client

HELP = "how fast articles are embedded anew, beside the bare encoder, and how soon an edit is answerable"
EDIT_SECONDS = 60.0
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--articles", type=int, default=1_000, help="how many are published (default: %(default)s)")
    parser.add_argument("--edits", type=int, default=40, help="edits timed until answerable (default: %(default)s)")
    parser.add_argument("--block", type=float, default=8.0, help="seconds of a block (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=12, help="most blocks of each (default: %(default)s)")
    parser.add_argument("--whole", action="store_true", help="embed what the blocks leave too, and time all of it")
    parser.add_argument("--passage-tokens", type=int, help="embed passages of this length, cut meanwhile, instead")


def run(options: dict[str, Any], arguments: Sequence[str], say: Say) -> dict[str, Any] | None:
    if not apart.is_apart():
        url = settings.EMBEDDING_URL if encoder_answers() else ""
        apart.run_apart(arguments, EMBEDDING_URL=url)
        return None
    with ExitStack() as stack:
        stack.enter_context(apart.data_servers())
        stack.enter_context(model_server(say))
        say(f"publishing {options['articles']:,} articles")
        made = publish_articles(options["articles"])
        _give_any_vectors(indexing.active_space())
        passages = Chunk.objects.filter(live=True).count()
        say(f"{made:,} articles, {passages:,} passages; taking turns with the bare encoder")
        tokens = options["passage_tokens"] or default_recipe().passage_tokens
        recipe = replace(default_recipe(), passage_prefix=" ", passage_tokens=tokens)
        space = spaces.prepare(recipe, goal=spaces.WAIT)
        blocks = list(take_turns(space, options["block"], options["blocks"], say))
        summary = {"articles": made, "passages": passages, **rates(blocks)}
        if options["whole"]:
            summary["whole"] = _finish(space, say)
        summary["saved_to_answerable"] = saved_to_answerable(options["edits"], say)
    _tell(summary, say)
    return {"rows": [block.as_json() for block in blocks], "summary": summary}


@dataclass(frozen=True, slots=True)
class Block:
    """The same texts, embedded by the product and then by the bare loop."""

    passages: int
    product_seconds: float
    bare_seconds: float

    @property
    def ratio(self) -> float:
        """Of the rates: above 1 where the product is faster."""
        return self.bare_seconds / self.product_seconds

    def as_json(self) -> dict[str, Any]:
        return {
            "passages": self.passages,
            "product_per_second": round(self.passages / self.product_seconds, 2),
            "bare_per_second": round(self.passages / self.bare_seconds, 2),
            "ratio": round(self.ratio, 4),
        }


def publish_articles(count: int) -> int:
    """Real texts, through the verb of staff; the same article again under another title where there are too few."""
    category = Category.objects.create(name="Bench", slug="bench")
    given = _texts()
    for number in range(count):
        one = given[number % len(given)]
        again = f" {number // len(given) + 1}" if number >= len(given) else ""
        article = Article(slug=f"bench-{number}", title=one.title[:190] + again, category=category)
        article.body, article.language = publishable(article.title, one.body), one.language
        with transaction.atomic():
            publishing.publish(article=article, by=None)
            connection.run_on_commit.clear()  # nobody need hear of it
    return count


def _texts() -> list[GivenArticle]:
    """Of the evaluation sets in turns, where they are there; else the demo's."""
    folder = settings.BASE_DIR.parent / "shared" / "data"
    files = sorted(folder.glob("*/articles*.jsonl*")) if folder.is_dir() else []
    sets = [read_articles([file]) for file in files] or [read_articles([ARTICLES])]
    return [article for turn in zip_longest(*sets) for article in turn if article is not None and article.body.strip()]


def _give_any_vectors(space: EmbeddingSpace) -> None:
    """The space that is searched is not what is measured: any vectors will do."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO knowledge_embedding (chunk_id, space_id, vector, audience, language, created)
               SELECT chunk.id, %s,
                   array(SELECT random() - 0.5 + 0 * chunk.id FROM generate_series(1, %s))::real[]::halfvec,
                   chunk.audience, chunk.language, now()
               FROM knowledge_chunk AS chunk WHERE chunk.live""",
            [space.pk, space.dimensions],
        )
        cursor.execute("ANALYZE")
    build_index(space)


def take_turns(space: EmbeddingSpace, seconds: float, most: int, say: Say) -> Iterator[Block]:
    recipe = indexing.recipe_of(space)
    building.build(0.5)  # the first request of a process opens its connections
    _bare(recipe, ["warm"] * BATCH)
    for number in range(most):
        last = Embedding.objects.filter(space=space).order_by("-pk").values_list("pk", flat=True).first() or 0
        start = time.perf_counter()
        building.build(seconds)
        product = time.perf_counter() - start
        texts = _texts_of(Embedding.objects.filter(space=space, pk__gt=last).order_by("pk"))
        if not spaces.missing(space):  # the last one is not whole, and its time is not of embedding alone
            return
        block = Block(len(texts), product, _bare(recipe, texts))
        say(f"block {number + 1}: {len(texts)} passages, {block.ratio:.3f} of the bare encoder")
        yield block


def _texts_of(embeddings: Any) -> list[str]:
    rows = embeddings.values_list("chunk__revision__title", "chunk__heading", "chunk__text")
    return [passage_text(*words) for words in rows]


def _bare(recipe: Recipe, texts: Sequence[str]) -> float:
    """Seconds of a loop that does nothing but ask for vectors, as many requests at once as the product."""
    start = time.perf_counter()
    batches = [
        [recipe.passage_prefix + text for text in texts[first : first + BATCH]] for first in range(0, len(texts), BATCH)
    ]
    with ThreadPoolExecutor(DEPTH) as pool:
        list(pool.map(lambda batch: client.embed(batch, model=recipe.model), batches))
    return time.perf_counter() - start


def rates(blocks: Sequence[Block]) -> dict[str, Any]:
    if not blocks:
        return {"blocks": 0}
    passages = sum(block.passages for block in blocks)
    return {
        "blocks": len(blocks),
        "measured_passages": passages,
        "product_per_second": round(passages / sum(block.product_seconds for block in blocks), 2),
        "bare_per_second": round(passages / sum(block.bare_seconds for block in blocks), 2),
        "ratio": mean_with_interval([block.ratio for block in blocks]).as_json(),
    }


def _finish(space: EmbeddingSpace, say: Say) -> dict[str, Any]:
    say("embedding the rest")
    left = indexing.unembedded(space).count()
    start = time.perf_counter()
    while spaces.missing(space):
        building.build(30.0)
    filled = time.perf_counter()
    build_index(space)
    return {
        "passages": left,
        "seconds": round(filled - start, 1),
        "per_second": round(left / max(1e-9, filled - start), 2),
        "index_seconds": round(time.perf_counter() - filled, 1),
    }


def saved_to_answerable(edits: int, say: Say) -> dict[str, Any]:
    """Seconds from the verb that publishes an edit to its last vector committed, with a worker that is told by hint."""
    say(f"{edits} edits with a worker")
    for space in EmbeddingSpace.objects.filter(state=spaces.State.BUILDING, paused=False):
        spaces.pause(space)
    process = apart.worker()
    process.start(EMBEDDING_URL=settings.EMBEDDING_URL, MODEL_URL=settings.MODEL_URL)
    try:
        times = [_edit(article, number) for number, article in enumerate(Article.objects.order_by("?")[:edits])]
    finally:
        process.kill()
    ordered = sorted(times)
    if not ordered:
        return {"n": 0}
    return {
        "n": len(ordered),
        "p50": round(ordered[len(ordered) // 2], 3),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 3),
        "most": round(ordered[-1], 3),
    }


def _edit(article: Article, number: int) -> float:
    """One more paragraph; waits until the article is answerable again."""
    article.body += f"\n\nNote {number}: this was added at {time.time():.3f}."
    start = time.perf_counter()
    publishing.publish(article=article, by=None)
    waiting = Article.objects.filter(pk=article.pk, answerable_at=None)
    apart.wait_for(lambda: not waiting.exists(), EDIT_SECONDS, "the edit's last vector")
    return time.perf_counter() - start


def _tell(summary: dict[str, Any], say: Say) -> None:
    if summary["blocks"]:
        ratio = summary["ratio"]
        say(
            f"{summary['product_per_second']} passages a second, the bare encoder {summary['bare_per_second']}: ratio "
            f"{ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}] over {summary['blocks']} blocks"
        )
    if "whole" in summary:
        say(f"the rest: {summary['whole']}")
    edits = summary["saved_to_answerable"]
    if edits["n"]:
        say(f"saved -> answerable: p50 {edits['p50']} s, p95 {edits['p95']} s, {edits['n']} edits")
