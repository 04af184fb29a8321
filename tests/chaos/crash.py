"""`python -m tests.chaos.crash WIDGET QUESTION-ID TEXT ARTICLE EDITION`: it dies between commit and enqueue.

It saves a question that it never begins to answer and an edition of an article, and dies at the first task that it
would send. What it leaves behind must be found and done by others.
"""

import os
import sys
import uuid

import django


def main() -> None:
    widget, key, text, article, edition = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")
    django.setup()
    from celery.app.task import Task

    from chat import conversations
    from chat.events import Ask, Hello
    from tests.chaos import shop

    def die(*_args: object, **_options: object) -> None:
        os._exit(9)

    Task.apply_async = die
    found = conversations.find_widget(widget)
    assert found is not None
    seen = conversations.visit(found, Hello(None, None, None, None, "en", "", ""))
    conversations.ask(seen, Ask(uuid.UUID(key), text), "en", ("", ""))
    shop.edit(article, int(edition))
    os._exit(3)  # nothing was sent


if __name__ == "__main__":
    main()
