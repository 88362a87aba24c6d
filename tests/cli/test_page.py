"""The console blocks of the command line's page run in bash, against an emulator, and print what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from cli_kit import ROOT, environment

PAGE = ROOT / "docs" / "command-line.md"
NOT_RUN = ("pip install", "export", "inference-do --install-completion")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return each command of the page, and what it prints, on standard output and error together."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    parts = [part.split("\n", 1) for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [(command, shown) for command, shown in parts if not command.startswith(NOT_RUN)]


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="no bash")  # noqa: PTH110
def test_the_commands_of_the_page_print_what_it_shows(emu, tmp_path):
    program = tmp_path / "inference-do"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m inference_do.cli "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.path.dirname(sys.executable)}:/usr/bin:/bin"  # noqa: PTH120
    ran = commands()
    assert len(ran) == 11
    for command, shown in ran:
        done = subprocess.run(
            ["bash", "--norc", "-c", command],
            env=environment(emu, PATH=path, COLUMNS="200"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=150,
            check=False,
        )
        printed = "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
        wanted = ".*".join(map(re.escape, shown.split("...")))
        assert re.fullmatch(wanted, printed, re.DOTALL), f"{command}\nprints\n{printed}\nand not\n{shown}"
