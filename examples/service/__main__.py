"""Run the service in one process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).parent.parent))
STOP_SECONDS = 30
"""For answers that run when the process is told to stop; those that need longer are told so."""


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--stop-seconds", type=int, default=STOP_SECONDS)
    chosen = parser.parse_args()
    uvicorn.run(
        "service.app:create_app",
        factory=True,
        host=chosen.host,
        port=chosen.port,
        timeout_graceful_shutdown=chosen.stop_seconds,
        ws="none",  # it has no WebSockets, and older uvicorns load a deprecated module for them
    )


if __name__ == "__main__":
    main()
