"""The plot beside the tables: instructions of a call and of a streamed delta, on a logarithmic scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

from .bars import K, M
from .series import Results, middle, shortened
from .subjects import ENTRIES, Entry

COLOURS = {"ours": "#0069ff", "alternative": "#8c959f", "baseline": "#d4a72c"}
MEANING = {
    "ours": "this project",
    "alternative": "alternatives",
    "baseline": "baselines: the framework, or HTTP, alone",
}
TITLES = {"langchain": "LangChain", "llamaindex": "LlamaIndex", "client": "Bare client"}
LABEL, BAR, VALUE, GAP = 130, 250, 70, 10
ROW, HEAD, TOP = 20, 30, 58
WIDTH = 2 * (LABEL + BAR + VALUE) + 3 * GAP


@dataclass(frozen=True, slots=True)
class Panel:
    """One column of the plot: a metric, and the ends of its scale."""

    metric: str
    title: str
    unit: str
    scale: float
    lowest: float
    highest: float

    def length(self, value: float) -> float:
        """Return the length of a bar."""
        share = math.log(value / self.lowest) / math.log(self.highest / self.lowest)
        return BAR * min(1.0, max(0.01, share))


PANELS = (
    Panel("call", "a call, million instructions", "M", M, 1e5, 3e8),
    Panel("delta", "a streamed delta, thousand instructions", "k", K, 1e4, 5e6),
)


def drawn(results: Results) -> str:
    """Return the plot as SVG."""
    parts = [_legend(), *(_title(number, panel) for number, panel in enumerate(PANELS))]
    y = TOP
    for environment, title in TITLES.items():
        entries = [entry for entry in ENTRIES if entry.environment == environment]
        shown = [entry for entry in entries if results.series("instructions", entry.name, "call")]
        if not shown:
            continue
        parts.append(_text(GAP, y + ROW - 6, title, weight="bold"))
        y += ROW
        for entry in sorted(shown, key=lambda entry: middle(results.series("instructions", entry.name, "call")) or 0):
            for number, panel in enumerate(PANELS):
                value = middle(results.series("instructions", entry.name, panel.metric))
                parts.append(_bar(panel, entry, value, x=_left(number), y=y))
            y += ROW
        y += ROW // 2
    return _framed(parts, y)


def _framed(parts: list[str], height: int) -> str:
    box, font = f'viewBox="0 0 {WIDTH} {height}"', 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font}>'
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""])


def _legend() -> str:
    parts, x = [], GAP
    for kind, colour in COLOURS.items():
        parts += [f'<rect x="{x}" y="10" width="12" height="12" fill="{colour}"/>', _text(x + 17, 20, MEANING[kind])]
        x += 40 + 6 * len(MEANING[kind])
    return "\n".join(parts)


def _left(number: int) -> int:
    return GAP + number * (LABEL + BAR + VALUE + GAP)


def _title(number: int, panel: Panel) -> str:
    return _text(_left(number) + LABEL, HEAD + 16, f"{panel.title} (log)", weight="bold")


def _bar(panel: Panel, entry: Entry, value: float | None, *, x: int, y: int) -> str:
    parts = [_text(x + LABEL - 6, y + 14, entry.name, anchor="end")]
    if value is None:
        return parts[0] + _text(x + LABEL + 4, y + 14, "-")
    length = panel.length(value)
    parts += [
        f'<rect x="{x + LABEL}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" fill="{COLOURS[entry.kind]}"/>',
        _text(x + LABEL + length + 5, y + 14, f"{shortened(value / panel.scale)} {panel.unit}"),
    ]
    return "\n".join(parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="#24292f"'
    return f'<text x="{x:.1f}" y="{y}" {style}>{escape(text)}</text>'
