"""A manager's judgement of an answer, and the next answer that needs one."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from chat.models import Message, Review


@transaction.atomic
def save_review(
    *, answer: Message, by: AbstractBaseUser, verdict: str, labels: list[str], corrected_answer: str, note: str
) -> Review:
    """Store the judgement; the last one counts. Raises ValidationError with a sentence for each field that is wrong."""
    if answer.role != Message.Role.BOT:
        raise ValidationError("Only the assistant's answers are reviewed.")
    if verdict == Review.Verdict.GOOD:
        labels = []
    for name, text in (("corrected_answer", corrected_answer), ("note", note)):
        most = Review._meta.get_field(name).max_length
        if len(text) > most:
            raise ValidationError(f"The {name.replace('_', ' ')} has {len(text):,} characters; at most {most:,} fit.")
    values: dict[str, Any] = {
        "verdict": verdict,
        "labels": labels,
        "corrected_answer": corrected_answer.replace("\0", "").strip(),
        "note": note.replace("\0", "").strip(),
        "reviewer": by,
    }
    review = Review.objects.select_for_update().filter(message=answer).first() or Review(message=answer)
    for name, value in values.items():
        setattr(review, name, value)
    review.full_clean()
    review.save()
    return review


def next_unreviewed(after: Message) -> Message | None:
    """The newest finished answer that is older than this one and has no review; else the newest of all."""
    waiting = Message.objects.filter(
        role=Message.Role.BOT, status__in=[Message.Status.DONE, Message.Status.FAILED], review__isnull=True
    ).exclude(pk=after.pk)
    return waiting.filter(pk__lt=after.pk).order_by("-pk").first() or waiting.order_by("-pk").first()
