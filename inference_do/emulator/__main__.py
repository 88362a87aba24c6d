"""`python -m inference_do.emulator --port 8000`: the emulator by hand, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ._server.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable


def main(arguments: list[str] | None = None, *, wait: Callable[[], object] | None = None) -> int:
    """Serve until interrupted.

    Args:
        arguments: The command line without the program's name.
        wait: Returns or raises `KeyboardInterrupt` when it is time to stop; by default it never does.
    """
    parser = argparse.ArgumentParser(prog="python -m inference_do.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; anything else is refused")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--api-key", default="sk-do-v1-emulator", help="the key to accept")
    parser.add_argument("--event-delay", type=float, default=0.0, help="seconds before each event of a stream")
    parser.add_argument("--cors", action="append", default=[], help="an origin whose pages in a browser may use it")
    parser.add_argument("--no-playground", action="store_true", help="no page at / to try it with")
    options = parser.parse_args(arguments)
    try:
        emulator = Emulator(
            host=options.host,
            port=options.port,
            api_key=options.api_key,
            event_delay=options.event_delay,
            cors=options.cors,
            playground=not options.no_playground,
            keep_requests=0,
        ).start()
    except (OSError, OverflowError, ValueError) as error:
        parser.error(f"it cannot listen on {options.host!r}, port {options.port}: {error}")
    try:
        page = "" if options.no_playground else f"  a page to try it with: {emulator.page_url}\n\n"
        sys.stdout.write(
            f"An offline DigitalOcean inference server; it has no model and answers plainly from the prompt.\n\n"
            f"  export DIGITALOCEAN_INFERENCE_BASE_URL={emulator.base_url}\n"
            f"  export DIGITALOCEAN_INFERENCE_KEY={emulator.api_key}\n\n"
            f"  curl $DIGITALOCEAN_INFERENCE_BASE_URL/models -H 'authorization: Bearer {emulator.api_key}'\n\n"
            f"{page}Ctrl-C stops it.\n"
        )
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            (wait or threading.Event().wait)()
    finally:
        emulator.stop()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a container stops this as Ctrl-C does
    sys.exit(main())
