"""The Python of the documentation runs."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import inference_do.errors
import langchain_do

ROOT = Path(__file__).parent.parent

PAGES: dict[str, tuple[int, tuple[str, ...]]] = {
    # a page, how many blocks it has, and what some of them print
    "batches": (6, ("city=",)),
    "clusters": (1, ("You said: Hello",)),
    "configuration": (2, ()),
    "costs": (4, ()),
    "embeddings": (10, ("2 1024", "The shops open at nine.")),
    "emulator": (4, ()),
    "endpoints": (10, ("32768 False",)),
    "errors": (11, ("no such model: 404 Not Found", "cut after: 'A droplet is'")),
    "get-started": (10, ("A droplet is a virtual machine.",)),
    "index": (3, ("You said: What is a droplet? 19",)),
    "jobs": (3, ("\n200 0 0.00", "20 You said", "You said: row 99")),
    "limits": (4, ("retry: 0.01 s, after 503\nrate_limit: ", "119 requests left", "- cancelled")),
    "llamaindex-testing": (3, ("test_a_function_agent",)),
    "messages": (15, ("You sent an image and an image.", "You sent a file.")),
    "migration": (3, ("You said: Say hello",)),
    "models": (6, ("['anthropic-claude-4.6-sonnet']", "responses\nmessages")),
    "observability": (3, ("gen_ai.operation.name", '"digitalocean"')),
    "prompt-caching": (7, ("'cache_read': 4001", "$0.0525 without, $0.0120 with")),
    "reasoning": (7, ("length ''\nEmptyAnswerWarning", "thinks: The last")),
    "reliability": (1, ()),
    "security": (2, ()),
    "serving": (3, ("APIConnectionError", 'data: "You said"', "event: end")),
    "streaming": (15, ("StreamInterrupted after 'You said: What is a'",)),
    "structured-output": (9, ("[Order(number=4711, quantity=3)]", "was cut off by the token limit")),
    "tools": (
        15,
        ("The tool failed: no station in Lisbon", "The answer is: Sunny in Lisbon.", "[]\nits arguments were cut off"),
    ),
}

SHOWN = re.compile(r"```python\n(?P<code>(?:(?!```).)*)```\n(?::{3,}\n)*\n```text\n(?P<text>.*?)```\n", re.DOTALL)
"""A block of Python and, right behind it or behind its tabs, what it prints; `…` stands for any text."""


def not_printed(page: str, output: str) -> list[str]:
    """Return what a page shows as the output of a block, and the block did not print; white space does not count.

    Args:
        page: The page's text.
        output: What `tools/run_readme.py` wrote of it.
    """
    _, *parts = re.split(r"^-- docs/\S+:(\d+)\n", output, flags=re.MULTILINE)
    printed = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    missing = []
    for block in SHOWN.finditer(page):
        line = page.count("\n", 0, block.start("code")) + 1
        pattern = ".*?".join(map(re.escape, re.sub(r"\s+", " ", block["text"].strip()).split("…")))
        if not re.search(pattern, re.sub(r"\s+", " ", printed[line])):
            missing.append(block["text"])
    return missing


@pytest.fixture(scope="module")
def outputs() -> dict[str, str]:
    """Run the blocks of all pages in one process, and return what it printed by pages, or why it stopped.

    The page that switches OpenTelemetry on comes last.
    """
    pages = sorted(PAGES, key="observability".__eq__)
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", *(f"docs/{page}.md" for page in pages)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    found = dict.fromkeys(PAGES, f"not run: {done.stderr[-2000:]}")
    starts = {
        match[1]: match.start() for match in reversed([*re.finditer(r"^-- docs/(\S+)\.md:", done.stdout, re.MULTILINE)])
    }
    for page, end in zip(starts, [None, *starts.values()], strict=False):
        found[page] = done.stdout[starts[page] : end] + ("" if end else done.stderr[-2000:] * bool(done.returncode))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page, outputs):
    blocks, printed = PAGES[page]
    assert f"docs/{page}.md: {blocks} blocks ran" in outputs[page]
    assert [text for text in printed if text not in outputs[page]] == []
    assert not_printed((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), outputs[page]) == []


def test_every_error_has_a_section():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    names = {*inference_do.errors.__all__, "EmptyAnswerWarning", "RefusalError"} - {"Phase", "InferenceError"}
    assert [name for name in names if f"### {name}\n" not in page] == []
    assert [name for name in langchain_do.__all__ if name.startswith("Stream") and f"`{name}`" not in page] == []


SITE = "https://inference-do.github.io/inference-do/"


def test_every_page_with_python_is_run():
    pages = {path.stem for path in (ROOT / "docs").glob("*.md") if "\n```python\n" in path.read_text(encoding="utf-8")}
    assert pages - {"testing", "performance-details"} == set(PAGES)  # testing's are files, which tests/testing runs


def test_the_readme_leads_to_pages_that_exist_and_has_no_relative_link():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(rf"{re.escape(SITE)}([\w-]+)\.html", text)
    assert named
    assert [page for page in named if not (ROOT / "docs" / f"{page}.md").is_file()] == []
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"^\[[\w-]+\]: (\S+)$", text, re.MULTILINE)
    assert [target for target in targets if not target.startswith("https://")] == []
    assert len(text.splitlines()) < 120


@pytest.mark.parametrize("package", ["inference_do", "langchain_do", "llamaindex_do", "inference_do.emulator"])
def test_every_public_name_is_in_the_reference(package):
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    described = set(re.findall(r"^\.\. auto\w+:: [\w.]+\.(\w+)$", text, re.MULTILINE))
    assert set(importlib.import_module(package).__all__) - described == set()
