"""The Python of docs/testing.md runs, in files of the names that it gives them.

It uses langchain_do and llamaindex_do.
"""

from __future__ import annotations

import re
from pathlib import Path

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCK = re.compile(r"^```python\n# (?P<name>\w+)\.py\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_page_run(run, pytester):
    blocks = {block["name"]: block["code"] for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}
    assert len(blocks) == 5
    for name, code in blocks.items():
        (pytester.path / f"{name}.py").write_text(code, encoding="utf-8")
    test = blocks["test_app"]
    assert len([line for line in test.splitlines() if line]) <= 10
    run(test, "test_app.py", "test_replies.py", "test_sent.py", own_process=True).assert_outcomes(passed=4)
