"""`manage.py check_models`: reads every file of weights and every adapter, and says which may not be used and why."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from supportbot.inference.adapter_files import Base, base_of, is_adapter, read_adapter
from supportbot.inference.refusals import AdapterRefused
from supportbot.inference.weights import (
    WeightsError,
    base_sha256,
    converted_folder,
    encoder_folders,
    generator_source,
    verify,
    verify_source,
)

Check = tuple[str, Path, Callable[[], str]]  # what it is, where, and the check, which says what it found


class Command(BaseCommand):
    help = "Check the files of the models and the adapters: by their SHA-256, and as the model server would."
    requires_system_checks: list[str] = []

    def handle(self, *_args: object, **_options: object) -> None:
        wrong = 0
        try:
            for what, path, check in checks():
                try:
                    self.stdout.write(f"ok      {what}  {path}  {check()}")
                except (WeightsError, AdapterRefused) as error:
                    wrong += 1
                    self.stdout.write(f"refused {what}  {path}  {error}")
        except WeightsError as error:
            raise CommandError(str(error)) from error
        if wrong:
            raise CommandError(f"{wrong} of what is above cannot be used; what to do stands beside it.")


def checks() -> Iterator[Check]:
    """All that a start may load. Raises WeightsError where that cannot even be found."""
    source = generator_source()
    yield "base model", source, partial(_source, source)
    folder = converted_folder(source)
    yield "weights", folder, partial(_files if folder.is_dir() else _nothing, folder)
    for name, place in encoder_folders(settings.EMBEDDING_MODEL).items():
        yield f"encoder {name}", place, partial(_files, place)
    if not folder.is_dir():
        return  # adapters are measured by the base's config, which the first start writes
    base = base_of(folder, base_sha256(), import_string(settings.PROMPT_VERSION))
    for parent in settings.ADAPTER_DIRS:
        for place in sorted(parent.iterdir()) if parent.is_dir() else []:
            if is_adapter(place) and not place.name.startswith("."):
                yield f"adapter {place.name}", place, partial(_adapter, place, base)


def _source(source: Path) -> str:
    verify_source(source)
    return "as it was published"


def _nothing(_folder: Path) -> str:
    return "not converted yet: the first start does it, and adapters can be checked after that"


def _files(folder: Path) -> str:
    return f"{verify(folder)} files"


def _adapter(folder: Path, base: Base) -> str:
    files = read_adapter(folder, base)
    return f"rank {files.rank}, {len(files.tensors)} tensors"
