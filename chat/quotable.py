"""What the chat knows of a passage that may be shown, quoted or put into a prompt."""

from typing import Protocol


class Quotable(Protocol):
    @property
    def title(self) -> str: ...

    @property
    def heading(self) -> str: ...

    @property
    def text(self) -> str: ...
