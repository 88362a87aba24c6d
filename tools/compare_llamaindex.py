"""Write the results of the LlamaIndex conformance kit over several LLMs as a table: `RESULTS.xml TABLE.md`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

from llamaindex_do.testing import LLMConformance, catalogue

COLUMNS = {
    "TestDigitalOcean": ("`llamaindex_do`", "inference-do"),
    "TestOpenAILike": ("`OpenAILike`", "llama-index-llms-openai-like"),
    "TestGradientAI": ("`GradientAI`", "llama-index-llms-digitalocean-gradientai"),
}
HEAD = """\
# LlamaIndex: the same promises, three LLMs

Each row is one test of `llamaindex_do.testing`, the conformance kit, run with every flag on against the embedded
emulator by `scripts/peers-llamaindex`, which writes this file. "yes" is a pass. The others are made as their documents
say, with the model's context window and the flags for chat and function calling given to them; retries are off where a
package has a setting for them. A "no" is no verdict on a package: some rows are about what it never said it does.
llama-index-core {core}, Python {python}.

Some causes have many rows. `GradientAI`'s asynchronous streams are not the coroutines that LlamaIndex awaits, so it
has a "no" wherever one is used, which agents do by default; its streams hand over text alone. `OpenAILike` shares one
client among event loops, and puts streamed tool calls together by position.

"""


def main(results: Path, table: Path) -> None:
    """Read pytest's XML and write the table."""
    passed: dict[str, set[str]] = {name: set() for name in COLUMNS}
    for case in ET.parse(results).iter("testcase"):  # noqa: S314  pytest's own file
        failed = any(child.tag in {"failure", "error"} for child in case)
        owner = case.get("classname", "").rpartition(".")[2]
        if not failed:
            passed[owner].add(case.get("name", ""))
    lines = [HEAD.format(core=version("llama-index-core"), python=sys.version.split()[0])]
    names = [f"{name} {version(package)}" for name, package in COLUMNS.values()]
    tests = catalogue(LLMConformance)
    lines += [f"| promise | {' | '.join(names)} |\n", f"|---|{'---|' * len(names)}\n"]
    counts = [f"**{len(passed[column] & tests.keys())}**" for column in COLUMNS]
    lines.append(f"| **kept, of {len(tests)}** | {' | '.join(counts)} |\n")
    group = ""
    for name, test in tests.items():
        if (part := test.__module__.rpartition("._")[2]) != group:
            group = part
            lines.append(f"| *{group}* | {' | ' * (len(names) - 1)}|\n")
        told = ["yes" if name in passed[column] else "no" for column in COLUMNS]
        lines.append(f"| {name.removeprefix('test_').replace('_', ' ')} | {' | '.join(told)} |\n")
    table.parent.mkdir(exist_ok=True)
    table.write_text("".join(lines), encoding="utf-8")
    print("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
