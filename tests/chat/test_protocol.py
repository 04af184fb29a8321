"""docs/protocol.md is the contract: what it lists is what the code says, and its example runs."""

import re

from django.conf import settings

from chat.events import CLIENT_FRAMES, SENTENCES, SERVER_FRAMES
from chat.models import Message

PAGE = (settings.BASE_DIR / "docs" / "protocol.md").read_text()


def table(heading):
    """{frame: fields} of the table below this heading."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", section.split("\n### ")[0], re.MULTILINE)
    return {name: tuple(re.findall(r"`([\w?]+)`", fields)) for name, fields in rows}


def test_the_page_lists_every_frame_of_the_client():
    assert table("What a client says") == CLIENT_FRAMES


def test_the_page_lists_every_frame_of_the_server():
    assert table("What the server says") == SERVER_FRAMES


def test_the_page_lists_every_error():
    section = PAGE.split("### Errors", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(SENTENCES)


def test_the_page_lists_every_outcome():
    section = PAGE.split("### Outcomes", 1)[1].split("\n### ", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(Message.Outcome.values)


def test_the_example_is_a_program():
    compile(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], "docs/protocol.md", "exec")
