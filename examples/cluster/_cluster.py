"""Where the examples of this folder run: on DigitalOcean if the environment has a key, else on the embedded emulator.

Workers get key and address by their environment, and by nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.emulator import Emulator, RateLimit


@contextmanager
def place() -> Iterator[tuple[Path, Path]]:
    """Give a JSONL file of reviews and a folder for the output, the arguments of the command if there are any."""
    given = [Path(argument).absolute() for argument in sys.argv[1:3]]
    rows, output = given or (_example_rows(), Path(mkdtemp()) / "output")
    if any(os.environ.get(name) for name in KEY_VARIABLES):
        yield rows, output
        return
    with Emulator(rate_limit=RateLimit(requests=50, seconds=1)) as emulator:
        print("[No key is set: the embedded emulator answers, 50 requests a second]")
        os.environ[KEY_VARIABLES[0]], os.environ[BASE_URL_VARIABLE] = emulator.api_key, emulator.base_url
        yield rows, output


def _example_rows() -> Path:
    path = Path(mkdtemp()) / "reviews.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": f"Review {n}"}) + "\n" for n in range(200)))
    return path
