"""The table of the APIs beside chat completions, from pytest's report of a `test_wires.py`."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from wire_peers import RefusedError, WirePeer


def wire_table(report: Path, tests: Path, peers: Sequence[WirePeer]) -> Iterator[str]:
    """Yield the lines of the table: how each run ended, titled by the first line of its test's docstring.

    Args:
        report: pytest's report, JUnit XML.
        tests: The file of the tests, in whose order the rows are.
        peers: The columns.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for case in ET.parse(report).iter("testcase"):
        if case.get("classname", "").rpartition(".")[2] == tests.stem:
            test, _, name = case.get("name", "").rstrip("]").partition("[")
            found[test][name] = _ending(case)
    yield f"|  | {' | '.join(f'{peer.name} {peer.note}'.strip() for peer in peers)} |"
    yield "|---" * (len(peers) + 1) + "|"
    for node in ast.parse(tests.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name in found:
            title = (ast.get_docstring(node) or node.name).partition("\n")[0]
            yield f"| {title} | {' | '.join(found[node.name][peer.name] for peer in peers)} |"


def _ending(case: ET.Element) -> str:
    for part in case:
        if part.tag in {"failure", "error", "skipped"}:
            is_refused = RefusedError.__name__ in part.get("message", "").partition(":")[0]
            return "refused" if is_refused else "wrong or lost"
    return "right"
