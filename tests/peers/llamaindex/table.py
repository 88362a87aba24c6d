"""Writes what the kit found into the comparison: `python table.py RESULTS.xml docs/comparison.md`.

1. pytest's report (JUnit XML) says which tests of the kit passed for which LLM.
2. The part of the document between the two marks is replaced; the rest is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

from llamaindex_do.testing import LLMConformance, catalogue
from tools.fill_in import put

BEGIN, END = "<!-- LlamaIndex, written by scripts/peers-llamaindex -->", "<!-- end of LlamaIndex -->"
COLUMNS = {
    "TestDigitalOcean": ("`llamaindex_do`", "inference-do"),
    "TestOpenAILike": ("`OpenAILike`", "llama-index-llms-openai-like"),
    "TestGradientAI": ("`GradientAI`", "llama-index-llms-digitalocean-gradientai"),
}


def passes(report: Path) -> dict[str, set[str]]:
    """Return the names of the tests that passed, by class."""
    passed: dict[str, set[str]] = {name: set() for name in COLUMNS}
    for case in ET.parse(report).iter("testcase"):
        column = case.get("classname", "").rpartition(".")[2]
        if column in passed and not {"failure", "error", "skipped"} & {part.tag for part in case}:
            passed[column].add(case.get("name", ""))
    return passed


def rows(passed: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield the cells of each line of the table, under its head."""
    tests = catalogue(LLMConformance)
    yield [f"**kept, of {len(tests)}**", *(f"**{len(passed[column] & tests.keys())}**" for column in COLUMNS)]
    group = ""
    for name, test in tests.items():
        if (part := test.__module__.rpartition("._")[2]) != group:
            group = part
            yield [f"*{group}*", *("" for _ in COLUMNS)]
        title = name.removeprefix("test_").replace("_", " ")
        yield [title, *("yes" if name in passed[column] else "no" for column in COLUMNS)]


def main() -> None:
    """Write the document."""
    from llamaindex_wire_peers import WIRE_PEERS
    from wire_table import wire_table

    report, document = map(Path, sys.argv[1:])
    names = [f"{name} {version(package)}" for name, package in COLUMNS.values()]
    packages = (*(peer.package for peer in WIRE_PEERS), "openai", "anthropic")
    part = [
        f"llama-index-core {version('llama-index-core')}, Python {sys.version.split()[0]}.",
        "",
        f"| promise | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *(f"| {' | '.join(cells)} |" for cells in rows(passes(report))),
        "",
        "### The other APIs, LlamaIndex",
        "",
        f"Versions: {', '.join(f'{name} {version(name)}' for name in packages)}.",
        "",
        *wire_table(report, Path(__file__).with_name("test_wires.py"), WIRE_PEERS),
    ]
    put(document, BEGIN, END, "\n".join([*part, ""]))


if __name__ == "__main__":
    main()
