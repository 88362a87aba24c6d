"""No request to the emulator's wires is answered by a failure of its own, whatever stands where."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wires import CLAUDE, OPENAI, PLACE, PNG

from inference_do.emulator import Emulator, Quirks, Request
from inference_do.emulator._server.scripts import Replies

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD: list[Any] = [
    None,
    1,
    -1.5,
    True,
    "x",
    "",
    [],
    {},
    [[]],
    ["x"],
    {"a": 1},
    {"type": "text"},
    [{"type": ["x"]}],
    [None],
]
RESPONSES = {
    "model": OPENAI,
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "json"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "x"}], "content": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "x"}]},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
            ],
        },
    ],
    "tools": [{"type": "function", "name": "get_weather", "parameters": PLACE}, {"type": "web_search", "max_uses": 1}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_weather"}]},
    "parallel_tool_calls": True,
    "text": {"format": {"type": "json_schema", "name": "n", "schema": PLACE}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "top_logprobs": 1,
    "max_output_tokens": 100,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "store": False,
    "metadata": {"a": "b"},
    "stop": ["x"],
}
MESSAGES = {
    "model": CLAUDE,
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "document", "title": "a", "source": {"type": "url", "url": "https://a/b.pdf"}},
                {"type": "search_result", "source": "x", "title": "x", "content": [{"type": "text", "text": "x"}]},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"place": "x"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"}]}],
        },
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "eA=="}]},
        {"role": "system", "content": "x"},
    ],
    "tools": [{"name": "get_weather", "input_schema": PLACE}, {"type": "web_search", "name": "web_search"}],
    "tool_choice": {"type": "tool", "name": "get_weather"},
    "stop_sequences": ["x"],
    "metadata": {"user_id": "x"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "string"}}},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "stream": True,
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        if key not in {"schema", "parameters", "input_schema"}:  # what a schema holds is the pretend model's business
            yield from places(item, (*path, key))


def changed(body: dict[str, Any], path: tuple[Any, ...], value: Any, *, drop: bool) -> dict[str, Any]:
    made = copy.deepcopy(body)
    target: Any = made
    for key in path[:-1]:
        target = target[key]
    if drop:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return made


@pytest.mark.parametrize(("path", "body"), [("/v1/responses", RESPONSES), ("/v1/messages", MESSAGES)])
@pytest.mark.parametrize("lenient", [False, pytest.param(True, marks=pytest.mark.long)])
def test_odd_values_anywhere_are_refused_or_taken(path, body, lenient):
    emulator = Emulator(allow_unknown_fields=lenient)
    headers = {"authorization": f"Bearer {emulator.api_key}"}
    bodies = [changed(body, place, value, drop=value is ODD) for place in places(body) for value in [*ODD, ODD]]
    # what stands behind a refused item is looked at as well
    bodies += [
        changed(short, place, value, drop=False) for short in shorter(body) for place in places(short) for value in ODD
    ]
    statuses = set()
    for one in bodies:
        request = Request(
            method="POST", path=path, query="", headers=headers, body=json.dumps(one).encode(), time=0, connection=1
        )
        response = emulator._api.answer(request, Quirks(), Replies())
        assert response.status < 500, (one, response.pieces)
        statuses.add(response.status)
    assert statuses >= {200, 400}


def shorter(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield bodies without what the emulator refuses in the whole one."""
    if "input" in body:
        yield {**body, "input": [body["input"][0], *body["input"][2:]]}
        yield {**body, "tool_choice": {"type": "web_search"}, "input": "search json"}
    else:
        plain = {key: value for key, value in body.items() if key not in {"thinking", "tool_choice"}}
        yield {**plain, "messages": body["messages"][:3]}
        yield {**plain, "messages": body["messages"][:1], "thinking": {"type": "enabled", "budget_tokens": 1024}}
