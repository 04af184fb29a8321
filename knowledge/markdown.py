"""Markdown as this project reads it: one parser for the page that customers see and for the passages that are quoted.

Raw HTML is never passed on: its tags go and its words stay, in the page and in the passages alike. Images become their
alternative text. Headings at the top level have anchors; the page's ids and the passages' anchors are the same ones.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline.state_inline import Scanned, StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

# What is nested deeper than this is not text that anybody wrote by hand; it also bounds every recursion below.
MAX_NESTING = 60
MAX_ANCHOR_CHARS = 80
# Chinese, Japanese and Korean letters and marks, which stand side by side without spaces.
EAST_ASIAN = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# A sentence with the space after it. Only an over-long paragraph is cut here, so abbreviations do no harm.
SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)]*\s+|[。！？]|\Z)", re.DOTALL)


class InlineState(StateInline):
    """Emphasis in texts without spaces: `**注意：**请` is bold, though CommonMark sees no end there."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        scanned = super().scanDelims(start, canSplitWord)
        before, after = self.src[start - 1 : start], self.src[start + scanned.length : start + scanned.length + 1]
        if not (canSplitWord and (EAST_ASIAN.match(before) or EAST_ASIAN.match(after))):
            return scanned
        return Scanned(bool(after.strip()), bool(before.strip()), scanned.length)


class InlineParser(ParserInline):
    """The usual rules over our own state."""

    def parse(self, src: str, md: MarkdownIt, env: MutableMapping[str, Any], tokens: list[Token]) -> list[Token]:
        state = InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero")
    parser.inline = InlineParser()
    parser.configure("commonmark", {"html": True, "maxNesting": MAX_NESTING})
    return parser.enable(["table", "strikethrough"])


PARSER = _parser()


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list, table or piece of code as plain text. `units` are the places where it may be cut."""

    kind: str
    units: tuple[str, ...]
    join: str = "\n"
    level: int = 0
    anchor: str = ""

    @property
    def text(self) -> str:
        return self.join.join(self.units).strip()


def parse(body: str) -> list[Token]:
    """The tokens of a body, with raw HTML reduced to its words and images to their alternative text."""
    tokens: list[Token] = []
    for token in PARSER.parse(body):
        if token.type == "html_block":
            tokens.extend(_paragraph(_words_of_html(token.content), token))
            continue
        if token.children:
            token.children = [child for part in token.children if (child := _plain(part))]
        tokens.append(token)
    _set_anchors(tokens)
    return tokens


def _paragraph(text: str, place: Token) -> list[Token]:
    if not text:
        return []
    words = Token("text", "", 0, content=text)
    inline = Token("inline", "", 0, content=text, children=[words], level=place.level + 1, map=place.map)
    opening = Token("paragraph_open", "p", 1, level=place.level, block=True, map=place.map)
    return [opening, inline, Token("paragraph_close", "p", -1, level=place.level, block=True)]


def _words_of_html(source: str) -> str:
    spaced = re.sub(r"(</?(?:p|div|li|tr|td|th|h[1-6]|br)\b)", r" \1", source, flags=re.IGNORECASE)
    bare = nh3.clean(spaced, tags=set(), clean_content_tags={"script", "style", "template"})
    return " ".join(html.unescape(bare).split())


def _plain(token: Token) -> Token | None:
    if token.type == "html_inline":
        return Token("hardbreak", "br", 0) if LINE_BREAK.fullmatch(token.content.strip()) else None
    if token.type == "image":
        words = _tokens_text(token.children or [])
        return Token("text", "", 0, content=words.removeprefix("[").removesuffix("]"))
    return token


def _set_anchors(tokens: list[Token]) -> None:
    taken: set[str] = set()
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.level == 0:
            opening.attrSet("id", anchor_of(_tokens_text(inline.children or []), taken))


def anchor_of(heading: str, taken: set[str]) -> str:
    """The id of a heading: its words in small letters, with a number where an earlier heading has the same ones."""
    words = unicodedata.normalize("NFKC", heading).lower()
    stem = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words)).strip("-_")[:MAX_ANCHOR_CHARS] or "section"
    anchor, number = stem, 2
    while anchor in taken:
        anchor, number = f"{stem}-{number}", number + 1
    taken.add(anchor)
    return anchor


def _tokens_text(tokens: list[Token]) -> str:
    """The words of inline tokens. What is struck through was withdrawn by its author, and is not repeated.

    A link is reduced to its text; an address (mailto:, tel:) that its text does not show is added in brackets.
    """
    parts: list[str] = []
    struck = 0
    links: list[tuple[str, int]] = []
    for token in tokens:
        if token.type in ("s_open", "s_close"):
            struck += token.nesting
        elif struck:
            continue
        elif token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak":
            parts.append("\n")
        elif token.type == "link_open":
            links.append((str(token.attrGet("href") or ""), len(parts)))
        elif token.type == "link_close" and links:
            parts.append(_hidden_address(*links.pop(), parts))
    return re.sub(r"[^\S\n]+", " ", "".join(parts)).strip()


def _hidden_address(href: str, start: int, parts: list[str]) -> str:
    scheme, _, address = href.partition(":")
    address = address.partition("?")[0]
    if scheme not in ("mailto", "tel") or not address or address in "".join(parts[start:]):
        return ""
    return f" ({address})"


def blocks(body: str) -> list[Block]:
    """A body as a flat list of plain blocks, in reading order."""
    return list(_blocks(SyntaxTreeNode(parse(body))))


def _blocks(parent: SyntaxTreeNode) -> Iterator[Block]:
    top = parent.type == "root"
    for node in parent.children:
        block = _block(node, top)
        if block is None:
            yield from _blocks(node) if node.type == "blockquote" else ()
        elif block.text:
            yield block


def _block(node: SyntaxTreeNode, top: bool) -> Block | None:
    match node.type:
        case "heading" if top:
            text = _inline(node).replace("\n", " ")
            return Block("heading", (text,), level=int(node.tag[1]), anchor=str(node.attrs["id"]))
        case "heading" | "paragraph":
            return Block("paragraph", tuple(SENTENCE.findall(_inline(node))), join="")
        case "bullet_list" | "ordered_list":
            return Block("list", tuple(_list_lines(node, "")))
        case "table":
            return Block("table", tuple(_rows(node)))
        case "fence" | "code_block":
            return Block("code", tuple(node.content.rstrip("\n").split("\n")))
    return None


def _inline(node: SyntaxTreeNode) -> str:
    return "\n".join(
        _tokens_text(child.token.children or []) for child in node.children if child.token and child.type == "inline"
    )


def _list_lines(node: SyntaxTreeNode, indent: str) -> Iterator[str]:
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    for number, item in enumerate(node.children, first):
        marker = f"{number}. " if node.type == "ordered_list" else "- "
        inner = " " * len(marker)
        for line in _item_lines(item):
            yield f"{indent}{marker}{line}"
            marker = inner


def _item_lines(item: SyntaxTreeNode) -> Iterator[str]:
    for child in item.children:
        if child.type in ("bullet_list", "ordered_list"):
            yield from _list_lines(child, "")
        elif child.type == "blockquote":
            yield from _item_lines(child)
        elif (block := _block(child, top=False)) is not None:
            yield from (line for line in block.text.split("\n") if line.strip())


def _rows(table: SyntaxTreeNode) -> Iterator[str]:
    """Each row with its column names, so that a row makes sense alone: `- Option: Standard; Price: £3.95`."""
    names: list[str] = []
    for part in table.children:
        for row in part.children:
            cells = [_inline(cell).replace("\n", " ") for cell in row.children]
            if part.type == "thead":
                names = cells
            elif any(cells):
                yield "- " + "; ".join(_cell(name, cell) for name, cell in zip(names, cells, strict=False) if cell)
    if names and len(table.children) == 1:
        yield "- " + "; ".join(name for name in names if name)


def _cell(name: str, cell: str) -> str:
    return f"{name.rstrip(':')}: {cell}" if name else cell
