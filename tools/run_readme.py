"""Run the Python blocks of Markdown files against the embedded emulator, each in a namespace of its own.

A block after the comment `<!-- not run -->` is left out. Blocks run in a directory that has the files of `FILES`.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.emulator import Emulator

BLOCK = re.compile(r"(?P<skip><!-- not run -->\n)?^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

FILES = {
    "photo.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "report.pdf": b"%PDF-1.7\n%%EOF\n",
    "question.wav": b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00",
    "notes.md": b"# Notes\n\nA droplet is a virtual machine.\n",
}
"""Files that pages speak of: only their beginnings, which say what they are."""


def main() -> None:
    """Run the blocks of the files that are named."""
    texts = {name: Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]}
    with TemporaryDirectory() as directory, chdir(directory):
        for name, content in FILES.items():
            Path(name).write_bytes(content)
        run(texts)


def run(texts: dict[str, str]) -> None:
    """Run the blocks of texts, given by their names."""
    for name, text in texts.items():
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
