"""`manage.py spaces`: embedding spaces from the terminal; the same verbs as in the admin. See docs/spaces.md."""

import json
import time
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from knowledge import building, built_in_questions, indexing, spaces
from knowledge.embedding import EmbeddingFailed, Recipe, default_recipe
from knowledge.evaluation import EvaluationFailed
from knowledge.evaluation_files import BadFile
from knowledge.models import EmbeddingSpace
from knowledge.space_progress import estimate, megabytes, progress, verdict
from knowledge.spaces import SpaceError

PART_SECONDS = 8.0
LOOK_SECONDS = 2.0
REFUSALS = (SpaceError, EmbeddingFailed, EvaluationFailed, BadFile)


class Command(BaseCommand):
    help = "Prepare, watch, compare, switch and drop embedding spaces. Without a verb: list them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB")
        verbs.add_parser("list", help="list them (default)").add_argument("--json", action="store_true")
        prepare = verbs.add_parser("prepare", help="begin to build one; what is not said is as in the settings")
        prepare.add_argument("--model", help="as the embeddings server calls it")
        prepare.add_argument("--dimensions", type=int)
        prepare.add_argument("--query-prefix")
        prepare.add_argument("--passage-prefix")
        prepare.add_argument("--passage-tokens", type=int, help="the most tokens of a passage")
        prepare.add_argument("--by-hand", action="store_true", help="do not switch to it without a person")
        prepare.add_argument("--estimate", action="store_true", help="only say what it would cost")
        verbs.add_parser("build", help="build here, beside any worker, and say how far it is")
        for verb, text in (("pause", "stop building"), ("resume", "go on building"), ("drop", "remove it")):
            verbs.add_parser(verb, help=text).add_argument("space", type=int, nargs="?")
        compare = verbs.add_parser("compare", help="ask it and the searched space the same questions, now")
        compare.add_argument("space", type=int, nargs="?")
        compare.add_argument(
            "--questions", type=Path, nargs="+", default=[], help="JSONL files beside the built-in set"
        )
        switch = verbs.add_parser("switch", help="search it from now on")
        switch.add_argument("space", type=int, nargs="?")
        switch.add_argument("--anyway", action="store_true", help="although it was found to be worse")
        verbs.add_parser("back", help="search the space before this one again")

    def handle(self, *, verb: str | None = None, **options: Any) -> None:
        try:
            getattr(self, f"_{verb or 'list'}")(options)
        except REFUSALS as error:
            raise CommandError(str(error)) from None

    def _list(self, options: dict[str, Any]) -> None:
        found = list(EmbeddingSpace.objects.all())
        if options.get("json"):
            rows = [self._row(space) for space in found]
            self.stdout.write(json.dumps({"rows": rows, "summary": {"spaces": len(rows)}}, indent=1))
            return
        if not found:
            self.stdout.write("There is no space yet; the first is made when something is embedded.")
        for space in found:
            self._show(space)

    def _row(self, space: EmbeddingSpace) -> dict[str, Any]:
        row = {"id": space.pk, "recipe": space.recipe, "state": space.state, "goal": space.goal}
        return row | {"trouble": space.trouble, "comparison": space.comparison, "progress": progress(space).as_json()}

    def _show(self, space: EmbeddingSpace) -> None:
        now = progress(space)
        recipe = indexing.recipe_of(space)
        self.stdout.write(f"{space.pk}  {recipe.model}, {recipe.dimensions} dimensions, cut {space.cut}")
        self.stdout.write(f"   {now.text} {megabytes(now.bytes_now)} on disk.")
        for line in (verdict(space), space.trouble):
            if line:
                self.stdout.write(f"   {line}")

    def _prepare(self, options: dict[str, Any]) -> None:
        recipe = asked_recipe(options)
        if options["estimate"]:
            self.stdout.write(estimate(recipe).text)
            return
        space = spaces.prepare(recipe, goal=spaces.WAIT if options["by_hand"] else spaces.COMPARE)
        self._show(space)
        self.stdout.write("The worker builds it. `manage.py spaces build` builds it here.")

    def _build(self, options: dict[str, Any]) -> None:
        told = ""
        while True:
            more = building.build(PART_SECONDS)
            making = EmbeddingSpace.objects.filter(state__in=(spaces.State.BUILDING, spaces.State.DROPPED))
            text = "\n".join(f"{space.pk}  {progress(space).text} {space.trouble}".rstrip() for space in making)
            if text != told:
                self.stdout.write(text or "Nothing is being built.")
                told = text
            if not more and not building.is_held_elsewhere():
                return
            if not more:
                time.sleep(LOOK_SECONDS)

    def _pause(self, options: dict[str, Any]) -> None:
        self._do(spaces.pause, options)

    def _resume(self, options: dict[str, Any]) -> None:
        self._do(spaces.resume, options)

    def _drop(self, options: dict[str, Any]) -> None:
        self._do(spaces.drop, options)

    def _do(self, verb: Any, options: dict[str, Any]) -> None:
        space = self._space(options)
        verb(space)
        self._show(space)

    def _compare(self, options: dict[str, Any]) -> None:
        space = self._space(options)
        if reason := spaces.missing(space):
            raise SpaceError(reason)
        questions = built_in_questions.questions(options["questions"])
        if not questions:
            raise SpaceError("There is no question to compare on: name a file with --questions.")
        building.compare(space, questions, say=self.stdout.write)
        self.stdout.write(verdict(space))

    def _switch(self, options: dict[str, Any]) -> None:
        space = self._space(options)
        spaces.switch(space, anyway=options["anyway"])
        self._show(space)

    def _back(self, options: dict[str, Any]) -> None:
        self._show(spaces.back())

    def _space(self, options: dict[str, Any]) -> EmbeddingSpace:
        """The one that is named, else the only one that is neither searched nor being removed."""
        others = EmbeddingSpace.objects.exclude(state__in=(spaces.State.ACTIVE, spaces.State.DROPPED))
        found = list(EmbeddingSpace.objects.filter(pk=options["space"]) if options["space"] else others)
        if len(found) != 1:
            raise SpaceError("Say which: `manage.py spaces` lists them with their numbers.")
        return found[0]


def asked_recipe(options: dict[str, Any]) -> Recipe:
    given = ("model", "dimensions", "query_prefix", "passage_prefix", "passage_tokens")
    return replace(default_recipe(), **{name: options[name] for name in given if options[name] is not None})
