"""`manage.py bench chaos`: kill -9 of the worker and of the database, in the middle of a re-embedding and of a switch.

Each round begins a space of another recipe, edits articles meanwhile, and at a random moment kills the worker with all
its children, or PostgreSQL with all of its. What is then found must be old or new and never a mixture (`chaos_checks`);
after one sweep by a new worker nothing is left to repair; and the space comes to be searched in the end.
"""

import logging
import random
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import psutil
from django.conf import settings
from django.db import Error

from knowledge import indexing, publishing, space_tasks, spaces, tasks
from knowledge.bench import apart
from knowledge.bench.chaos_checks import mixtures, unrepaired
from knowledge.embedding import Recipe, default_recipe
from knowledge.models import Article, Category, EmbeddingSpace, TestQuestion
from knowledge.space_progress import progress
from supportbot.embedded import EmbeddedServices

HELP = "kill the worker and the database again and again while articles are embedded anew and spaces are switched"
ARTICLES, SECTIONS = 40, 6
REQUEST_SECONDS = 0.15  # of the encoder that stands in: a re-embedding takes seconds
# The longest from the beginning of a space, or of its last steps, to the kill; of so many articles, less of fewer.
FILL_SECONDS, SWITCH_SECONDS = 4.0, 2.5
AIMS = {"re-embedding": FILL_SECONDS, "switch": SWITCH_SECONDS}
VICTIMS = ("worker", "database")
REPAIR_SECONDS = 60.0
END_SECONDS = 120.0
EDITS = 3  # a round
ASK_SECONDS = 0.2  # between two times that the worker is asked to go on
State = EmbeddingSpace.State
Say = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=50, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and victims (default: %(default)s)")
    parser.add_argument("--articles", type=int, default=ARTICLES, help="how many are published (default: %(default)s)")


@dataclass(slots=True)
class Round:
    """`phase` is what the new space was doing when the victim was killed, so long after the beginning of the aim."""

    number: int
    victim: str
    aim: str  # at the re-embedding, or at the switch: index, comparison, and what follows
    after_seconds: float
    phase: str = ""
    mixtures: list[str] = field(default_factory=list)
    unrepaired: list[str] = field(default_factory=list)
    repair_seconds: float = 0.0
    end_seconds: float = 0.0


def run(options: dict[str, Any], arguments: Sequence[str], say: Say) -> dict[str, Any] | None:
    if not apart.is_apart():
        apart.run_apart(arguments)
        return None
    socket = settings.RUN_DIR / "encoder.sock"
    settings.MODEL_URL = settings.EMBEDDING_URL = f"unix:{socket}"
    logging.disable(logging.WARNING)
    with apart.data_servers() as services:
        encoder = apart.fake_encoder(socket, REQUEST_SECONDS)
        encoder.start()
        chaos = Chaos(services, random.Random(options["seed"]), say, options["articles"])
        try:
            rounds = chaos.run(options["kills"])
        finally:
            chaos.worker.kill()
            encoder.kill()
    summary = _summary(rounds, options["seed"])
    say(", ".join(f"{name} {value}" for name, value in summary.items()))
    if summary["mixed"] or summary["unrepaired"]:
        raise apart.NoGround("Something was mixed, or was not repaired: see above.")
    return {"rows": [asdict(row) for row in rounds], "summary": summary}


def _summary(rounds: Sequence[Round], seed: int) -> dict[str, Any]:
    return {
        "kills": len(rounds),
        "seed": seed,
        "victims": dict(Counter(row.victim for row in rounds)),
        "phases": dict(Counter(row.phase for row in rounds)),
        "mixed": sum(bool(row.mixtures) for row in rounds),
        "unrepaired": sum(bool(row.unrepaired) for row in rounds),
        "longest_repair_seconds": round(max((row.repair_seconds for row in rounds), default=0.0), 2),
    }


class Chaos:
    def __init__(self, services: EmbeddedServices, chance: random.Random, say: Say, articles: int = ARTICLES) -> None:
        self.services, self.chance, self.say, self.articles = services, chance, say, articles
        self._left: list[tuple[str, str]] = []
        self.worker = apart.worker()
        self.edits = 0

    def run(self, kills: int) -> list[Round]:
        self._publish()
        self._start_worker()
        self._sweep()
        rounds = []
        for number in range(1, kills + 1):
            victim, aim = self._draw()
            longest = AIMS[aim] * min(1.0, self.articles / ARTICLES)
            row = Round(number, victim, aim, round(self.chance.uniform(0, longest), 3))
            self._one(row)
            rounds.append(row)
            found = "; ".join(row.mixtures + row.unrepaired) or "nothing mixed, all repaired"
            self.say(f"{number}: {row.victim} killed {row.after_seconds:.2f} s into a {row.aim}, {row.phase}: {found}")
        return rounds

    def _draw(self) -> tuple[str, str]:
        """Each victim at each aim in turn, in an order of chance: three kills meet both of both."""
        if not self._left:
            self._left = list(product(VICTIMS, AIMS))
            self.chance.shuffle(self._left)
        return self._left.pop()

    def _one(self, row: Round) -> None:
        space = self._begin(row.number)
        space_tasks.build_spaces.delay()
        for _ in range(EDITS):
            self._edit()
        if row.aim == "switch":
            apart.wait_for(lambda: self._phase(space) != "embedding", END_SECONDS, "the end of a re-embedding")
        time.sleep(row.after_seconds)
        if row.aim != "switch":
            self._edit()  # one whose vectors are on their way when the end comes
            time.sleep(self.chance.uniform(0, 2 * REQUEST_SECONDS))
        row.phase = self._phase(space)
        self._kill(row.victim)
        row.mixtures = mixtures()
        start = time.monotonic()
        row.unrepaired = self._sweep()
        row.repair_seconds = round(time.monotonic() - start, 2)
        row.mixtures += mixtures()
        row.end_seconds = round(self._until_searched(space), 2)
        row.mixtures += mixtures()

    def _begin(self, number: int) -> EmbeddingSpace:
        """Another encoder, another cut, back again: each round has something to embed, and something to switch to."""
        recipes = recipes_in_turn()
        while True:
            recipe = recipes[number % len(recipes)]
            if indexing.recipe_of(indexing.active_space()) != recipe:
                break
            number += 1
        for old in EmbeddingSpace.objects.filter(state=State.RETIRED):  # to be made anew, and not only caught up with
            EmbeddingSpace.objects.filter(pk=old.pk).update(state=State.DROPPED)
        apart.wait_for(self._dropped, END_SECONDS, "the end of the spaces that were dropped")
        return spaces.prepare(recipe)

    def _dropped(self) -> bool:
        left = EmbeddingSpace.objects.filter(state=State.DROPPED).exists()
        if left:
            space_tasks.build_spaces.delay()
            time.sleep(ASK_SECONDS)
        return not left

    def _publish(self) -> None:
        category = Category.objects.create(name="Chaos", slug="chaos")
        for number in range(self.articles):
            body = "\n\n".join(f"## Part {part}\n\n{_words(number, part)}" for part in range(SECTIONS))
            article = Article(slug=f"chaos-{number}", title=f"Thing {number}", body=body, category=category)
            publishing.publish(article=article, by=None)
            if number % 4 == 0:
                TestQuestion.objects.create(article=article, question=f"what of thing {number} is word{number}x1")

    def _edit(self) -> None:
        """What staff do meanwhile: mostly an edit, now and then a withdrawal and its end."""
        self.edits += 1
        article = Article.objects.order_by("slug")[self.chance.randrange(self.articles)]
        if article.is_live and self.chance.random() < 0.2:
            publishing.unpublish(article=article, by=None)
            return
        article.body += f"\n\nEdit {self.edits} of word{self.edits}."
        publishing.publish(article=article, by=None)

    def _phase(self, space: EmbeddingSpace) -> str:
        found = EmbeddingSpace.objects.filter(pk=space.pk).first()
        if found is None or found.state == State.ACTIVE:
            return "switched"
        return progress(found).step

    def _kill(self, victim: str) -> None:
        if victim == "worker":
            self.worker.kill()
            self._start_worker()
            return
        [server] = [server for server in self.services.servers if server.name == "postgres"]
        assert server.process is not None
        family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=10)
        apart.forget_connections()
        self.services.revive(server)

    def _start_worker(self) -> None:
        self.worker.start(EMBEDDING_URL=settings.EMBEDDING_URL, MODEL_URL=settings.MODEL_URL)

    def _sweep(self) -> list[str]:
        """One sweep, asked for as the beat asks for it. Gives what is not repaired when its time is over."""
        tasks.sweep.delay()
        end = time.monotonic() + REPAIR_SECONDS
        while (left := unrepaired()) and time.monotonic() < end:
            time.sleep(apart.LOOK_SECONDS)
        return left

    def _until_searched(self, space: EmbeddingSpace) -> float:
        def searched() -> bool:
            try:
                if EmbeddingSpace.objects.filter(pk=space.pk, state=State.ACTIVE).exists():
                    return True
            except Error:
                apart.forget_connections()
            space_tasks.build_spaces.delay()
            time.sleep(ASK_SECONDS)
            return False

        return apart.wait_for(searched, END_SECONDS, f"the switch to space {space.pk}")


def recipes_in_turn() -> list[Recipe]:
    usual = default_recipe()
    other = replace(usual, model="other-64d", dimensions=64)
    return [usual, other, replace(usual, passage_tokens=64), replace(other, passage_tokens=100)]


def _words(number: int, part: int) -> str:
    sentence = f"The word{number}x{part} of thing {number} is kept in part {part} and is asked for by its name."
    return " ".join([sentence] * (2 + (number + part) % 9))
