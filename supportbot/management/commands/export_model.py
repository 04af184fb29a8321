"""`manage.py export_model`: the model as other engines take it (docs/model-server.md, "Outgrowing one machine")."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from supportbot.inference.adapter_files import base_of, read_adapter
from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.weights import WeightsError, base_sha256, generator_folder, generator_source


class Command(BaseCommand):
    help = "Write the base with an adapter merged in, as a GGUF file for llama.cpp or as a transformers folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, help="a new .gguf file, or a new folder")
        parser.add_argument("--adapter", default=settings.CHAT_MODEL, help="its name, or base (default: %(default)s)")

    def handle(self, *_args: object, **options: Any) -> None:
        target: Path = options["target"].resolve()
        if target.exists() or not target.parent.is_dir():
            raise CommandError(f"{target} is there already, or its folder is not: name a new place.")
        adapter = None if options["adapter"] in ("base", settings.BASE_MODEL) else _adapter_folder(options["adapter"])
        try:
            source = generator_source()
            if target.suffix == ".gguf" and not source.is_file():
                raise CommandError("The base does not come as a GGUF file, whose words a new one needs: name a folder.")
            self._write(source, adapter, target)
        except (WeightsError, AdapterRefused, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{target}: {settings.BASE_MODEL} with {options['adapter']}, 16 bits")

    def _write(self, source: Path, adapter: Path | None, target: Path) -> None:
        from supportbot.inference.gguf_file import NotConvertible
        from supportbot.inference.merging import merged, save_folder, save_gguf

        base = generator_folder(source)
        if adapter is not None:
            read_adapter(adapter, base_of(base, base_sha256(source)))  # a library reads what the server would take
        model = merged(base, adapter)
        if target.suffix != ".gguf":
            save_folder(model, base, target)
            return
        try:
            save_gguf(model, source, target)
        except NotConvertible as error:
            raise CommandError(str(error)) from error


def _adapter_folder(name: str) -> Path:
    for parent in settings.ADAPTER_DIRS:
        if (Path(parent) / name / "adapter_config.json").is_file():
            return Path(parent) / name
    raise CommandError(f"No adapter of the name {name} is in {' or '.join(str(one) for one in settings.ADAPTER_DIRS)}.")
