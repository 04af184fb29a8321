"""What was told of a reply before its owner died: the next one goes on there, if it would say the same.

Read before the lease is taken, which voids it. It is a hint: the new owner searches and checks all anew, and what was
told counts only where that comes to the same passages. So nothing depends on its being the newest.
"""

from uuid import UUID

from chat import replays
from chat.answering import Beginning
from chat.models import Message, RetrievedPassage
from chat.replays import Frame
from chat.storage import off_loop


async def beginning_of(reply: UUID) -> Beginning | None:
    """None where nothing was told. Redis has the newest words, the row those of a second ago."""
    row, passages = await off_loop(_read)(reply)
    if row is None or not passages:
        return None
    told = _text_of(await replays.read(reply, max(row.epoch, 1), 0), row.epoch)
    text = told if told.startswith(row.text) else row.text
    return Beginning(text.rstrip(), passages, row.reason) if text.strip() else None


def _read(reply: UUID) -> tuple[Message | None, tuple[tuple[object, object], ...]]:
    row = Message.objects.only("epoch", "text", "reason").filter(pk=reply).first()
    found = RetrievedPassage.objects.filter(message_id=reply).order_by("n")
    return row, tuple(found.values_list("chunk_id", "revision_id"))


def _text_of(frames: list[Frame], epoch: int) -> str:
    """The words of an epoch's frames, or nothing if some are missing."""
    mine = [frame for frame in frames if frame["epoch"] == epoch]
    whole = [frame["seq"] for frame in mine] == list(range(1, len(mine) + 1))
    return "".join(frame["text"] for frame in mine if frame["type"] == "delta") if whole else ""
