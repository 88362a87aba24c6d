"""The benchmark's command line: `scripts/benchmark`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

from . import counting, report
from .environments import HOME, ROOT
from .parts import PARTS
from .rounds import Result, run, server
from .subjects import ENTRIES, SUBJECTS

RESULTS = HOME / "results.json"
PAGES = report.Pages(
    overview=ROOT / "docs" / "performance.md",
    details=ROOT / "docs" / "performance-details.md",
    plot=ROOT / "docs" / "performance.svg",
    readme=ROOT / "README.md",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark",
        description="Measures the project beside the alternatives and the frameworks alone. Results are kept and added "
        "to: a part or a subject that is measured again replaces what was there.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all by default: {', '.join(PARTS)}")
    parser.add_argument("--subjects", metavar="NAMES", help=f"comma-separated: {', '.join(SUBJECTS)}")
    parser.add_argument(
        "--only", choices=("ours", "alternative", "baseline"), action="append", help="a kind of subject"
    )
    parser.add_argument("--environment", choices=("client", "langchain", "llamaindex"), action="append")
    parser.add_argument("--rounds", type=int, help="in place of each part's own number")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="default: %(default)s")
    parser.add_argument(
        "--write", action="store_true", help="write the results into docs/performance*.md and the README"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing, report what is kept")
    chosen = parser.parse_args()
    for unknown in set(chosen.parts) - set(PARTS):
        parser.error(f"there is no part {unknown!r}")
    for unknown in set((chosen.subjects or "").split(",")) - set(SUBJECTS) - {""}:
        parser.error(f"there is no subject {unknown!r}")
    return chosen


def _names(chosen: argparse.Namespace, part: str) -> list[str]:
    named = set((chosen.subjects or "").split(",")) - {""}
    return [
        entry.name
        for entry in ENTRIES
        if part in (entry.parts or PARTS)
        and (not named or entry.name in named)
        and (not chosen.only or entry.kind in chosen.only)
        and (not chosen.environment or entry.environment in chosen.environment)
    ]


def _read(path: Path) -> list[Result]:
    kept = json.loads(path.read_text())["results"] if path.exists() else []
    return [Result(**item) for item in kept]


def _keep(path: Path, results: list[Result]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"python": platform.python_version(), "machine": platform.machine(), "when": time.strftime("%Y-%m-%d")}
    kept = json.dumps({**about, "results": [asdict(result) for result in results]}, indent=1)
    path.with_suffix(".new").write_text(kept + "\n")
    path.with_suffix(".new").replace(path)


def _measure(chosen: argparse.Namespace) -> None:
    with server() as ports:
        for part in [PARTS[name] for name in chosen.parts or PARTS]:
            if part.is_counted and (missing := counting.missing()):
                print(f"{part.name}: left out, {missing}", file=sys.stderr)
                continue
            if not (names := _names(chosen, part.name)):
                continue
            results = [kept for kept in _read(chosen.results) if kept.part != part.name or kept.subject not in names]
            for result in run(part, names, chosen.rounds or part.rounds, ports):
                print(f"{part.name} #{result.round + 1} {result.subject}: {report.line(result)}", flush=True)
                results.append(result)
                _keep(chosen.results, results)


def main() -> None:
    chosen = _arguments()
    if not chosen.report:
        _measure(chosen)
    results = _read(chosen.results)
    if chosen.write:
        report.write(results, PAGES)
    else:
        print(report.page(results))


if __name__ == "__main__":
    main()
