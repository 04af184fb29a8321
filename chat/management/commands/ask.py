"""One question in the terminal, through the same answering as the widget's."""

import asyncio
import json
import time
from argparse import ArgumentParser
from contextlib import aclosing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.answering import AnswerFailed, Ending, Options, Restart, Sources, Stage, Words, compose
from supportbot.inference.client import ModelError


class Command(BaseCommand):
    help = "Ask the assistant a question and watch the answer being written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--history", type=Path, help='JSON file: [{"role": "user" or "assistant", "text": "…"}]')
        parser.add_argument("--audience", action="append", choices=["public", "customers"], help="default: public")
        parser.add_argument("--answerer", choices=["live", "model", "extract"], default="live")
        parser.add_argument("--model", default="", help="another adapter or model than CHAT_MODEL")
        parser.add_argument("--no-gate", action="store_true", help="show what the model says without the fact gate")

    def handle(self, *args: Any, **options: Any) -> None:
        history = read_history(options["history"]) if options["history"] else []
        chosen = Options(
            audiences=options["audience"] or ["public"],
            answerer=options["answerer"],
            model=options["model"],
            gate=not options["no_gate"],
        )
        try:
            asyncio.run(self.show(options["question"], history, chosen))
        except AnswerFailed as error:
            raise CommandError(f"No answer ({error.code}). Is the product running? `manage.py up` starts it.") from None
        except ModelError as error:
            raise CommandError(error.text) from None

    async def show(self, question: str, history: list[dict[str, str]], options: Options) -> None:
        start = time.monotonic()
        async with aclosing(compose(question, history, options)) as events:
            async for event in events:
                match event:
                    case Words(text):
                        self.stdout.write(text, ending="")
                        self.stdout.flush()
                    case Stage(name):
                        self.stderr.write(f"{time.monotonic() - start:6.2f} s  {name}")
                    case Sources(passages):
                        for n, p in enumerate(passages, 1):
                            place = " > ".join(part for part in (p.title, p.heading) if part)
                            self.stderr.write(f"          [{n}] {place}  {p.url}")
                    case Restart(reason):
                        self.stdout.write("")
                        self.stderr.write(f"{time.monotonic() - start:6.2f} s  begun again: {reason}")
                    case Ending():
                        self.show_end(event, time.monotonic() - start)

    def show_end(self, end: Ending, seconds: float) -> None:
        self.stdout.write("")
        reason = f" ({end.reason})" if end.reason else ""
        self.stderr.write(f"{seconds:6.2f} s  {end.outcome}{reason}, cited {end.citations}, {end.ms}")
        for title, url in end.nearest:
            self.stderr.write(f"          near: {title}  {url}")


def read_history(path: Path) -> list[dict[str, str]]:
    try:
        turns = json.loads(path.read_text())
        return [{"role": str(turn["role"]), "text": str(turn["text"])} for turn in turns]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} does not hold a history: {type(error).__name__}") from None
