"""Markdown -> the HTML of a help page, and -> plain text."""

import nh3

from knowledge.markdown import PARSER, blocks, parse

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, **{heading: {"id"} for heading in HEADINGS}}
SCHEMES = {"http", "https", "mailto", "tel"}


def to_html(body: str, *, ids: bool = True) -> str:
    """Safe HTML. Headings carry the anchors of their passages; `ids=False` leaves them out, for a page inside a page.

    Relative links stay; links of other schemes lose their address, and images are never shown.
    """
    rendered = PARSER.renderer.render(parse(body), PARSER.options, {})
    return nh3.clean(
        rendered,
        tags=TAGS,
        attributes=ATTRIBUTES if ids else {"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        link_rel="noopener",
        clean_content_tags={"script", "style"},
    )


def to_text(body: str) -> str:
    """The words of a body, as its passages quote them, headings included."""
    return "\n\n".join(block.text for block in blocks(body))
