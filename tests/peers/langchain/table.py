"""Writes what the tests beside it found into the comparison: `python table.py RESULTS.xml docs/comparison.md`.

1. pytest's report (JUnit XML) says which tests failed for which class.
2. The part of the document between the two marks is replaced; the rest is written by hand.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

from tools.fill_in import put

HERE = Path(__file__).parent
BEGIN, END = "<!-- LangChain, written by scripts/peers -->", "<!-- end of LangChain -->"
METHODS = {"function_calling": "function calling", "json_schema": "JSON Schema", "json_mode": "JSON mode"}


def results(report: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield each test's module and class, its name, and whether it passed; a skipped test did not."""
    for case in ET.parse(report).iter("testcase"):
        home = case.get("classname", "").rpartition("langchain.")[2]
        yield home, case.get("name", ""), not {"failure", "error", "skipped"} & {part.tag for part in case}


def standard(report: Path, names: list[str]) -> Iterator[str]:
    """Yield the table of the standard tests, and the names of those that failed."""
    found: dict[tuple[str, str], list[tuple[str, bool]]] = defaultdict(list)
    for home, test, passed in results(report):
        if home.startswith("test_standard.Test_"):
            name, _, method = home.partition("Test_")[2].partition("_")
            found[name, method].append((test, passed))
    yield from head("structured output by", names)
    for method, title in METHODS.items():
        counts = (found[name, method] for name in names)
        yield row(title, (f"{sum(passed for _, passed in tests)} of {len(tests)}" for tests in counts))
    yield ""
    yield "What failed with function calling:"
    yield ""
    for name in names:
        failed = sorted({test for test, passed in found[name, "function_calling"] if not passed})
        yield f"* {name}: {', '.join(f'`{test}`' for test in failed) or 'nothing'}."


def behaviour(report: Path, names: list[str]) -> Iterator[str]:
    """Yield the table of behaviours, titled by the tests' docstrings."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for home, test, passed in results(report):
        if home == "test_behaviour":
            title, _, name = test.rstrip("]").partition("[")
            found[title][name] = passed
    yield from head("", names)
    for node in ast.parse((HERE / "test_behaviour.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name in found:
            title = (ast.get_docstring(node) or node.name).partition("\n")[0]
            yield row(title, ("yes" if found[node.name][name] else "no" for name in names))


def head(title: str, names: list[str]) -> Iterator[str]:
    """Yield the first two lines of a table."""
    yield row(title, names)
    yield "|---" * (len(names) + 1) + "|"


def row(title: str, cells: Iterator[str] | list[str]) -> str:
    """Return a line of a table."""
    return f"| {title} | {' | '.join(cells)} |"


def main() -> None:
    """Write the document."""
    from langchain_peers import PEERS
    from langchain_wire_peers import WIRE_PEERS
    from wire_table import wire_table

    report, document = map(Path, sys.argv[1:])
    names = [peer.name for peer in PEERS]
    packages = dict.fromkeys(peer.package for peer in (*PEERS, *WIRE_PEERS))
    peers = ", ".join(f"{package} {version(package)}" for package in (*packages, "openai", "anthropic"))
    part = [
        f"Versions: {peers}; langchain-core {version('langchain-core')}, langchain-tests {version('langchain-tests')}.",
        "",
        "### LangChain's standard integration tests, every capability on",
        "",
        *standard(report, names),
        "",
        "### What users miss",
        "",
        *behaviour(report, names),
        "",
        "### The other APIs, LangChain",
        "",
        *wire_table(report, HERE / "test_wires.py", WIRE_PEERS),
    ]
    put(document, BEGIN, END, "\n".join([*part, ""]))


if __name__ == "__main__":
    main()
