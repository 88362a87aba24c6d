"""Tool calls and their results in a request's messages.

Providers refuse calls that share an id and calls without a result. Histories hold the former where a server gives all
calls one id, the latter where arguments were cut off or unreadable, so that no tool was run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

__all__ = ["INVALID", "NoArguments", "match_results"]

INVALID = "invalid_json"
"""The name under which a request has arguments that are not the JSON of an object: providers parse them."""

NOT_RUN = "This call was not run, because its arguments were cut off or unreadable. Call again with complete arguments."

Wire = dict[str, Any]


class NoArguments(str):
    """The arguments of a call that was cut off before them: an object, known as that of a call that was not run."""

    __slots__ = ()

    def __new__(cls) -> Self:
        """Make them; they are always the same."""
        return super().__new__(cls, "{}")


def match_results(messages: Sequence[Wire]) -> list[Wire]:
    """Return messages in which no two calls share an id, and each call that could not be run has a result that says so.

    A result belongs to the first call before it, since the last message with calls, that has its id and no result yet.
    An id that repeats is numbered: the same each time, so that a provider's cache finds the conversation again.

    Args:
        messages: A request's messages. Those given are not changed but copied.
    """
    matched: list[Wire] = []
    ids: set[str] = set()
    open_calls: list[tuple[str, Wire]] = []
    end = 0  # where the results of the last calls end
    for message in messages:
        if message.get("role") == "tool":
            matched.append(_answering(message, open_calls))
            end = len(matched) if end == len(matched) - 1 else end
        elif calls := message.get("tool_calls"):
            matched[end:end] = _results_of_invalid(open_calls)
            own = [_with_id(call, ids) for call in calls]
            open_calls = [(call.get("id"), mine) for call, mine in zip(calls, own, strict=True)]
            matched.append({**message, "tool_calls": own})
            end = len(matched)
        else:
            matched.append(message)
    matched[end:end] = _results_of_invalid(open_calls)
    return matched


def _with_id(call: Wire, ids: set[str]) -> Wire:
    given = call.get("id")
    if not isinstance(given, str):
        return call
    own, number = given, 1
    while own in ids:
        number += 1
        own = f"{given}_{number}"
    ids.add(own)
    return call if own == given else {**call, "id": own}


def _answering(result: Wire, open_calls: list[tuple[str, Wire]]) -> Wire:
    """Return a result with the id that its call is sent under, and take the call off those that are open."""
    given = result.get("tool_call_id")
    for place, (id_, call) in enumerate(open_calls):
        if id_ == given:
            del open_calls[place]
            return result if call["id"] == given else {**result, "tool_call_id": call["id"]}
    return result


def _results_of_invalid(open_calls: list[tuple[str, Wire]]) -> list[Wire]:
    return [
        {"role": "tool", "tool_call_id": call.get("id"), "content": NOT_RUN}
        for _, call in open_calls
        if _is_invalid(call)
    ]


def _is_invalid(call: Wire) -> bool:
    function = call.get("function")
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    is_marked = isinstance(arguments, str) and arguments.startswith(f'{{"{INVALID}":')
    return is_marked or isinstance(arguments, NoArguments)
