"""`inference-do chat`: one answer, as it is made or as JSON; without a prompt, a conversation."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from inference_do import ConfigError, EmptyAnswerWarning

from ._answer import Talk, code_of, notes_of
from ._command import connected
from ._conversation import converse
from ._input import content_of, piped_text
from ._schema import format_of, object_of, read_schema
from ._screen import errors, say

__all__ = ["talk"]


def talk(
    words: list[str],
    *,
    model: str,
    system: str | None,
    options: dict[str, Any],
    images: list[Path],
    schema: Path | None,
    as_json: bool,
    shows_reasoning: bool,
    base_url: str | None,
) -> int:
    """Talk to a model, and return the exit code.

    Args:
        words: What to say; what is piped in follows it. Without both, lines are read from the terminal.
        model: The model.
        system: Its instructions.
        options: Further fields of the request.
        images: Files to show with the prompt.
        schema: A file with a JSON schema that the answer is to satisfy.
        as_json: Print the whole completion as JSON.
        shows_reasoning: Whether to show what the model thinks.
        base_url: Where the API is.

    Raises:
        ConfigError: There is nothing to say, or a file cannot be used.
        InferenceError: There is no answer.
    """
    asked, expected = _asked(words), read_schema(schema)
    if asked is None and (images or schema or as_json):
        message = "--image, --schema and --json need a prompt"
        raise ConfigError(message)
    if expected is not None:
        options = {**options, "response_format": format_of(expected)}
    with connected(base_url) as client:
        talking = Talk(client, model, system, options, shows_reasoning)
        if asked is None:
            converse(talking)
            return 0
        content = content_of(asked, images)
        if expected is None and not as_json:
            return talking.ask(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmptyAnswerWarning)  # its notes say so
            whole = talking.stream(content).completion()
        for note in notes_of(whole):
            say(errors(), note, "yellow")
        if code := code_of(whole):
            if as_json:
                _print_json(whole.model_dump(mode="json", exclude_none=True))
            return code
        value = None if expected is None else object_of(whole, expected)
        _print_json(whole.model_dump(mode="json", exclude_none=True) if as_json else value)
        return 0


def _asked(words: list[str]) -> str | None:
    """Return what is asked: the prompt, then what is piped in; None if there is a terminal to ask from."""
    piped = piped_text(from_terminal=words == ["-"])
    prompt = "" if words == ["-"] else " ".join(words)
    if not words and piped is None:
        return None
    parts = [part for part in (prompt, piped) if part and part.strip()]
    if not parts:
        message = "there is nothing to say: give a prompt, or pipe one in"
        raise ConfigError(message)
    return "\n\n".join(parts)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=True))  # noqa: T201  data
