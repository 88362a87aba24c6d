"""What a next request made from an answer carries: each call's own id, readable arguments, reasoning details."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from client_kit import ASK, CHAT, HELLO, VECTORS, make, make_async
from client_modes import KEY
from raw_server import RawServer, serving, sized

from inference_do import AsyncClient, ChatCompletion, Client, ProtocolError, RateLimitError, ServerError
from inference_do.emulator import RawBody, RawStream

DONE = b"data: [DONE]\n\n"


def whole(message: dict[str, Any]) -> RawBody:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return RawBody(json.dumps({"choices": [choice]}).encode())


def streamed(*deltas: dict[str, Any]) -> RawStream:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return RawStream([b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [DONE])


def asked(emu: Any, fault: Any, *, is_async: bool, messages: Any = HELLO) -> ChatCompletion:
    emu.script(fault)
    is_stream = isinstance(fault, RawStream)

    async def call() -> ChatCompletion:
        async with make_async(emu, max_retries=0) as client:
            request = {"model": CHAT, "messages": messages}
            return await (client.stream(**request).completion() if is_stream else client.chat(**request))

    if is_async:
        return asyncio.run(call())
    with make(emu, max_retries=0) as client:
        request = {"model": CHAT, "messages": messages}
        return client.stream(**request).completion() if is_stream else client.chat(**request)


def carried(emu: Any, completion: ChatCompletion, *, is_async: bool) -> dict[str, Any]:
    """Ask again with the answer and a result for each of its calls; return the answer as it was sent back."""
    message = completion.choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "ok"} for call in message.tool_calls]
    again = asked(emu, None, is_async=is_async, messages=[*HELLO, message, *results, *([] if results else HELLO)])
    assert again.text
    return emu.requests[-1].json["messages"][1]


def call(id_: Any, arguments: Any, *, name: str = "grep", index: int | None = None) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


SHARED = {
    # A5
    "whole": whole({"tool_calls": [call("grep:3", '{"a": 1}'), call("grep:3", '{"a": 2}')]}),
    "streamed": streamed(
        {"tool_calls": [call("grep:3", '{"a": 1}', index=0)]}, {"tool_calls": [call("grep:3", '{"a": 2}', index=1)]}
    ),
    "streamed, one index": streamed(
        {"tool_calls": [call("grep:3", '{"a": 1}', index=0)]}, {"tool_calls": [call("grep:3", '{"a": 2}', index=0)]}
    ),
    "without ids": whole({"tool_calls": [call(None, '{"a": 1}'), call("", '{"a": 2}')]}),
    "another id on every fragment": streamed(
        {"tool_calls": [call("x", '{"a"', index=0), call("y", "", index=1)]},
        {"tool_calls": [call("z", ": 1}", name="", index=0)]},
        {"tool_calls": [call("t", '{"a": 2}', name="", index=1)]},
    ),
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("fault", SHARED.values(), ids=SHARED)
def test_each_call_has_an_id_of_its_own(emu, fault, is_async):
    completion = asked(emu, fault, is_async=is_async)
    assert [c.function.arguments for c in completion.choices[0].message.tool_calls] == ['{"a": 1}', '{"a": 2}']
    sent = carried(emu, completion, is_async=is_async)["tool_calls"]
    assert len({item["id"] for item in sent}) == 2
    assert [item["function"]["arguments"] for item in sent] == ['{"a": 1}', '{"a": 2}']


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("arguments", "sent"),
    [("null", {}), ("", {}), (None, {}), ('{"code": "a\nb\t"}', {"code": "a\nb\t"}), ({"a": 1}, {"a": 1})],
)
def test_arguments_that_can_be_read_are_sent_back_as_json(emu, arguments, sent, is_async):  # E23
    for fault in (
        whole({"tool_calls": [call("x", arguments)]}), streamed({"tool_calls": [call("x", arguments, index=0)]})
    ):  # fmt: skip
        back = carried(emu, asked(emu, fault, is_async=is_async), is_async=is_async)
        assert json.loads(back["tool_calls"][0]["function"]["arguments"]) == sent


def test_arguments_with_raw_line_breaks_do_not_count_as_cut(emu):  # E23
    """`[DONE]` without a finish reason ends an answer whose calls are whole."""
    for arguments in ('{"code": "a\nb"}', "null", '{"a": 1} \n'):
        chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [call("x", arguments, index=0)]}}]}
        emu.script(RawStream([b"data: " + json.dumps(chunk).encode() + b"\n\n", DONE]))
        with make(emu) as client:
            answer = client.stream(**ASK).completion()
        assert answer.choices[0].message.tool_calls[0].function.arguments == arguments


@pytest.mark.parametrize("is_async", [False, True])
def test_lists_of_deltas_are_put_together_and_what_a_request_has_no_place_for_stays_here(emu, is_async):  # D19
    detail = {"type": "reasoning.text", "index": 0}
    fault = streamed(
        {"reasoning_details": [{**detail, "text": "Let "}], "annotations": [{"url": "a"}], "audio": {"id": "a1"}},
        {"reasoning_details": [{**detail, "text": "me"}], "annotations": [{"url": "b"}], "images": [{"n": 1}]},
        {"reasoning_details": [{**detail, "signature": "s"}], "content": "Hi", "audio": {"data": "AAAA"}},
    )
    completion = asked(emu, fault, is_async=is_async)
    message = completion.choices[0].message
    assert message.reasoning_details == [{**detail, "text": "Let me", "signature": "s"}]
    assert (message.annotations, message.images) == ([{"url": "a"}, {"url": "b"}], [{"n": 1}])
    assert message.audio == {"id": "a1", "data": "AAAA"}
    asked(emu, whole({"content": "ok"}), is_async=is_async, messages=[*HELLO, message, *HELLO])
    sent = emu.requests[-1].json["messages"][1]
    assert sent["reasoning_details"] == message.reasoning_details
    assert sent["audio"] == {"id": "a1"}
    assert sent.keys() == {"role", "content", "reasoning_details", "audio"}


# --- errors in place of vectors and models (A6) ---


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"code": 503, "message": "no room"}, ServerError, "503 Service Unavailable: no room"),
        ({"id": "too_many_requests", "message": "slow"}, RateLimitError, "429 Too Many Requests: slow"),
        ({"detail": "no such model"}, ProtocolError, "the API answered 200 with an error: no such model"),
        ({"data": [], "error": "gone"}, ProtocolError, "the API answered 200 with an error: gone"),
    ],
)
def test_an_error_in_place_of_vectors_or_models_keeps_its_text(body, kind, message):
    response = sized(json.dumps(body).encode(), "Connection: close")

    async def others(url: str) -> None:
        async with AsyncClient(KEY, base_url=url, max_retries=0) as client:
            for ask in (lambda: client.embed(model=VECTORS, input="a"), client.models):
                with pytest.raises(kind) as caught:
                    await ask()
                assert caught.value.message.startswith(message)

    with RawServer(serving(response)) as server:
        with Client(KEY, base_url=server.url, max_retries=0) as client:
            for ask in (lambda: client.embed(model=VECTORS, input="a"), client.models):
                with pytest.raises(kind) as caught:
                    ask()
                assert caught.value.message.startswith(message)
        asyncio.run(others(server.url))
