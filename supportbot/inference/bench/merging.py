"""What the peers need, made once: the weights with the adapter merged in, and the questions in tokens."""

from pathlib import Path
from typing import Any

from supportbot.inference.bench.talking import Answer, talk
from supportbot.inference.template import prompt_ids
from supportbot.inference.weights import generator_folder

FOLDER, FILE = "merged", "merged-bf16.gguf"


def load(given: dict[str, Any]) -> tuple[dict[str, Any], Answer]:
    """`source`: the base's GGUF file or folder; `adapter`: a folder; `place`: where the results are kept."""
    from transformers import AutoTokenizer

    source, place = Path(given["source"]), Path(given["place"])
    base = generator_folder(source, Path(given["models"]))
    if not (place / FOLDER).is_dir():
        _merge(base, Path(given["adapter"]), place, source if source.is_file() else None)
    tokenizer = AutoTokenizer.from_pretrained(place / FOLDER)
    told = {"folder": str(place / FOLDER), "file": str(place / FILE) if (place / FILE).exists() else ""}
    return told, lambda work: {"ids": [prompt_ids(tokenizer, messages) for messages in work["prompts"]]}


def _merge(base: Path, adapter: Path, place: Path, source: Path | None) -> None:
    """The folder comes last: it tells that all is there."""
    from supportbot.inference.merging import merged, save_folder, save_gguf

    model = merged(base, adapter)
    if source is not None:
        save_gguf(model, source, place / FILE)
    save_folder(model, base, place / FOLDER)


if __name__ == "__main__":
    talk(load)
