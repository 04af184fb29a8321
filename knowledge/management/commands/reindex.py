"""`manage.py reindex`: cut what is published anew, forget failed attempts, and embed what has no vector."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import indexing, publishing
from knowledge.embedding import EmbeddingFailed
from knowledge.models import Article, EmbeddingSpace
from knowledge.passages import Uncuttable

STEP_SECONDS = 10.0


class Command(BaseCommand):
    help = (
        "Cut published articles into passages anew, forget failed attempts, and embed what has no vector. "
        "Do this after an upgrade that says so. Another embedding model is a matter of `manage.py spaces`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slugs", nargs="*", metavar="slug", help="the last part of /help/…/; all articles without it"
        )
        parser.add_argument("--no-wait", action="store_true", help="leave the embedding to the workers")

    def handle(self, *, slugs: list[str], no_wait: bool, **options: Any) -> None:
        articles = self._articles(slugs)
        refused = self._cut(articles)
        if not no_wait:
            self._embed()
        if refused:
            raise CommandError("\n".join(["These articles could not be cut anew and are as they were:", *refused]))

    def _cut(self, articles: Any) -> list[str]:
        """Gives a line for each article that was refused."""
        looked_at, cut, refused = 0, 0, []
        for article in articles.iterator(chunk_size=200):
            looked_at += 1
            try:
                cut += publishing.repair(article=article)
            except Uncuttable as error:
                refused.append(f"{article.slug}: {error}")
        self.stdout.write(f"{looked_at} published articles looked at, {cut} cut anew.")
        return refused

    def _embed(self) -> None:
        written = 0
        try:
            while step := indexing.embed_stale(seconds=STEP_SECONDS):
                written += step
                self.stdout.write(f"{written} vectors written.")
            indexing.settle()
        except EmbeddingFailed as error:
            raise CommandError(f"{error.text} The workers go on when it can be reached.") from None
        left = indexing.unembedded(indexing.active_space()).count()
        if left:
            raise CommandError(f"{left} passages have no vector yet; the list of articles says why.")
        active: EmbeddingSpace = indexing.active_space()
        self.stdout.write(f"All passages are searched by {active}.")

    def _articles(self, slugs: list[str]) -> Any:
        articles = Article.objects.filter(status=Article.Status.PUBLISHED).order_by("pk")
        if not slugs:
            return articles
        chosen = articles.filter(slug__in=slugs)
        if missing := sorted(set(slugs) - set(chosen.values_list("slug", flat=True))):
            raise CommandError(f"No published article has the address {', '.join(missing)}.")
        return chosen
