"""The results between the marks of pages, and as a plot.

`docs/performance.md` and the README have a few figures, `docs/performance-details.md` has all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.fill_in import put

from . import plot
from .bars import BARS, Bar, K, M
from .parts import PARTS
from .rounds import Result
from .series import Results, Series, middle, ratio, shortened
from .subjects import BASELINES, ENTRIES, SUBJECTS, Entry

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
OURS = {entry.environment: entry.name for entry in reversed(ENTRIES) if entry.kind == "ours"}
SCALES = {"M": M, "k": K}

SHARED = ("call", "acall", "delta", "adelta", "fragment")

COMPARED = (
    "ChatDigitalOcean",
    "ChatOpenAI",
    "ChatGradient",
    "LangChain itself",
    "DigitalOcean",
    "OpenAILike",
    "GradientAI",
    "LlamaIndex itself",
)
"""Who stands in the overview: for each framework ours, OpenAI's package, DigitalOcean's own, the framework alone."""

FIGURES = (
    ("a call, M instructions", "instructions", "call", "M"),
    ("a streamed delta, k instructions", "instructions", "delta", "k"),
    ("a fragment of a tool call, k", "instructions", "fragment", "k"),
    ("import to first answer, CPU ms", "cold", "cpu_ms", ""),
    ("connections of 100 streams", "connections", "streams", ""),
    ("calls a second of 64 threads", "threads", "calls_per_s", ""),
)

COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    "instructions": {
        "call": ("call, M", "M"),
        "acall": ("async call, M", "M"),
        "stream_start": ("stream's start, M", "M"),
        "astream_start": ("async stream's start, M", "M"),
        "delta": ("delta, k", "k"),
        "adelta": ("async delta, k", "k"),
        "fragment": ("tool-call fragment, k", "k"),
    },
    "apis": {
        "chat_completions": ("/chat/completions, k", "k"),
        "responses": ("/responses, k", "k"),
        "messages": ("/messages, k", "k"),
    },
    "cold": {
        "cpu_ms": ("CPU, ms", ""),
        "import_cpu_ms": ("import", ""),
        "build_cpu_ms": ("build", ""),
        "call_cpu_ms": ("first call", ""),
        "wall_ms": ("wall, ms", ""),
        "mib": ("memory, MiB", ""),
        "modules": ("modules", ""),
    },
    "import": {"wall_ms": ("wall, ms", ""), "cpu_ms": ("CPU, ms", ""), "modules": ("modules", "")},
    "build": {
        "next_cpu_ms": ("each next, CPU ms", ""),
        "first_cpu_ms": ("the first", ""),
        "tls_contexts_of_5": ("TLS contexts of 5 objects", ""),
    },
    "calls": {
        "cpu_us": ("CPU, µs", ""),
        "p50_us": ("wall p50, µs", ""),
        "p99_us": ("p99, µs", ""),
        "async_cpu_us": ("async: CPU, µs", ""),
        "async_p50_us": ("p50, µs", ""),
        "async_p99_us": ("p99, µs", ""),
        "big_cpu_us": ("200 KB response: CPU, µs", ""),
        "server_busy": ("server's share of a core", ""),
    },
    "stream": {
        "cpu_us": ("CPU per delta, µs", ""),
        "async_cpu_us": ("async, µs", ""),
        "server_busy": ("server's share of a core", ""),
    },
    "growth": {
        "us_1000": ("1,000 deltas: µs each", ""),
        "us_10000": ("10,000", ""),
        "us_50000": ("50,000", ""),
        "mib_1000": ("1,000: MiB", ""),
        "mib_10000": ("10,000", ""),
        "mib_50000": ("50,000", ""),
    },
    "tools": {"us_500": ("500 fragments: µs each", ""), "us_2000": ("2,000: µs each", "")},
    "embeddings": {
        "cpu_ms": ("in one request: CPU, ms", ""),
        "async_cpu_ms": ("async, ms", ""),
        "default_cpu_ms": ("in requests of its own size, ms", ""),
    },
    "connections": {
        "calls": ("100 calls", ""),
        "streams": ("100 streams", ""),
        "async_calls": ("100 async calls", ""),
        "async_streams": ("100 async streams", ""),
    },
    "idle": {
        "one_us": ("one: CPU, µs", ""),
        "many_us": ("many: CPU, µs", ""),
        "pooled": ("left open of 300", ""),
        "async_one_us": ("async: one, µs", ""),
        "async_many_us": ("many, µs", ""),
        "async_pooled": ("left open of 300", ""),
    },
    "threads": {"cpu_us": ("CPU per call, µs", ""), "calls_per_s": ("calls/s", ""), "connections": ("connections", "")},
    "leaks": {
        "bytes_per_call": ("bytes left per call and stream", ""),
        "calls": ("of so many", ""),
        "descriptors": ("descriptors left", ""),
        "objects_mib": ("dropped objects: MiB left", ""),
        "objects": ("of so many", ""),
        "objects_descriptors": ("descriptors, at most", ""),
        "objects_descriptors_after_gc": ("after a collection", ""),
    },
}
_PACED = {
    "cpu_s": ("CPU, s", ""),
    "finished": ("finished", ""),
    "x_ideal": ("time / ideal", ""),
    "cpu_us": ("CPU per delta, µs", ""),
    "p50_ms": ("delay p50, ms", ""),
    "p99_ms": ("p99, ms", ""),
    "mib": ("memory, MiB", ""),
    "connections": ("connections", ""),
    "server_busy": ("server's share of a core", ""),
}
COLUMNS["paced-200"] = COLUMNS["paced-1000"] = _PACED


def line(result: Result) -> str:
    """Return a result in one line, for whoever waits."""
    parts = (
        f"{name} {shortened(value)}" if isinstance(value, float) else f"{name} {value}"
        for name, value in result.values.items()
    )
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Pages:
    """What the results are written into."""

    overview: Path
    details: Path
    plot: Path
    readme: Path
    """Left as it is where it has no marks."""


def write(results: Iterable[Result], pages: Pages) -> None:
    """Put the tables between the marks of the pages, and draw the plot."""
    kept = list(results)
    put(pages.overview, BEGIN, END, overview(kept))
    put(pages.details, BEGIN, END, page(kept))
    if BEGIN in pages.readme.read_text(encoding="utf-8"):
        put(pages.readme, BEGIN, END, overview(kept))
    pages.plot.write_text(plot.drawn(Results(kept)))


def overview(kept: Iterable[Result]) -> str:
    """Return a few figures of each framework's models, as Markdown: a row for each model."""
    results = Results(kept)
    rows = []
    for name in COMPARED:
        found = [(middle(results.series(part, name, metric)), unit) for _, part, metric, unit in FIGURES]
        if any(value is not None for value, _ in found):
            shown = f"**{name}**" if SUBJECTS[name].kind == "ours" else name
            rows.append([shown, *("-" if value is None else _number(value, unit) for value, unit in found)])
    return _table(["", *(title for title, *_ in FIGURES)], rows)


def page(kept: Iterable[Result]) -> str:
    """Return everything that was measured, as Markdown."""
    results = Results(kept)
    tables = [_bars(results), _shares(results), *(_part(results, name) for name in PARTS if results.has(name))]
    return "\n".join(tables)


def _bars(results: Results) -> str:
    rows = []
    for bar in BARS:
        met = bar.is_met(results)
        if met is None:
            continue
        rows.append(
            [
                bar.what,
                _limit(bar),
                _shown(bar.series(results), bar.unit),
                "yes" if met else "**no**",
                _beside(bar, results),
            ]
        )
    return "### Goals\n\n" + _table(["what", "goal", "measured", "met", "for comparison"], rows)


def _shares(results: Results) -> str:
    """Return whose instructions they are: what is neither the framework's nor the client's is the adapter's."""
    rows = []
    for environment in ("langchain", "llamaindex"):
        names = ours, _, _ = OURS[environment], BASELINES[environment], OURS["client"]
        for metric in SHARED:
            title, unit = COLUMNS["instructions"][metric]
            parts = [middle(results.series("instructions", name, metric)) for name in names]
            whole, framework, client = parts
            if whole is not None and framework is not None and client is not None:
                shares = (framework, client, whole - framework - client)
                parts = [f"{_scaled(share, unit)} ({share / whole:.0%})" for share in shares]
                rows.append([f"{ours}: {title.partition(',')[0]}", _scaled(whole, unit), *parts])
    if not rows:
        return ""
    heads = ["instructions", "in all", "the framework itself", "the client", "the adapter"]
    return "### Whose cost it is\n\n" + _table(heads, rows)


def _limit(bar: Bar) -> str:
    sign, limit = ("≤", bar.most) if bar.most is not None else ("≥", bar.least)
    assert limit is not None
    return f"{sign} {_scaled(limit, bar.unit)}"


def _beside(bar: Bar, results: Results) -> str:
    parts = ((name, middle(bar.series(results, name))) for name in bar.beside if name != bar.per)
    return ", ".join(f"{name} {_scaled(value, bar.unit)}" for name, value in parts if value is not None)


def _part(results: Results, part: str) -> str:
    columns = COLUMNS[part]
    entries = [entry for entry in ENTRIES if results.has(part, entry.name)]
    rows = [row for entry in entries if (row := _row(results, part, entry, columns))]
    troubles = [f"* {entry.name}: {trouble}" for entry in entries for trouble in results.troubles(part, entry.name)]
    heads = ["", *(title for title, _ in columns.values()), "x ours"]
    notes = "\n".join(["What went wrong:", "", *troubles, ""]) if troubles else ""
    return f"### {PARTS[part].title}\n\n{_table(heads, rows)}{notes}"


def _row(results: Results, part: str, entry: Entry, columns: dict[str, tuple[str, str]]) -> list[str]:
    found = {metric: results.series(part, entry.name, metric) for metric in columns}
    if not any(found.values()):
        return []
    main = next(metric for metric in columns if found[metric])
    ours = results.series(part, OURS[entry.environment], main)
    name = f"**{entry.name}**" if entry.kind == "ours" else entry.name
    cells = [_shown(found[metric], unit) for metric, (_, unit) in columns.items()]
    return [
        name,
        *(cell.removesuffix(f" {unit}") for cell, (_, unit) in zip(cells, columns.values(), strict=True)),
        _shown(ratio(found[main], ours), "x", is_plain=True),
    ]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + "\n"


def _shown(series: Series, unit: str, *, is_plain: bool = False) -> str:
    """Return the median, with the lowest and the highest where there were several."""
    value = middle(series)
    if value is None:
        return "-"
    text = _scaled(value, unit)
    lowest, highest = (shortened(end / SCALES.get(unit, 1)) for end in (min(series.values()), max(series.values())))
    return text if is_plain or lowest == highest else f"{text} ({lowest} to {highest})"


def _scaled(value: float, unit: str) -> str:
    return f"{_number(value, unit)} {unit}".strip()


def _number(value: float, unit: str) -> str:
    return shortened(value / SCALES.get(unit, 1))
