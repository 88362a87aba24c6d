"""A conversation on the terminal: what is typed goes to the model, or is a command that begins with a slash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from inference_do import InferenceError, closest_models, model_info

from ._answer import Talk
from ._input import edit_lines, typed_text
from ._screen import errors, one_line, say, whole_text

__all__ = ["converse"]

ENDS = frozenset({"exit", "quit", "/exit", "/quit", "/bye"})
HELP = {
    "/clear": "begin a new conversation; the instructions stay",
    "/model NAME": "ask another model; without NAME, say which one is asked",
    "/system TEXT": "give other instructions; without TEXT, show them",
    "/save FILE": "write the conversation to a new file, as JSON",
    "/help": "show this",
    "/exit": "end this; so do /quit, exit, quit and Ctrl-D",
    "Ctrl-C": "stop an answer",
    "\\": "at a line's end: it goes on in the next line",
    '"""': "begin and end text of several lines",
}
"""What can be typed; anything else goes to the model."""
HELP_COLUMN = 14


def converse(talk: Talk) -> None:
    """Read what is typed until it ends. A failure ends an answer and not the conversation."""
    edit_lines()
    say(errors(), f"{one_line(talk.model)}. /help shows what can be typed; Ctrl-D ends this.", "dim")
    while True:
        try:
            text = typed_text("> ")
            if text is None:
                say(errors(), "")  # the shell's prompt is to begin a line
                return
            if text.lower() in ENDS:
                return
            if text and not _obey(talk, text):
                talk.ask(whole_text(text))
        except KeyboardInterrupt:
            say(errors(), "\nCtrl-D or /exit ends this.", "dim")
        except InferenceError as error:
            say(errors(), f"{type(error).__name__}: {error}", "red")


def _obey(talk: Talk, text: str) -> bool:
    """Do what a command says. Return False for what is none: a path may begin with a slash too."""
    name, _, argument = text.partition(" ")
    if name.lower() in {"/help", "/?"}:
        for typed, does in HELP.items():
            say(errors(), f"{typed:{HELP_COLUMN}}{does}", "dim", indent=HELP_COLUMN)
        return True
    command = COMMANDS.get(name.lower())
    if command is not None:
        say(errors(), command(talk, argument.strip()), "dim")
        return True
    if argument or not name.startswith("/") or not name[1:].isalpha():
        return False
    say(errors(), f"There is no command {name}; /help shows what there is.", "yellow")
    return True


def _clear(talk: Talk, _: str) -> str:
    talk.turns.clear()
    return "This is a new conversation."


def _model(talk: Talk, name: str) -> str:
    if not name:
        return f"The model is {talk.model}."
    talk.model = name
    close = [] if model_info(name).is_known else closest_models(name)
    return f"The model is {name}." + (f" Nothing is known of it; closest: {', '.join(close)}." if close else "")


def _system(talk: Talk, text: str) -> str:
    if text:
        talk.system = text
    return f"The instructions are: {talk.system}" if talk.system else "There are no instructions."


def _save(talk: Talk, name: str) -> str:
    """Write a conversation as a request has it; a file that exists is left alone."""
    if not name:
        return "/save needs the name of a file."
    try:
        path = Path(name).expanduser()
        with path.open("x", encoding="utf-8") as file:
            json.dump({"model": talk.model, "messages": talk.messages}, file, indent=2)
            file.write("\n")
    except (OSError, RuntimeError) as error:  # a RuntimeError: there is no such user's home
        return f"{name!r} cannot be written: {getattr(error, 'strerror', None) or error}."
    return f"{len(talk.messages)} messages written to {path}."


COMMANDS: dict[str, Callable[[Talk, str], str]] = {
    "/clear": _clear,
    "/model": _model,
    "/system": _system,
    "/save": _save,
}
