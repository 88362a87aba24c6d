"""What the commands have in common: exit codes, failures in one sentence, waits that are shown, shared options."""

from __future__ import annotations

import functools
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from inference_do.errors import ConfigError, InferenceError

from ._screen import drop_output, errors, one_line, prepare_output, say

if TYPE_CHECKING:
    from inference_do import Client, RetryDetails

__all__ = [
    "CUT",
    "DEFAULT_MODEL",
    "EXIT_CODES",
    "FAILED",
    "INTERRUPTED",
    "USAGE",
    "BaseUrl",
    "Commands",
    "Effort",
    "MaxTokens",
    "Model",
    "System",
    "Temperature",
    "connected",
    "failed",
    "model_ids",
    "plainly",
]

FAILED, USAGE, CUT, INTERRUPTED = 1, 2, 3, 130
EXIT_CODES = (
    "Exit codes: 0 all is well, 1 the API or the network failed, 2 the command or a setting is wrong, "
    "130 interrupted by Ctrl-C."
)

DEFAULT_MODEL = "openai-gpt-oss-120b"

TRACEBACK_VARIABLE = "INFERENCE_DO_TRACEBACK"
LONGEST_REASON = 200
"""Characters of a failure that is tried again."""


# --- options ---


def model_ids(incomplete: str) -> list[str]:
    """Return the ids that begin so, for the shell's completion; nothing is asked."""
    from inference_do.models import known_models  # noqa: PLC0415  only where a shell asks

    return [id_ for id_, info in known_models().items() if info.listed and id_.startswith(incomplete)]


def _efforts(incomplete: str) -> list[str]:
    known = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    return [effort for effort in known if effort.startswith(incomplete)]


BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where the API is, instead of the environment's.")]
Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", envvar="INFERENCE_DO_MODEL", help="A model's id or router:NAME.", autocompletion=model_ids
    ),
]
System = Annotated[str | None, typer.Option("--system", "-s", help="Instructions for the model.")]
Temperature = Annotated[
    float | None, typer.Option("--temperature", "-t", min=0, max=2, help="0: answers vary least; higher: more.")
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="The most tokens of an answer, thinking included.")]
Effort = Annotated[
    str | None, typer.Option(help="How hard to think: none, low, medium, high, ...", autocompletion=_efforts)
]


# --- commands ---


OPTIONS = {"help": "--help", "version": "--version"}
"""Options that people type as commands."""


class Commands(TyperGroup):
    """The commands; what is none of them gets an answer that says what to type."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            path = ctx.command_path
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            if meant := OPTIONS.get(name) or (close[0] if close else None):
                advice = f"Did you mean:\n  {path} {meant}"
            elif ctx.parent is None:
                advice = f"To ask a model:\n  {path} chat {shlex.quote(one_line(' '.join(args)))}"
            else:
                advice = f"There are {', '.join(self.list_commands(ctx))}."
            ctx.fail(f"There is no command {one_line(name)!r}. {advice}")
        return super().resolve_command(ctx, args)


def plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show whatever fails in one sentence, and end with the exit code that says what it was."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        prepare_output()
        try:
            with _warnings_as_sentences():
                code = command(*arguments, **options)
            if sys.stdout is not None:
                sys.stdout.flush()
        except InferenceError as error:
            failed(f"{type(error).__name__}: {error}")
            code = USAGE if isinstance(error, ConfigError) else FAILED
        except KeyboardInterrupt:
            failed("interrupted")
            code = INTERRUPTED
        except BrokenPipeError:  # the reader has what it wanted
            drop_output()
            code = FAILED
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


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Show the library's warnings without the file and line that they come from."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        say(errors(), str(message), "yellow")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def failed(sentence: str) -> int:
    """Write what is wrong, and return the exit code of a failure."""
    say(errors(), sentence, "red")
    return FAILED


# --- the client ---


def connected(base_url: str | None, **settings: Any) -> Client:
    """Return a client that shows on standard error what it waits for."""
    from inference_do import Client  # noqa: PLC0415  what shows help needs none

    return Client(base_url=base_url, on_retry=_show_wait, **settings)


def _show_wait(details: RetryDetails) -> None:
    seconds = f"{details.wait_for:.0f} s" if details.wait_for >= 10 else f"{details.wait_for:.1f} s"  # noqa: PLR2004
    attempt = f"(attempt {details.attempts + 1})"
    if details.reason == "rate_limit":
        say(errors(), f"rate limit: waiting {seconds} {attempt}", "dim")
    else:
        reason = one_line(details.caused_by.message if details.caused_by else "it failed")[:LONGEST_REASON]
        say(errors(), f"{reason}: sending it again in {seconds} {attempt}", "dim")
