"""A page of figures that stands by itself: no script, nothing fetched, pictures as SVG with their text beside them.

It reads on a phone and in the dark. Every picture has a text that says the same; no colour says anything alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from knowledge.metrics import Estimate

WIDE, HIGH = 360, 230  # of a curve, in its own units: on a phone a unit is a pixel
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 22

STYLE = mark_safe("""
:root { color-scheme: light dark; --page: #fff; --ink: #1d2330; --soft: #596274; --line: #d5dae3; --card: #f5f7fa;
  --good: #167a4c; --fair: #2459c9; --bad: #b3261e; --dull: #8a93a3; --warn: #a85b00; }
@media (prefers-color-scheme: dark) { :root { --page: #14171d; --ink: #e7eaf0; --soft: #a3acbd; --line: #363d4a;
  --card: #1d222b; --good: #4cc58c; --fair: #7da6ff; --bad: #ff8a80; --dull: #79839a; --warn: #f0a848; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 42rem; } .soft, figcaption, dt { color: var(--soft); }
figure { margin: .5rem 0 1rem; } svg { display: block; width: 100%; }
.row { display: grid; gap: 0 1rem; grid-template: "name picture value" / minmax(9rem, 15rem) 1fr 18rem;
  align-items: center; padding: .2rem 0; }
.row > div { grid-area: name; } .row > svg { grid-area: picture; height: 1.25rem; }
.row > .value { grid-area: value; font-variant-numeric: tabular-nums; }
.row small { display: block; color: var(--soft); line-height: 1.3; }
.curve { max-width: 40rem; } .curve text { font-size: 11px; fill: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .4rem 0 0; list-style: none; }
.swatch { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .4rem; }
.good { --own: var(--good); } .fair { --own: var(--fair); } .bad { --own: var(--bad); } .dull { --own: var(--dull); }
.warn { --own: var(--warn); } .swatch { background: var(--own); } .fill { fill: var(--own); }
.stroke { stroke: var(--own); fill: none; } .band { fill: var(--own); opacity: .16; } .grid { stroke: var(--line); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; } dd { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .8rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .25rem 0; } .key { width: 1.5rem; display: inline-block; margin-right: .4rem; }
.card { background: var(--card); border-radius: .4rem; padding: .6rem .8rem; margin: .6rem 0; }
.card p { margin: .15rem 0; max-width: none; }
.promise { border-left: .3rem solid var(--own); background: var(--card); padding: .7rem 1rem; }
@media (max-width: 40rem) { .row { grid-template: "name name" "picture value" / 1fr 11rem; padding: .35rem 0; }
  .row > .value { font-size: .85rem; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
@media print { details { break-inside: avoid; } }
""")


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure of a picture of intervals."""

    name: str
    meaning: str
    estimate: Estimate
    tone: str  # good, fair, bad, warn or dull
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """Points of a curve, x and y in the curve's own scale; with a band: (x, low, high)."""

    name: str
    tone: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """`ticks`: values and their texts; the first and the last are the ends."""

    name: str
    ticks: Sequence[tuple[float, str]]

    def share(self, value: float) -> float:
        low, high = self.ticks[0][0], self.ticks[-1][0]
        return (min(max(value, low), high) - low) / (high - low)


def page(title: str, lead: str, parts: Iterable[SafeString]) -> str:
    return format_html(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{}</title>\n<style>{}</style>\n'
        '</head>\n<body>\n<main>\n<h1>{}</h1>\n<p class="soft">{}</p>\n{}\n</main>\n</body>\n</html>\n',
        title,
        STYLE,
        title,
        lead,
        format_html_join("\n", "{}", ((part,) for part in parts)),
    )


def intervals(bars: Sequence[Bar], low: float = 0.0, high: float = 1.0) -> SafeString:
    """A figure a line, as a mark within its interval, between `low` and `high`; a bolder rule at 0."""
    lines = format_html_join(
        "\n",
        '<div class="row"><div>{}<small>{}</small></div>{}<div class="value">{}</div></div>',
        ((bar.name, bar.meaning, _interval(bar, low, high), bar.text) for bar in bars),
    )
    return format_html("<figure>\n{}\n</figure>", lines)


def _interval(bar: Bar, low: float, high: float) -> SafeString:
    axis = Axis("", [(low, ""), (high, "")])
    rules = [(low + share * (high - low)) for share in (0, 0.25, 0.5, 0.75, 1)]
    is_signed = low < 0 < high
    marks = [("grid", at, at, 0, 12, 2.5 if is_signed and abs(at) < 1e-9 else 1) for at in rules]
    marks.append(("stroke", bar.estimate.low, bar.estimate.high, 6, 6, 3))
    marks.append(("stroke", bar.estimate.value, bar.estimate.value, 1, 11, 5))
    drawn = format_html_join(
        "",
        '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}" stroke-width="{}" vector-effect="non-scaling-stroke"/>',
        ((kind, _places(100 * axis.share(x1)), _places(100 * axis.share(x2)), *rest) for kind, x1, x2, *rest in marks),
    )
    return format_html(
        '<svg class="{}" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{}: {}">{}</svg>',
        bar.tone,
        bar.name,
        bar.text,
        drawn,
    )


def shares(name: str, parts: Sequence[tuple[str, int, str]]) -> SafeString:
    """One bar of several parts: (label, count, tone). The legend says what the bar shows."""
    total = sum(count for _, count, _ in parts) or 1
    drawn, start = [], 0.0
    for label, count, tone in parts:
        width = 100 * count / total
        drawn.append((tone, f"{start:.2f}", f"{max(width - 0.3, 0.1):.2f}", f"{label}: {count}"))
        start += width
    told = ", ".join(f"{label} {count} ({100 * count / total:.0f} %)" for label, count, _ in parts)
    return format_html(
        '<figure><svg viewBox="0 0 100 6" preserveAspectRatio="none" style="height:1.5rem" role="img" '
        'aria-label="{}: {}">{}</svg><ul class="legend">{}</ul></figure>',
        name,
        told,
        format_html_join(
            "",
            '<g class="{}"><rect class="fill" x="{}" y="0" width="{}" height="6"><title>{}</title></rect></g>',
            drawn,
        ),
        format_html_join(
            "",
            '<li><span class="swatch {}" aria-hidden="true"></span>{} {} ({} %)</li>',
            ((tone, label, count, f"{100 * count / total:.0f}") for label, count, tone in parts),
        ),
    )


def curve(name: str, lines: Sequence[Line], *, x: Axis, y: Axis) -> SafeString:
    """Lines over two axes. Say the same in a table beside it."""
    rules = [(_places(_up(y, at)), _places(_up(y, at) + 4), text) for at, text in y.ticks]
    grid = format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        ((LEFT, WIDE - RIGHT, rule, rule, LEFT - 4, below, text) for rule, below, text in rules),
    )
    below = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (_places(_across(x, at)), HIGH - 6, "end" if at == x.ticks[-1][0] else "middle", text)
            for at, text in x.ticks
        ),
    )
    return format_html(
        '<figure class="curve"><figcaption>Upwards: {}. To the right: {}.</figcaption>'
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}; the table says the same.">{}{}{}</svg>'
        '<ul class="legend">{}</ul></figure>',
        y.name,
        x.name,
        WIDE,
        HIGH,
        f"{name}: {y.name} over {x.name}",
        grid,
        below,
        format_html_join("", "{}", ((_drawn(line, x, y),) for line in lines)),
        format_html_join(
            "",
            '<li><svg class="key {}" viewBox="0 0 24 8" aria-hidden="true"><line class="stroke" x1="0" x2="24" y1="4" '
            'y2="4" stroke-width="3" stroke-dasharray="{}"/></svg>{}</li>',
            ((line.tone, _dashes(line), line.name) for line in lines),
        ),
    )


def _drawn(line: Line, x: Axis, y: Axis) -> SafeString:
    points = " ".join(f"{_across(x, at):.1f},{_up(y, value):.1f}" for at, value in line.points)
    there = " ".join(f"{_across(x, at):.1f},{_up(y, high):.1f}" for at, _, high in line.band)
    back = " ".join(f"{_across(x, at):.1f},{_up(y, low):.1f}" for at, low, _ in reversed(line.band))
    return format_html(
        '<g class="{}"><polygon class="band" points="{} {}"/>'
        '<polyline class="stroke" stroke-width="2" stroke-dasharray="{}" points="{}"/></g>',
        line.tone,
        there,
        back,
        _dashes(line),
        points,
    )


def _places(value: float) -> str:
    return f"{value:.1f}"


def _dashes(line: Line) -> str:
    return "5 4" if line.dashed else "none"


def _across(axis: Axis, value: float) -> float:
    return LEFT + (WIDE - LEFT - RIGHT) * axis.share(value)


def _up(axis: Axis, value: float) -> float:
    return HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * axis.share(value)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> SafeString:
    """The first column is of names, the others of figures."""
    return format_html(
        '<div class="wide"><table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html("<caption>{}</caption>", caption) if caption else "",
        format_html_join("", '<th scope="col" class="{}">{}</th>', ((_side(n), text) for n, text in enumerate(head))),
        format_html_join(
            "",
            "<tr>{}</tr>",
            (
                (format_html_join("", '<td class="{}">{}</td>', ((_side(n), cell) for n, cell in enumerate(row))),)
                for row in rows
            ),
        ),
    )


def facts(pairs: Iterable[tuple[str, object]]) -> SafeString:
    return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs))


def heading(text: str, told: str = "") -> SafeString:
    return format_html("<h2>{}</h2>{}", text, format_html("<p>{}</p>", told) if told else "")


def folded(name: str, parts: Iterable[SafeString]) -> SafeString:
    return format_html(
        "<details><summary>{}</summary>{}</details>", name, format_html_join("", "{}", ((part,) for part in parts))
    )


def _side(number: int) -> str:
    return "n" if number else ""
