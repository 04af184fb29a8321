"""What a comparison found, for people: lines for a terminal, and a picture."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

BAR, GAP, PANEL, LABEL, LEFT = 18, 6, 190, 46, 120  # pixels
COLOURS = {"ours": "#0f766e"}
OTHER = "#94a3b8"


def lines(result: Mapping[str, Any]) -> list[str]:
    """The table, a line a peer and number of streams, and what it was measured on."""
    head = f"{'peer':16}{'streams':>8}{'first s p50 p95':>17}{'whole s p50 p95':>17}{'prompt':>10}{'decode':>9}"
    told = [f"{head}{'in all':>8}{'of roof':>9}  {'whole answer, times ours':26}decode"]
    for row in result["rows"]:
        against = f"{_times(row.get('times_ours')):26}{_times(row.get('token_times_ours'))}"
        told.append(
            f"{row['peer']:16}{row['streams']:>8}{row['first_p50']:>9.2f}{row['first_p95']:>8.2f}"
            f"{row['whole_p50']:>9.2f}{row['whole_p95']:>8.2f}{_number(row['prefill_rate'], 10)}"
            f"{_number(row['decode_rate'], 9)}{_number(row['rate_in_all'], 8)}"
            f"{_number(row.get('share_of_roof'), 9, 2)}  {against}".rstrip()
        )
    told += [f"{name}: {why}" for name, why in result["missing"].items()]
    for name, facts in result["peers"].items():
        kept = ", ".join(str(facts[key]) for key in ("version", "precision") if facts.get(key))
        reused = f", {facts['reused']:.0%} of the prompts' tokens were known" if "reused" in facts else ""
        told.append(f"{name}: {facts['now_mib']:,} MiB, at most {facts['peak_mib']:,}{kept and ', ' + kept}{reused}")
    asked, memory = result["questions"], result["roof"]["bytes_a_second"] / 1e9
    told.append(
        f"{asked['asked']} questions, prompts of {asked['prompt_tokens']:g} tokens, answers of {asked['new_tokens']:g}"
        f" (the same number for all); the memory gives {memory:.1f} GB/s"
    )
    told += [
        "prompt, decode, in all: tokens a second of reading, of writing for one customer, of all with their prompts;",
        "of roof: decode beside reading the weights once a token; times ours: of n pairs, with 95 % intervals,",
        "the last of them of the seconds that each token after the first takes",
    ]
    if asked["again"]:
        told.append("There were fewer questions than that: some came twice, and an engine may have remembered them.")
    return told


def picture(result: Mapping[str, Any]) -> str:
    """An SVG: a panel for each number of streams, a bar for each peer's whole answer, each panel by its own scale."""
    rows = result["rows"]
    streams = list(dict.fromkeys(row["streams"] for row in rows))
    names = list(dict.fromkeys(row["peer"] for row in rows))
    width, height = LEFT + len(streams) * (PANEL + LABEL + 10), 40 + len(names) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="12"><title>Seconds to the end of an answer (median)</title>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    parts += [_text(LEFT - 8, _top(place) + 13, name, "end") for place, name in enumerate(names)]
    for panel, count in enumerate(streams):
        left = LEFT + panel * (PANEL + LABEL + 10)
        parts.append(_text(left, 20, f"{count} at once" if count > 1 else "one customer", "start"))
        parts += _bars([row for row in rows if row["streams"] == count], names, left)
    return "\n".join([*parts, "</svg>\n"])


def _bars(rows: Sequence[Mapping[str, Any]], names: Sequence[str], left: int) -> list[str]:
    longest = max(row["whole_p50"] for row in rows)
    parts = []
    for row in rows:
        top, wide = _top(names.index(row["peer"])), max(1.0, PANEL * row["whole_p50"] / longest)
        colour = COLOURS.get(row["peer"], OTHER)
        parts.append(f'<rect x="{left}" y="{top}" width="{wide:.1f}" height="{BAR}" fill="{colour}"/>')
        parts.append(_text(left + wide + 5, top + 13, f"{row['whole_p50']:.1f} s", "start"))
    return parts


def _top(place: int) -> int:
    return 32 + place * (BAR + GAP)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="#1e293b">{escape(text)}</text>'


def _times(ratio: Mapping[str, Any] | None) -> str:
    return f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}] n={ratio['pairs']}" if ratio else ""


def _number(value: float | None, width: int, digits: int = 0) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"
