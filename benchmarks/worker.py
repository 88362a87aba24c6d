"""One measurement in a fresh process: `python -m benchmarks.worker PART SUBJECT PORT CONTROL`; prints JSON."""

from __future__ import annotations

import gc
import json
import sys
import warnings

from . import parts
from .subjects import load


def main(part: str, name: str, port: str, control: str) -> None:
    warnings.simplefilter("ignore")  # the alternatives' own
    subject = load(name, int(port))
    measured = parts.load(part)(subject, int(control))
    sys.stdout.flush()
    print("\n" + json.dumps(measured), flush=True)
    gc.disable()


if __name__ == "__main__":
    main(*sys.argv[1:])
