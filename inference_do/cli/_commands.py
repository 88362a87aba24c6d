"""What all commands have in common: options, and that whatever fails is one sentence."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from inference_do import InferenceError

from ._screen import drop_output, errors, prepare_output, write

__all__ = ["BaseUrl", "Model", "plainly"]

BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where the API is, instead of the environment's.")]
Model = Annotated[str, typer.Option("--model", "-m", envvar="INFERENCE_DO_MODEL", help="A model's id or router:NAME.")]

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
            code = _failed(f"{type(error).__name__}: {error}")
        except BrokenPipeError:  # the reader has what it wanted
            drop_output()
            code = 1
        except OSError as error:
            drop_output()
            code = _failed(f"{type(error).__name__}: {error}")
        except Exception as error:
            if os.environ.get(TRACEBACK_VARIABLE):
                raise
            advice = f"This is a defect, please report it; {TRACEBACK_VARIABLE}=1 shows where it happened."
            code = _failed(f"{type(error).__name__}: {error}\n{advice}")
        raise typer.Exit(code or 0)

    return run


def _failed(sentence: str) -> int:
    write(errors(), sentence, "red")
    return 1
