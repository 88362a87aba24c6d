"""`inference-do serve`: the emulator, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

from inference_do import ConfigError
from inference_do.emulator import Emulator

from ._screen import screen, write

__all__ = ["serve"]


def serve(
    *,
    host: str,
    port: int,
    event_delay: float,
    batch_seconds: float,
    knowledge: Path | None,
    cors: list[str],
    playground: bool,
    opens: bool,
) -> int:
    """Serve until interrupted or terminated.

    Args:
        host: A loopback address.
        port: 0 takes a free one.
        event_delay: Seconds before each event of a stream.
        batch_seconds: Seconds that a batch takes.
        knowledge: A text file whose lines are the knowledge base `kb`.
        cors: Origins whose pages may use it.
        playground: Whether there is a page to try it with.
        opens: Whether that page is opened in the user's browser.

    Raises:
        ConfigError: It cannot listen there, or the text file cannot be read.
    """
    lines = [] if knowledge is None else _lines(knowledge)
    try:
        bases = {"kb": lines} if lines else None
        emulator = Emulator(
            host=host,
            port=port,
            event_delay=event_delay,
            batch_seconds=batch_seconds,
            knowledge=bases,
            cors=cors,
            keep_requests=0,  # nobody reads them here, and it may run for weeks
            playground=playground,
        )
        emulator.start()
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        return _served(emulator, page=emulator.page_url if playground else None, opens=opens)
    message = f"the emulator cannot listen on {host!r}, port {port}: {reason}"
    raise ConfigError(message)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 text: {error.reason} at byte {error.start}"
    except OSError as error:
        reason = error.strerror or str(error)
    message = f"--knowledge {str(path)!r} cannot be read: {reason}"
    raise ConfigError(message)


def _served(emulator: Emulator, *, page: str | None, opens: bool) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a container stops this as Ctrl-C does
    console = screen()
    if page is not None:
        write(console, f"Playground: {page}\n", "bold")
        if opens and not webbrowser.open(page):
            write(console, "No browser could be opened; open the address by hand.\n")
    write(console, "An offline DigitalOcean inference server; it has no model and answers plainly from the prompt.\n")
    write(console, f"  export DIGITALOCEAN_INFERENCE_BASE_URL={emulator.base_url}")
    write(console, f"  export DIGITALOCEAN_INFERENCE_KEY={emulator.api_key}")
    write(console, f"\n  its agent: {emulator.agent_url}, key {emulator.agent_key}", "dim")
    write(console, "\nCtrl-C stops it.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    emulator.stop()
    return 0
