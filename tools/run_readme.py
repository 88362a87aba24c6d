"""Run the Python blocks of Markdown files against the embedded emulator, each in a namespace of its own.

A block after the comment `<!-- not run -->` is left out.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.emulator import Emulator

BLOCK = re.compile(r"(?P<skip><!-- not run -->\n)?^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Run the blocks of the files that are named."""
    for name in sys.argv[1:]:
        text = Path(name).read_text(encoding="utf-8")
        ran = 0
        for block in BLOCK.finditer(text):
            if block["skip"]:
                continue
            line = text.count("\n", 0, block.start("code")) + 1
            with Emulator() as emulator:
                os.environ[KEY_VARIABLES[0]] = emulator.api_key
                os.environ[BASE_URL_VARIABLE] = emulator.base_url
                print(f"-- {name}:{line}", flush=True)
                code = "\n" * (line - 1) + block["code"]
                exec(compile(code, name, "exec"), {"__name__": "__main__"})  # noqa: S102  that is the purpose
            ran += 1
        if not ran:
            sys.exit(f"{name} has no Python block")
        print(f"{name}: {ran} blocks ran")


if __name__ == "__main__":
    main()
