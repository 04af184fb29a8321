"""What markdown holds for the builder of a website, and not for its reader: components, template tags, admonitions."""

import re

from knowledge.bounds import MAX_BODY_CHARS

MOST_CHARS = 2 * MAX_BODY_CHARS  # more would be cut off anyhow
FENCE = re.compile(r"^\s{0,20}(`{3,}|~{3,})")
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s")
INLINE_CODE = re.compile(r"(`[^`]{1,1000}`)")
# Every repetition is bounded, and ends where the next one could begin, so that no text takes long.
MODULE_LINE = re.compile(r"^import\s(?:.{1,300}from\s+)?['\"].{1,300}['\"];?\s*$")
EXPORT_LINE = re.compile(r"^export\s+(?:const|default|function|let)\s")
COMPONENT = re.compile(r"</?[A-Z][\w.]{0,80}(?:\s[^<>]{0,1000})?/?>|</?>|\{/\*(?:(?!\{/\*).){0,1000}?\*/\}")
# Liquid and Jinja, the shortcodes of Hugo, and the attributes of kramdown.
TEMPLATE_TAG = re.compile(r"\{%(?:(?!\{%).){0,500}?%\}|\{\{[<%](?:(?!\{\{[<%]).){0,500}?[>%]\}\}|\{:[^{}]{0,200}\}")
ADMONITION = re.compile(
    r"^\s{0,20}:{3,20}\s{0,20}(?P<kind>\w{0,20})\s{0,20}(?:\[(?P<label>[^\]]{1,200})\]|(?P<title>.{0,200}))$"
)


def strip_builder(body: str, *, mdx: bool) -> tuple[str, list[str]]:
    """The body without what is for the builder, and a note on how much it was. Code is left as it is."""
    stripper = Stripper(mdx)
    kept = [line for line in map(stripper.line, body[:MOST_CHARS].split("\n")) if line is not None]
    text = "\n".join(kept)
    cut = len(body) > MOST_CHARS and len(text) <= MAX_BODY_CHARS  # a longer one is cut, and that told, later
    notes = [f"The text was cut at {MOST_CHARS:,} characters, tags of a site builder among them."] if cut else []
    if not stripper.count:
        return text, notes
    what = "A tag of a site builder was" if stripper.count == 1 else f"{stripper.count:,} tags of a site builder were"
    return text, [*notes, f"{what} left out."]


class Stripper:
    """Goes through the lines of one body in their order."""

    def __init__(self, mdx: bool) -> None:
        self._mdx = mdx
        self._fence = ""
        self._in_list = False
        self._in_export = False
        self.count = 0

    def line(self, line: str) -> str | None:
        """The line as the reader should have it; None if it was all the builder's."""
        mark = FENCE.match(line)
        if self._fence:
            if mark and mark[1].startswith(self._fence) and not line[mark.end() :].strip():
                self._fence = ""
            return line
        if mark:
            self._fence = mark[1]
            return line
        if LIST_ITEM.match(line):
            self._in_list = True
        elif line.strip() and not line.startswith(" "):
            self._in_list = False
        if line.startswith("    ") and not self._in_list:
            return line  # code without a fence
        if self._mdx and self._is_module(line):
            self.count += 1
            return None
        return self._stripped(line)

    def _is_module(self, line: str) -> bool:
        """Whether a line is of an `import` or `export`, which ends with a semicolon or an empty line."""
        starts = bool(EXPORT_LINE.match(line))
        one_line = bool(MODULE_LINE.match(line))
        inside = self._in_export or starts or one_line
        self._in_export = inside and not one_line and bool(line.strip()) and not line.rstrip().endswith(";")
        return inside

    def _stripped(self, line: str) -> str:
        if found := ADMONITION.match(line):
            self.count += 1
            label = found["label"] or (found["title"] or "").strip() or (found["kind"] or "").capitalize()
            return f"\n**{label}**\n" if label else ""
        if "{" not in line and not (self._mdx and "<" in line):
            return line
        parts = INLINE_CODE.split(line)
        parts[::2] = [self._dropped(part) for part in parts[::2]]
        return "".join(parts) if "".join(parts).strip() else ""

    def _dropped(self, text: str) -> str:
        for pattern in (TEMPLATE_TAG, COMPONENT) if self._mdx else (TEMPLATE_TAG,):
            text, times = pattern.subn("", text)
            self.count += times
        return text
