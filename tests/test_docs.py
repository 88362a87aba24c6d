"""The Python of the documentation runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAGES: dict[str, tuple[int, tuple[str, ...]]] = {
    # a page, how many blocks it has, and what some of them print
    "batches": (5, ("city=",)),
    "clusters": (1, ("You said: Hello",)),
    "emulator": (3, ()),
    "jobs": (2, ("\n200 0 0.00", "You said: row 99")),
    "observability": (3, ("gen_ai.operation.name", '"digitalocean"')),
    "platform": (5, ("length '' 5", "qwen3-coder-flash code-generation")),
    "reliability": (4, ("\n20\n",)),
    "serving": (2, ("APIConnectionError", 'data: "You said"')),
}


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page):
    blocks, printed = PAGES[page]
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", f"docs/{page}.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"docs/{page}.md: {blocks} blocks ran" in done.stdout
    assert [text for text in printed if text not in done.stdout] == []
