"""Build the documentation into site/, with warnings as errors; its notebooks talk to the embedded emulator."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sphinx.cmd.build import main as build

from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.emulator import Emulator

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Build it; return Sphinx's exit code."""
    with Emulator() as emulator:
        os.environ[KEY_VARIABLES[0]] = emulator.api_key
        os.environ[BASE_URL_VARIABLE] = emulator.base_url
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the notebooks' kernel would warn
        arguments = ["-W", "--keep-going", "--quiet", "-b", "html", "-d", ".docs-cache", "docs", "site"]
        return build(arguments)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
