"""Two articles as they are searched, passage beside passage, with what was found marked."""

from dataclasses import dataclass

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from knowledge.indexing import active_cut
from knowledge.models import Article, Chunk, Finding

MAX_PASSAGES = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """`number` joins the passages that belong together; None: nothing was found in it. `text` is safe HTML."""

    heading: str
    text: SafeString
    number: int | None


@dataclass(frozen=True, slots=True)
class Side:
    article: Article
    passages: list[Shown]
    changed: bool  # what was found is not in the text any more


def sides(finding: Finding, *, first: Article, second: Article) -> list[Side]:
    """The article that was looked at first, then the other."""
    turned = finding.article_id != first.pk
    joined = [tuple(reversed(pair)) if turned else tuple(pair) for pair in finding.details.get("passages", [])]
    said = [
        (each["other"], each["own"]) if turned else (each["own"], each["other"])
        for each in finding.details.get("statements", [])
    ]
    return [
        _side(article, [pair[place] for pair in joined], [both[place] for both in said])
        for place, article in enumerate((first, second))
    ]


def _side(article: Article, chunks: list[int], said: list[str]) -> Side:
    numbers: dict[int, int] = {}
    for number, chunk in enumerate(chunks, 1):
        numbers.setdefault(chunk, number)
    live = Chunk.objects.filter(article=article, live=True, cut=active_cut()).order_by("position")[:MAX_PASSAGES]
    passages = [Shown(chunk.heading, marked(chunk.text, said), numbers.get(chunk.pk)) for chunk in live]
    return Side(article, passages, changed=not any(passage.number for passage in passages))


def marked(text: str, said: list[str]) -> SafeString:
    """With the sentences that were found marked, and everything else harmless."""
    for sentence in said:
        before, found, after = text.partition(sentence.removesuffix("…"))
        if found:
            return format_html("{}<mark>{}</mark>{}", marked(before, said), found, marked(after, said))
    return conditional_escape(text)
