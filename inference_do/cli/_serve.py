"""`inference-do serve`: the emulator, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from pathlib import Path

from inference_do import ConfigError
from inference_do.emulator import Emulator

from ._screen import screen, write

__all__ = ["serve"]


def serve(
    *, host: str, port: int, event_delay: float, batch_seconds: float, knowledge: Path | None, cors: list[str]
) -> int:
    """Serve until interrupted or terminated.

    Args:
        host: A loopback address.
        port: 0 takes a free one.
        event_delay: Seconds before each event of a stream.
        batch_seconds: Seconds that a batch takes.
        knowledge: A text file whose lines are the knowledge base `kb`.
        cors: Origins whose pages may use it.

    Raises:
        ConfigError: It cannot listen there, or the text file cannot be read.
    """
    lines = [] if knowledge is None else _lines(knowledge)
    try:
        bases = {"kb": lines} if lines else None
        emulator = Emulator(
            host=host, port=port, event_delay=event_delay, batch_seconds=batch_seconds, knowledge=bases, cors=cors
        )
        emulator.start()
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        return _served(emulator)
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


def _served(emulator: Emulator) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a container stops this as Ctrl-C does
    console = screen()
    write(console, "An offline DigitalOcean inference server; it has no model and answers plainly from the prompt.\n")
    write(console, f"  export DIGITALOCEAN_INFERENCE_BASE_URL={emulator.base_url}")
    write(console, f"  export DIGITALOCEAN_INFERENCE_KEY={emulator.api_key}")
    write(console, f"\n  its agent: {emulator.agent_url}, key {emulator.agent_key}", "dim")
    write(console, "\nCtrl-C stops it.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    emulator.stop()
    return 0
