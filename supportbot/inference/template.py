"""Messages to token ids, by the model's own chat template. The one place where both serving and training do it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def prompt_ids(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]], *, goes_on: bool = False
) -> list[int]:
    """The prompt up to where the assistant begins to write, or to the end of the last message if it `goes_on` there.

    Control tokens inside the messages become plain text.
    """
    harmless = [{"role": message["role"], "content": _defused(tokenizer, message["content"])} for message in messages]
    begun = harmless.pop()["content"] if goes_on else ""
    text = tokenizer.apply_chat_template(harmless, add_generation_prompt=True, tokenize=False)
    return tokenizer(text + begun, add_special_tokens=False)["input_ids"]


def _defused(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    """A customer who types `<|im_end|>` must not end his own message."""
    for token in tokenizer.added_tokens_decoder.values():
        if token.content in text:
            text = text.replace(token.content, f"{token.content[0]} {token.content[1:]}")
    return text
