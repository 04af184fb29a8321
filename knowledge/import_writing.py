"""Doing one step of an import: the article, where it came from, and the line of the report, in one transaction."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from knowledge import publishing
from knowledge.chunking import TooManyPieces, split
from knowledge.import_plan import EDITED, Action, Known, Shelved, Step, Wish, facts_to_set, free_slug, text_digest
from knowledge.models import Article, Category, ImportedArticle, ImportItem, ImportRun, ImportSource
from knowledge.models.imports import MAX_MESSAGE_CHARS
from knowledge.publishing import PublishingError
from supportbot.log import get_logger

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = get_logger(__name__)

# What a strange text may provoke in the code that reads it. A database that is away is not among them: that ends a run.
PROVOKED = (ValidationError, ObjectDoesNotExist, DataError, IntegrityError, ValueError, LookupError, RecursionError)
MAX_CATEGORY_SLUG_CHARS = 80
DELETED = "Its article was deleted meanwhile. Import again."
WITHDRAWN_HERE = "It was withdrawn here since: the new text is a draft."


class EditedMeanwhile(Exception):
    """Somebody saved the article between the plan and this step."""


class Writer:
    """Does steps of one run, and writes down what became of each."""

    def __init__(self, run: ImportRun) -> None:
        self.run, self.source = run, run.source
        self.by: User | None = run.by
        self._categories = _categories()

    def write(self, step: Step, body: str) -> str:
        """Never raises for what is in a document: one that cannot be written is a line of the report."""
        try:
            with transaction.atomic():
                article, message = self._act(step, body)
                self.item(step.action, step, article, message).save(force_insert=True)
            return step.action
        except EditedMeanwhile:
            self.record(Action.EDITED, step, step.known and step.known.article_id, EDITED)
            return Action.EDITED
        except PROVOKED as error:
            logger.warning("import_failed", run=self.run.pk, error=type(error).__name__)
            self._categories = _categories()  # one that was made for this document is gone with it
            self.record(Action.FAILED, step, step.known and step.known.article_id, _sentence(error))
            return Action.FAILED

    def record(self, action: str, step: Step, article: object = None, message: str = "", sample: str = "") -> None:
        """The line of a step that was not done, whose article may have been deleted meanwhile."""
        with transaction.atomic():
            left = article if article in still_there([article]) else None
            self.item(action, step, left, message, sample).save(force_insert=True)

    def item(self, action: str, step: Step, article: object, message: str, sample: str = "") -> ImportItem:
        return ImportItem(
            run=self.run,
            key=step.key,
            action=action,
            title=step.title,
            article_id=article,
            message=message[:MAX_MESSAGE_CHARS],
            sample=sample,
        )

    def _act(self, step: Step, body: str) -> tuple[object, str]:
        """The article's key, and what the report says of it."""
        if step.document is None:
            return self._withdraw(step)
        if step.known is None:
            article = self._create(step, step.document, body)
            self.link(step, step.document, article.pk, article.status)
            return article.pk, step.message
        return step.known.article_id, self._change(step, step.document, step.known, body)

    def _create(self, step: Step, document: Shelved, body: str) -> Article:
        article = Article(
            slug=step.slug,
            title=document.title,
            body=body,
            category=self._category(document.facts["category"]),
            language=document.facts["language"],
            audience=document.facts["audience"],
        )
        self._save(article, publish=document.wish is Wish.PUBLISH)
        return article

    def _change(self, step: Step, document: Shelved, known: Known, body: str) -> str:
        article = Article.objects.select_for_update(of=("self",)).get(pk=known.article_id)
        if text_digest(article.title, article.body) != known.now_digest:
            raise EditedMeanwhile
        if step.action == Action.EDITED:
            if known.text_digest:  # else it is somebody's own, which only looks like this document
                self.link(step, document, known.article_id, known.left_as)
            return step.message
        before, ours, message = article.status, article.status == known.left_as, step.message
        if step.writes_text:
            article.title, article.body = document.title, body
        self._set_facts(article, document, known)
        publish = document.wish is Wish.PUBLISH and (step.turns or (step.writes_text and (ours or article.is_live)))
        if document.wish is Wish.PUBLISH and step.writes_text and not publish:
            message = f"{WITHDRAWN_HERE} {message}"
        self._save(article, publish=publish)
        if step.turns and document.wish is Wish.WITHDRAW:
            publishing.unpublish(article=article, by=self.by)
        left_as = article.status if ours or article.status != before else known.left_as
        self.link(step, document, known.article_id, left_as)
        return message

    def _save(self, article: Article, *, publish: bool) -> None:
        if publish:
            publishing.publish(article=article, by=self.by, note=f"Imported from {self.source.name}")
        else:
            publishing.save_draft(article=article, by=self.by)

    def _set_facts(self, article: Article, document: Shelved, known: Known) -> None:
        changed = facts_to_set(document.facts, known.facts, facts_of(article), overwrite=self.run.overwrite)
        for name, wanted in changed.items():
            setattr(article, name, self._category(wanted) if name == "category" else wanted)

    def _withdraw(self, step: Step) -> tuple[object, str]:
        assert step.known is not None
        article = Article.objects.select_for_update(of=("self",)).get(pk=step.known.article_id)
        verbs: dict[Any, tuple[Callable[..., None], str]] = {
            ImportSource.Missing.UNPUBLISH: (publishing.unpublish, "unpublished"),
            ImportSource.Missing.ARCHIVE: (publishing.archive, "archived"),
        }
        message = "It is no longer in the source; the article is kept."
        if self.source.missing in verbs and article.status != Article.Status.ARCHIVED:
            verb, done = verbs[self.source.missing]
            verb(article=article, by=self.by)
            message = f"It is no longer in the source; the article was {done}."
        ImportedArticle.objects.filter(article=article).update(missing_since=timezone.now(), left_as=article.status)
        return article.pk, message

    def link(self, step: Step, document: Shelved, article_id: UUID, left_as: str) -> None:
        """Remember what the import left, to see at the next run what has changed since, there and here."""
        kept = step.known if step.action == Action.EDITED else None
        ImportedArticle.objects.update_or_create(
            article_id=article_id,
            defaults={
                "source": self.source,
                "key": document.key,
                "text_digest": kept.text_digest if kept else step.text_digest,
                "content_digest": document.content_digest,
                "facts": dict(kept.facts if kept else document.facts),
                "left_as": left_as,
                "address": document.address,
                "last_seen": self.run,
                "missing_since": None,
            },
        )

    def _category(self, name: str) -> Category:
        if name.casefold() not in self._categories:
            self._categories[name.casefold()] = category_named(name)
        return self._categories[name.casefold()]


def facts_of(article: Article) -> dict[str, str]:
    return {"category": article.category.name, "language": article.language, "audience": article.audience}


def still_there(keys: Iterable[object]) -> set[object]:
    """The articles of these keys that nobody has deleted, and that nobody can until the transaction ends."""
    wanted = [key for key in keys if key is not None]
    if not wanted:
        return set()
    rows = Article.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
    return set(rows.values_list("pk", flat=True))


def category_named(name: str) -> Category:
    """The category of this name, whatever its case; made if there is none."""
    found = Category.objects.filter(name__iexact=name).first()
    if found is not None:
        return found
    slugs = set(Category.objects.values_list("slug", flat=True))
    slug = free_slug(slugify(name)[: MAX_CATEGORY_SLUG_CHARS - 8].strip("-") or "category", slugs)
    return Category.objects.create(name=name, slug=slug)


def _categories() -> dict[str, Category]:
    return {each.name.casefold(): each for each in Category.objects.all()}


def refusal(step: Step, body: str) -> str:
    """Why a document could not be published; "" if it could, or is not to be."""
    if step.document is None or not step.turns and not step.writes_text or step.document.wish is not Wish.PUBLISH:
        return ""
    try:
        return "" if split(step.title, body) else "An article without text cannot be published."
    except TooManyPieces as error:
        return str(error)
    except PROVOKED as error:
        return _sentence(error)


def _sentence(error: Exception) -> str:
    if isinstance(error, PublishingError):
        return str(error)
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, IntegrityError):
        return "Somebody else used its address or name at the same moment. Import again."
    if isinstance(error, ObjectDoesNotExist):
        return DELETED
    return f"Its text cannot be handled ({type(error).__name__})."
