"""What every command has in common: its failures are one sentence, and options that several share."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from inference_do import InferenceError

from ._screen import drop_output, errors, prepare_output, write

__all__ = ["DEFAULT_MODEL", "BaseUrl", "Model", "failed", "plainly"]

BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where the API is, instead of the environment's.")]
Model = Annotated[str, typer.Option("--model", "-m", envvar="INFERENCE_DO_MODEL", help="A model's id or router:NAME.")]

DEFAULT_MODEL = "openai-gpt-oss-120b"

TRACEBACK_VARIABLE = "INFERENCE_DO_TRACEBACK"


def plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show whatever fails in one sentence."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        prepare_output()
        try:
            code = command(*arguments, **options)
            if sys.stdout is not None:
                sys.stdout.flush()
        except InferenceError as error:
            code = failed(f"{type(error).__name__}: {error}")
        except BrokenPipeError:  # the reader has what it wanted
            drop_output()
            code = 1
        except OSError as error:
            drop_output()
            code = failed(f"{type(error).__name__}: {error}")
        except Exception as error:
            if os.environ.get(TRACEBACK_VARIABLE):
                raise
            advice = f"This is a defect, please report it; {TRACEBACK_VARIABLE}=1 shows where it happened."
            code = failed(f"{type(error).__name__}: {error}\n{advice}")
        raise typer.Exit(code or 0)

    return run


def failed(sentence: str) -> int:
    """Write what is wrong, and return the exit code of a failure."""
    write(errors(), sentence, "red")
    return 1
