"""What a real server (llama.cpp, see `scripts/real-model`) taught: shapes unlike DigitalOcean's and OpenAI's."""

import json

import pytest

from inference_do import AuthenticationError, Client, ContextLengthError, ServerError
from inference_do.emulator.faults import RawBody, RawStream

ASK = {"model": "llama3.3-70b-instruct", "messages": [{"role": "user", "content": "Hello!"}]}


@pytest.fixture
def client(emu):
    with Client(emu.api_key, base_url=emu.base_url, max_retries=0) as client:
        yield client


def events(*chunks: dict) -> RawStream:
    return RawStream([f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"])


def part(delta: dict, finish_reason: str | None = None, **more: object) -> dict:
    return {"choices": [{"finish_reason": finish_reason, "index": 0, "delta": delta}], **more}


def test_the_first_chunk_may_have_null_for_content(emu, client):
    emu.script(events(part({"role": "assistant", "content": None}), part({"content": "Hi"}), part({}, "stop")))
    assert client.stream(**ASK).completion().text == "Hi"


def test_usage_may_come_with_the_finish_reason_and_with_fields_of_its_own(emu, client):
    usage = {"completion_tokens": 48, "prompt_tokens": 362, "total_tokens": 410}
    emu.script(events(part({"content": "Hi"}), part({}, "stop", usage=usage, timings={"predicted_ms": 1.5})))
    completion = client.stream(**ASK).completion()
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (362, 48)


def test_a_tool_calls_id_may_have_any_form_and_come_once_with_the_type(emu, client):
    first = {"index": 0, "id": "07zo32aHBkOwTJ6U", "type": "function", "function": {"name": "f", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": text}} for text in ('{"a', '":1', "}")]
    deltas = [part({"tool_calls": [fragment]}) for fragment in (first, *rest)]
    emu.script(events(*deltas, part({}, "tool_calls")))
    [call] = client.stream(**ASK).completion().choices[0].message.tool_calls
    assert (call.id, call.type, call.function.name, call.function.arguments) == (
        "07zo32aHBkOwTJ6U",
        "function",
        "f",
        '{"a":1}',
    )


def test_a_long_prompt_is_refused_with_json_also_where_a_stream_was_asked_for(emu, client):
    error = {"code": 400, "message": "request (40030 tokens) exceeds the available context size (4096 tokens)"}
    body = json.dumps({"error": {**error, "type": "exceed_context_size_error", "n_ctx": 4096}}).encode()
    emu.script(RawBody(body, status=400))
    with pytest.raises(ContextLengthError) as raised:
        client.stream(**ASK).completion()
    assert (raised.value.code, raised.value.type) == ("400", "exceed_context_size_error")


def test_an_errors_code_may_be_a_number(emu, client):
    emu.script(RawBody(b'{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}', status=401))
    with pytest.raises(AuthenticationError, match="Invalid API Key") as raised:
        client.chat(**ASK)
    assert raised.value.code == "401"


def test_broken_input_may_be_reported_as_the_servers_failure(emu, client):
    emu.script(RawBody(b'{"error":{"code":500,"message":"parse error","type":"server_error"}}', status=500))
    with pytest.raises(ServerError, match="parse error"):
        client.chat(**ASK)


def test_a_server_that_knows_only_max_tokens_can_be_told_by_extra_body(emu, client):
    client.chat(**ASK, extra_body={"max_tokens": 5})
    assert emu.requests[-1].json["max_tokens"] == 5
    assert "max_completion_tokens" not in emu.requests[-1].json
