"""`manage.py reindex`: cut what is published anew, forget failed attempts, and embed what has no vector."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import indexing, publishing
from knowledge.embedding import EmbeddingFailed
from knowledge.models import Article, EmbeddingSpace

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
        cut = sum(publishing.repair(article=article) for article in articles.iterator(chunk_size=200))
        self.stdout.write(f"{articles.count()} published articles looked at, {cut} cut anew.")
        if no_wait:
            return
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
