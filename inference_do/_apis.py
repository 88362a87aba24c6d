"""The three APIs of chat by their names, and what a caller asks for of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ConfigError
from .models import CHAT_PATH

__all__ = ["CHAT", "ENDPOINTS", "MESSAGES", "RESPONSES", "asked_api", "named_api"]

CHAT, RESPONSES, MESSAGES = "chat_completions", "responses", "messages"
ENDPOINTS: Mapping[str, str] = {CHAT: CHAT_PATH, RESPONSES: "/v1/responses", MESSAGES: "/v1/messages"}
"""The endpoint of each API, as the models' data has it."""

USE_RESPONSES = "use_responses_api"


def asked_api(api: Any, use_responses_api: Any = None) -> str:
    """Return the API that a caller asked for, `auto` if none.

    Args:
        api: `auto`, `chat_completions`, `responses` or `messages`.
        use_responses_api: Another name of `api="responses"`, which users of other packages write. False is no choice.

    Raises:
        ConfigError: There is no such API, the two contradict each other, or `use_responses_api` is no bool.
    """
    if not isinstance(use_responses_api, bool | None):
        message = f"use_responses_api must be True or False, not {use_responses_api!r}"
        raise ConfigError(message)
    api = "auto" if api is None else api
    if api != "auto" and not (isinstance(api, str) and api in ENDPOINTS):
        message = f"api must be 'auto', {', '.join(map(repr, ENDPOINTS))}, not {api!r}"
        raise ConfigError(message)
    if not use_responses_api:
        return str(api)
    if api not in {"auto", RESPONSES}:
        message = f"use_responses_api is another name of api='responses', and api is {api!r}: give one of them"
        raise ConfigError(message)
    return RESPONSES


def named_api(given: dict[str, Any], before: Any = None) -> dict[str, Any]:
    """Return arguments with `use_responses_api` as the `api` that it is another name of.

    Args:
        given: The arguments.
        before: The API that was asked for so far. False takes `responses` back, and no other one.

    Raises:
        ConfigError: It is no bool, or another API is given as well.
    """
    if USE_RESPONSES not in given:
        return given
    rest = {name: value for name, value in given.items() if name != USE_RESPONSES}
    wanted, api = given[USE_RESPONSES], rest.get("api")
    asked = asked_api(api, wanted)
    if wanted or (wanted is False and api is None and before == "responses"):
        rest["api"] = asked
    return rest
