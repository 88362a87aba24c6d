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
    "observability": (2, ()),
    "get-started": (10, ("A droplet is a virtual machine.",)),
    "messages": (15, ("You sent an image and an image.", "You sent a file.")),
    "models": (6, ("['anthropic-claude-4.6-sonnet']", "responses\nmessages")),
    "platform": (2, ("qwen3-coder-flash code-generation",)),
    "prompt-caching": (7, ("'cache_read': 4001", "$0.0525 without, $0.0120 with")),
    "reasoning": (7, ("length ''\nEmptyAnswerWarning", "thinks: The last")),
    "reliability": (4, ("\n20\n",)),
    "streaming": (15, ("StreamInterrupted after 'You said: What is a'",)),
    "structured-output": (9, ("[Order(number=4711, quantity=3)]", "was cut off by the token limit")),
    "tools": (13, ("The answer is: Sunny in Lisbon.", "[]\nits arguments were cut off")),
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
