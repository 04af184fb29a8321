"""The form of an article: what is wrong is said in a sentence, and what was written is never lost."""

from typing import Any

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import slugify
from uuid6 import uuid7

from knowledge.bounds import MAX_BODY_CHARS, MAX_TITLE_CHARS
from knowledge.chunking import TooManyPieces
from knowledge.models import Article
from knowledge.passages import searched_pieces
from knowledge.publishing import storable
from knowledge.revisions import Row, compare


class StorableField(forms.CharField):
    """Text without what the database cannot keep (see `storable`), instead of a refusal."""

    def to_python(self, value: Any) -> str:
        return super().to_python(storable(value) if isinstance(value, str) else value)


def title_field() -> StorableField:
    return StorableField(
        max_length=MAX_TITLE_CHARS,
        error_messages={
            "required": "Give the article a title, in the words that customers would use.",
            "max_length": "The title has %(show_value)d characters; %(limit_value)d is the most. Shorten it.",
        },
    )


def check_length(body: str) -> None:
    """A validator, since `max_length` would have the browser cut what is pasted without a word."""
    if len(body) > MAX_BODY_CHARS:
        raise ValidationError(
            f"The text has {len(body):,} characters; {MAX_BODY_CHARS:,} is the most. Divide it into several articles."
        )


def body_field() -> StorableField:
    return StorableField(
        required=False,
        strip=False,
        validators=[check_length],
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "true", "data-most": MAX_BODY_CHARS}),
        help_text="Markdown. Customers see a change of the text when you publish.",
    )


class ArticleForm(forms.ModelForm):
    title = title_field()
    slug = forms.SlugField(
        max_length=120,
        required=False,
        label="Address",
        help_text="The last part of /help/…/. Left empty, it is made from the title.",
        error_messages={"invalid": "The address may have letters, digits, hyphens and underscores only."},
    )
    body = body_field()
    note = StorableField(
        required=False,
        max_length=200,
        label="What changed",
        widget=forms.TextInput(attrs={"placeholder": "What changed, for your colleagues (optional)"}),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    key = forms.UUIDField(required=False, widget=forms.HiddenInput)  # of a new article, so that no page makes two

    class Meta:
        model = Article
        fields = ("title", "slug", "body", "category", "language", "audience", "review_date", "owner")
        help_texts = {"audience": "Who may see it and be answered from it. Holds as soon as you save."}

    data: Any
    theirs: list[Row] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.initial["seen"] = self.instance.updated.isoformat()
            # The form of a new article that was made already, and stays at that address.
            self.initial["key"] = self.data.get("key", "")
            self.fields["key"].disabled = True
        else:
            self.initial["key"] = uuid7()

    def is_multipart(self) -> bool:
        """A long body in a script of three-byte characters would triple once more if it were percent-encoded."""
        return True

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"] or slugify(self.cleaned_data.get("title", ""))[:120].strip("-")
        if not slug and "title" in self.cleaned_data:
            raise ValidationError("The title has no letters that an address can have. Write an address.")
        if Article.objects.filter(slug=slug).exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"Another article has the address {slug}. Choose another one.")
        return slug

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        key = cleaned.get("key")
        if self.instance._state.adding and key and not Article.objects.filter(pk=key).exists():
            self.instance.pk = key
        self._refuse_what_somebody_else_would_lose()
        if "_publish" in self.data and not self.errors:
            self._refuse_what_cannot_be_published(cleaned["title"], cleaned["body"])
        return cleaned

    def _refuse_what_cannot_be_published(self, title: str, body: str) -> None:
        try:
            if not searched_pieces(title, body):
                self.add_error("body", "Write the text first: an article without text cannot be published.")
        except TooManyPieces as error:
            self.add_error("body", str(error))

    def _refuse_what_somebody_else_would_lose(self) -> None:
        """Somebody saved since this page was opened: show theirs; saving once more keeps this text.

        Browsers always send `seen`; a client that does not has opened no page that could have grown old.
        The row stays locked until the admin's transaction ends, so nobody saves between this look and the save.
        """
        if self.instance._state.adding:
            return
        now = Article.objects.select_for_update().filter(pk=self.instance.pk).first()
        if now is None:
            raise ValidationError("This article was deleted meanwhile. Copy your text before you leave this page.")
        if "seen" not in self.data or self.cleaned_data.get("seen") == now.updated.isoformat():
            return
        mine = self.cleaned_data.get("body", "")
        self.theirs = compare(mine, now.body) if mine != now.body else []
        data = self.data.copy()
        data["seen"] = now.updated.isoformat()
        self.data = data
        shown = "what the saved text has otherwise is shown below" if self.theirs else "the two texts are the same"
        raise ValidationError(
            f"{saved_after_you_opened(now)} "
            f"Yours is still here and nothing of theirs is overwritten yet; {shown}. Save again to keep yours."
        )


class TextForm(forms.Form):
    """The text alone, kept while somebody is still writing."""

    title = title_field()
    body = body_field()
    seen = forms.CharField(required=False)
    key = forms.UUIDField(required=False)


def first_error(form: forms.BaseForm) -> str:
    """What is wrong, in one sentence."""
    return next(str(error) for errors in form.errors.values() for error in errors)


def last_entry(article: Article) -> LogEntry | None:
    """Of the admin's log, which has an index for just this (migration 0005)."""
    articles = ContentType.objects.get_for_model(Article)
    return LogEntry.objects.filter(content_type=articles, object_id=str(article.pk)).order_by("-pk").first()


def saved_after_you_opened(article: Article) -> str:
    entry = last_entry(article)
    who = str(entry.user) if entry else "Somebody"
    return f"{who} saved this article at {timezone.localtime(article.updated):%H:%M:%S}, after you opened it."
