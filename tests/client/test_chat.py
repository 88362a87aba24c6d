"""Whole answers over HTTP: what is sent, what comes back, options of one call."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

import pytest
from client_kit import ASK, HELLO, achat, chat, make, make_async
from interfaces import ANSWER, CHAT

from inference_do import ChatCompletion, Client, Timeout
from inference_do.emulator import DelayHead, Quirks, RawBody, Status


def sent(emu: Any) -> Any:
    return emu.requests[-1].json


@pytest.mark.parametrize("ask", [chat, achat])
def test_an_answer_comes_back_whole(emu, ask):
    response = ask(emu)
    assert isinstance(response, ChatCompletion)
    assert (response.text, response.model, response.choices[0].finish_reason) == (ANSWER, CHAT, "stop")
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    assert (response.response_info.status, response.response_info.attempts) == (200, 1)
    assert response.request_id == response.response_info.headers["x-request-id"]
    assert emu.posts == 1


@pytest.mark.parametrize("ask", [chat, achat])
def test_the_request_is_plain(emu, ask):
    ask(emu)
    request = emu.requests[-1]
    assert request.json == ASK
    assert (request.path, request.query) == ("/v1/chat/completions", "")
    assert request.headers["authorization"] == f"Bearer {emu.api_key}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("inference-do/")
    assert "cookie" not in request.headers


def test_both_clients_send_the_same(emu):
    chat(emu)
    achat(emu)
    one, other = emu.requests
    assert one.body == other.body
    skipped = {"host", "connection"}
    assert {k: v for k, v in one.headers.items() if k not in skipped} == {
        k: v for k, v in other.headers.items() if k not in skipped
    }


PARAMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0.5, "top_p": None, "seed": 1}, {"temperature": 0.5, "seed": 1}),
    ({"max_tokens": 300}, {"max_completion_tokens": 300}),
    ({"max_tokens": 300, "max_completion_tokens": 300}, {"max_completion_tokens": 300}),
    ({"max_completion_tokens": 300}, {"max_completion_tokens": 300}),
    ({"extra_body": {"temperature": 1, "user": None}, "temperature": 0.5}, {"temperature": 1, "user": None}),
    ({"stream": False}, {"stream": False}),
    ({"timeout": 5, "max_retries": 1, "extra_headers": {}, "extra_query": {}, "extra_body": {}}, {}),
    ({"timeout": Timeout(total=5), "extra_headers": None, "extra_query": None, "extra_body": None}, {}),
]


@pytest.mark.parametrize(("params", "fields"), PARAMS)
def test_parameters_of_a_call(emu, params, fields):
    make(emu).chat(**ASK, **params)
    assert sent(emu) == ASK | fields


def test_the_callers_own_objects_are_left_alone(emu):
    extra = {"temperature": 1}
    messages = [dict(HELLO[0])]
    make(emu).chat(model=CHAT, messages=messages, extra_body=extra)
    assert (extra, messages) == ({"temperature": 1}, HELLO)


def test_headers_and_query_of_client_and_call(emu):
    client = make(
        emu, default_headers={"X-A": "1", "X-B": "1", "User-Agent": "mine"}, default_query={"a": "1", "b": "1"}
    )
    client.chat(**ASK, extra_headers={"x-b": "2", "X-C": "3"}, extra_query={"b": "2"})
    request = emu.requests[-1]
    headers = {name: request.headers.get(name) for name in ("x-a", "x-b", "x-c", "user-agent")}
    assert headers == {"x-a": "1", "x-b": "2", "x-c": "3", "user-agent": "mine"}
    assert request.query == "a=1&b=2"


async def test_headers_are_replaced_and_not_doubled_by_the_async_client_too(emu):
    async with make_async(emu, default_headers={"uSer-aGent": "mine"}) as client:
        await client.chat(**ASK)
    assert emu.requests[-1].headers["user-agent"] == "mine"


def test_text_survives_both_ways(emu):
    text = "é🎈\u2028\0 NaN \ud83d"
    response = make(emu).chat(model=CHAT, messages=[{"role": "user", "content": f"echo {text}"}])
    assert sent(emu)["messages"][0]["content"] == f"echo {text}"
    assert isinstance(response.text, str)


def test_tool_calls_come_back(emu):
    emu.reply(tool_calls=[("get_weather", '{"city": "Paris"}')])
    function = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    response = make(emu).chat(**ASK, tools=[{"type": "function", "function": function}])
    (call,) = response.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments, response.choices[0].finish_reason) == (
        "get_weather", '{"city": "Paris"}', "tool_calls",
    )  # fmt: skip
    assert call.id


@pytest.mark.parametrize("ask", [chat, achat])
def test_a_compressed_answer(emu, ask):
    emu.quirks = Quirks(gzip=True)
    assert ask(emu).text == ANSWER
    assert "gzip" in emu.requests[-1].headers["accept-encoding"]


def test_settings_of_a_call_do_not_stay(emu):
    client = make(emu, max_retries=0)
    emu.script(Status(503, headers={"retry-after": "0"}), None)
    assert client.chat(**ASK, max_retries=1).response_info.attempts == 2
    emu.script(Status(503))
    with pytest.raises(Exception, match="503"):
        client.chat(**ASK)
    emu.script(DelayHead(0.3))
    with pytest.raises(TimeoutError):
        client.chat(**ASK, timeout=0.1)
    emu.script(DelayHead(0.2))
    assert client.chat(**ASK).text == ANSWER


def test_a_function_gives_the_key_of_each_request(emu):
    keys = iter(["wrong", emu.api_key])
    emu.script(Status(503, headers={"retry-after": "0"}), None)
    assert Client(lambda: next(keys), base_url=emu.base_url).chat(**ASK).text == ANSWER
    assert [request.headers["authorization"] for request in emu.requests] == ["Bearer wrong", f"Bearer {emu.api_key}"]


def test_every_attempt_sends_the_same_bytes(emu):
    emu.script(*[Status(503, headers={"retry-after": "0"})] * 2)
    make(emu).chat(**ASK)
    assert len({request.body for request in emu.requests}) == 1


def test_a_wrong_model_gets_the_name_of_the_right_one(emu):
    with pytest.raises(Exception, match=r"closest: .*llama3\.3-70b-instruct"):
        make(emu).chat(model="llama3-70b-instruct", messages=HELLO)


def test_a_response_under_any_media_type_is_read(emu):
    emu.script(RawBody(b'{"choices": [{"message": {"content": "x"}}]}', content_type=None))
    assert make(emu).chat(**ASK).text == "x"


def test_clients_show_their_address_and_nothing_else(emu):
    assert repr(make(emu)) == f"Client(base_url={emu.base_url!r})"
    assert repr(make_async(emu)) == f"AsyncClient(base_url={emu.base_url!r})"
    assert make(emu).base_url == emu.base_url


async def test_calls_in_one_loop_run_at_once(emu):
    emu.quirks = Quirks(head_delay=0.2)
    async with make_async(emu) as client:
        started = time.monotonic()
        responses = await asyncio.gather(*(client.chat(**ASK) for _ in range(10)))
    assert [response.text for response in responses] == [ANSWER] * 10
    assert time.monotonic() - started < 1.5


def test_an_answers_message_and_any_iterable_can_be_sent_back(emu):
    with Client(emu.api_key, base_url=emu.base_url) as client:
        first = client.chat(model=ASK["model"], messages=({"role": "user", "content": text} for text in ["Say hello"]))
        asked = [{"role": "user", "content": "Say hello"}, first.choices[0].message]
        client.chat(model=ASK["model"], messages=[*asked, {"role": "user", "content": "Thanks"}])
    assert emu.requests[-1].json["messages"][1]["content"] == first.text


def test_a_clients_settings_are_seen_by_those_who_look(emu):
    assert {"api_key", "base_url", "timeout", "max_retries", "http_client"} <= set(inspect.signature(Client).parameters)
    with pytest.raises(TypeError):
        Client(emu.api_key, unknown=1)
    assert repr(Client.__new__(Client)) == "Client"
