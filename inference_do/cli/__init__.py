"""`inference-do`, the command line: models, chat, batch, doctor, serve, refresh. It is an extra: `inference-do[cli]`.

Typer and rich are imported when the command is run, so that this package costs nothing to those who do not use it.
Nothing here prints the key or a traceback: errors are one sentence on standard error, and exit code 1.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

MISSING = 'inference-do needs typer and rich, which are not installed: pip install "inference-do[cli]"\n'


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except KeyboardInterrupt:  # while it is loaded; a command says so itself
        sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None


def _run() -> None:
    try:
        import rich  # noqa: F401, PLC0415  asked for here, so that its absence is reported in one sentence
        import typer  # noqa: F401, PLC0415
    except ModuleNotFoundError:
        sys.stderr.write(MISSING)
        raise SystemExit(1) from None
    from ._app import app  # noqa: PLC0415
    from ._screen import prepare_output  # noqa: PLC0415

    prepare_output()
    app(prog_name="inference-do")
