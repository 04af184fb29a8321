"""What is sold in this run: articles with long sentences, so that answers last, and questions about them."""

import random
from typing import Any

from django.contrib.auth import get_user_model

from chat import desk
from chat.models import Conversation, Message, Widget
from knowledge import publishing
from knowledge.models import Article, Category

WIDGET = "chaos"
NAMES = ("Aster", "Birch", "Cedar", "Dune", "Ember", "Fjord", "Grove", "Heron", "Iris", "Juniper", "Kestrel", "Larch")
ASIDE = (
    "which is why most of our customers take it on walks of several days without thinking of a second one, "
    "and why we ask everybody to keep the box, the leaflet and the small bag that came with it until the season is over"
)
QUESTIONS = (
    "How many hours does the battery of the {name} lantern last?",
    "How long is the warranty of the {name} lantern?",
    "How many days does a repair of the {name} lantern take?",
    "Which bag, box and leaflet come with the {name} lantern, and how many hours does its battery last?",
)
OTHERS = ("Hello", "Thanks", "Which violin did Mozart's uncle play in Salzburg?", "Can I talk to a person?")
BODY = """## Battery

The {name} lantern, edition {edition}, has a battery that lasts {hours} hours when it is new and kept dry, {aside}.
A whole charge of the {name} lantern, edition {edition}, takes {minutes} minutes at any socket.

## Warranty and repair

The warranty of the {name} lantern, edition {edition}, is {months} months from the day of purchase, {aside}.
A repair of the {name} lantern, edition {edition}, takes {days} working days, {aside}.
"""


def body(name: str, edition: int) -> str:
    """Every number of an edition is its own: a mixture of two can be seen."""
    facts = {"hours": 10 + edition, "minutes": 40 + edition, "months": 12 + edition, "days": 3 + edition}
    return BODY.format(name=name, edition=edition, aside=ASIDE, **facts)


def fill() -> None:
    category, _ = Category.objects.get_or_create(slug="lanterns", defaults={"name": "Lanterns"})
    for name in NAMES:
        article = Article(slug=name.lower(), title=f"The {name} lantern", body=body(name, 1), category=category)
        publishing.publish(article=article, by=None)
    Widget.objects.get_or_create(key=WIDGET, defaults={"name": "Chaos"})


def edit(name: str, edition: int) -> None:
    article = Article.objects.get(slug=name.lower())
    article.body = body(name, edition)
    publishing.publish(article=article, by=None)


def write_as_person(conversation: str, text: str) -> str:
    """Ada takes the conversation and writes; gives the message's id."""
    ada, _ = get_user_model().objects.get_or_create(username="ada", defaults={"first_name": "Ada"})
    return str(desk.say(Conversation.objects.get(pk=conversation), ada, text).pk)


def hand_back(conversation: str) -> None:
    row = Conversation.objects.get(pk=conversation)
    desk.leave(row, row.agent)


def question(chance: random.Random) -> str:
    if chance.random() < 0.12:
        return chance.choice(OTHERS)
    return chance.choice(QUESTIONS).format(name=chance.choice(NAMES))


def unfinished() -> int:
    return Message.objects.filter(role="bot", status__in=["queued", "streaming"]).count()


def stored() -> list[dict[str, Any]]:
    """Every message, as the events `row` of the history."""
    rows = Message.objects.prefetch_related("passages__revision").order_by("id")
    return [
        {
            "id": str(row.pk),
            "role": row.role,
            "client_id": str(row.client_id) if row.client_id else None,
            "reply_to": str(row.reply_to_id) if row.reply_to_id else None,
            "conversation": str(row.conversation_id),
            "status": row.status,
            "text": row.text,
            "outcome": row.outcome,
            "reason": row.reason,
            "epoch": row.epoch,
            "leased": row.lease_until is not None,
            "passages": [
                [p.n, str(p.revision.article_id), str(p.revision_id)] for p in row.passages.all() if p.revision
            ],
        }
        for row in rows.iterator(chunk_size=500)
    ]
