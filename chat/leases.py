"""Who may write a reply: a lease on its row, by the database's clock, and an epoch that each new owner raises.

Every write says `WHERE epoch = …`, so an owner that wakes from a freeze, after another has taken over, writes nothing.
"""

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from chat.models import Message, RetrievedPassage

# One name a process: a process that comes back under the same pid is another owner.
OWNER = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
UNFINISHED = [Message.Status.QUEUED, Message.Status.STREAMING]
LAPSED = Q(lease_until=None) | Q(lease_until__lt=Now())


def until() -> Any:
    """The end of a lease that begins now, as an expression for the database."""
    return Now() + timedelta(seconds=settings.CHAT_LEASE_SECONDS)


def unfinished() -> QuerySet[Message]:
    return Message.objects.filter(role=Message.Role.BOT, status__in=UNFINISHED)


def lapsed() -> QuerySet[Message]:
    """Replies that nobody is writing and that have not ended."""
    return unfinished().filter(LAPSED)


@transaction.atomic
def take(reply: UUID) -> int | None:
    """The new epoch if the lease was free, else None. What an earlier owner had said and found is void."""
    taken = lapsed().filter(pk=reply)
    if not taken.update(epoch=F("epoch") + 1, seq=0, text="", reason="", lease_owner=OWNER, lease_until=until()):
        return None
    RetrievedPassage.objects.filter(message_id=reply).delete()
    return Message.objects.values_list("epoch", flat=True).filter(pk=reply, lease_owner=OWNER).first()


def renew(epochs: Mapping[UUID, int], *, lengthen: bool = True) -> dict[UUID, bool]:
    """Lengthen the leases of this process. Gives, for each that is still ours, whether its customer said stop."""
    ours = unfinished().filter(pk__in=list(epochs), lease_owner=OWNER)
    if lengthen:
        ours.update(lease_until=until())
    return {
        pk: stop for pk, epoch, stop in ours.values_list("pk", "epoch", "stop_requested") if epochs.get(pk) == epoch
    }


def save(reply: UUID, epoch: int, also: Callable[[], object] | None = None, /, **fields: Any) -> bool:
    """Write to the reply if it is still ours, and `also` what belongs to it, in one transaction.

    False means that the lease is lost and the writer must fall silent. What is written renews the lease, unless it
    says otherwise.
    """
    ours = unfinished().filter(pk=reply, epoch=epoch, lease_owner=OWNER)
    with transaction.atomic():
        if not ours.update(**{"lease_until": until()} | fields):
            return False
        if also is not None:
            also()  # the row is locked: nobody takes the reply over in between
    return True


def release(epochs: Mapping[UUID, int]) -> None:
    """Give the leases back at once, so that the next owner need not wait for them to lapse (an orderly shutdown)."""
    for reply, epoch in epochs.items():
        save(reply, epoch, lease_owner="", lease_until=None)  # no owner: a renewal that is on its way finds nothing
