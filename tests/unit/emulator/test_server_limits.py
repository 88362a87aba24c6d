"""No request keeps the emulator's one thread from others, whatever it asks for, and none fills its memory."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest
from emulator_kit import body, connect, user

from inference_do.emulator import Emulator
from inference_do.emulator.__main__ import main
from inference_do.emulator._server.connection import LARGEST_BODY_UNKNOWN, MOST_WAITING


def of(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"], **more}


def tree(levels: int) -> dict[str, Any]:
    """A schema of a few lines with 2 ** levels values."""
    definitions: dict[str, Any] = {f"d{levels}": {"type": "string"}}
    for level in range(levels):
        definitions[f"d{level}"] = {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/d{level + 1}"} for name in "xy"},
            "required": ["x", "y"],
        }
    return of({"$ref": "#/$defs/d0"}, **{"$defs": definitions})


LARGE = {
    "array": of({"type": "array", "items": {"type": "string"}, "minItems": 10**8}),
    "array by a float": of({"type": "array", "items": {"type": "string"}, "minItems": 1e12}),
    "arrays": of({"type": "array", "minItems": 900, "items": {"type": "array", "minItems": 900}}),
    "text": of({"type": "string", "minLength": 10**9}),
    "texts": of({"type": "array", "minItems": 90, "items": {"type": "string", "minLength": 9_000}}),
    "tree": tree(25),
    "recursion": of({"$ref": "#"}),
    "list that needs itself": of({"type": "array", "minItems": 2, "items": {"$ref": "#/properties/a"}}),
    "union of itself": of({"anyOf": [{"$ref": "#/properties/a"}, {"$ref": "#/properties/a"}]}),
    "intersection of itself": of({"allOf": [{"$ref": "#/properties/a"}] * 3}),
}
PATTERNS = ["(a+)+$", "a?" * 30 + "a" * 30, "(a|a)" * 25 + "b", ".*.*.*.*=", "(" * 300, "a{1,4000}{1,4000}b"]
NO_SCHEMAS = [of(5), of({"$ref": 5}), of({"enum": []}), of({"type": "integer", "minimum": "x"}), of({"anyOf": 5})]


def asks(schema: dict[str, Any]) -> list[dict[str, Any]]:
    function = {"type": "function", "function": {"name": "f", "parameters": schema}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return [{"tools": [function], "tool_choice": "required"}, {"response_format": form}]


@pytest.mark.parametrize("name", LARGE)
def test_schemas_that_ask_for_too_much_are_refused_and_others_are_served_meanwhile(emu, ask, name):
    for fields in asks(LARGE[name]):
        started = time.monotonic()
        response = ask.post("a" * 30, **fields)
        assert (response.status_code, time.monotonic() - started < 4) == (400, True)
        assert "the emulator will not answer this: the schema " in response.json()["error"]["message"]
    assert ask.says("Hello") == "You said: Hello"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_that_take_for_ever_are_not_searched_for(ask, pattern):
    started = time.monotonic()
    for fields in asks(of({"type": "string", "pattern": pattern})):
        assert ask.post("a" * 5_000, **fields).status_code == 200
    assert time.monotonic() - started < 4


def test_patterns_are_still_followed(ask):
    schema = of({"type": "string", "pattern": "^[A-Z]{3}-\\d+$"})
    assert json.loads(ask.says("My order is ABC-123, please.", **asks(schema)[1])) == {"a": "ABC-123"}


@pytest.mark.parametrize("schema", NO_SCHEMAS, ids=str)
def test_what_is_no_schema_is_refused(ask, schema):
    response = ask.post("Hello", **asks(schema)[1])
    assert response.status_code in {200, 400}
    assert response.status_code == 200 or "schema cannot be followed" in response.text


def test_a_list_of_thousands_is_no_problem(ask):
    schema = of({"type": "array", "items": {"type": "integer"}, "minItems": 800})
    assert len(json.loads(ask.says("Hello", **asks(schema)[1]))["a"]) == 800


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
@pytest.mark.parametrize("depth", [150, 100_000])
@pytest.mark.parametrize("path", ["/chat/completions", "/embeddings", "/kb/retrieve"])
def test_deep_json_is_refused(depth, opening, path, caplog):
    with Emulator(knowledge={"kb": ["x"]}) as emu:
        closing = b"]" if opening == b"[" else b"}"
        data = b'{"model":"glm-5","metadata":' + opening * depth + b"1" + closing * depth + b"}"
        headers = {"authorization": f"Bearer {emu.api_key}"}
        response = httpx.post(emu.base_url + path, content=data, headers=headers, timeout=10)
        assert response.status_code == 400
        assert "nested more than 100 levels deep" in response.json()["error"]["message"]
        assert not caplog.records


@pytest.mark.parametrize(
    "query", ["page=abc", "page=0", "page=-1", "limit=0", "limit=1.5", f"page={'9' * 5000}", "page=%D9%A3"]
)
def test_pages_of_the_catalogue_are_counted(emu, query):
    headers = {"authorization": f"Bearer {emu.api_key}"}
    response = httpx.get(f"{emu.control_plane_url}/gen-ai/models/catalog?{query}", headers=headers)
    assert response.status_code == 400
    assert "must be a whole number from 1 up" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/embeddings", {"model": "bge-m3", "input": "x", "encoding_format": []}),
        ("/chat/completions", body(chat_template_kwargs=[1])),
        ("/chat/completions", body(tools=[{"type": []}])),
        ("/chat/completions", body(reasoning={"effort": {}})),
        ("/kb/retrieve", {"query": "x", "num_results": 1, "filters": {"must": [1]}}),
        ("/kb/retrieve", {"query": "x", "num_results": 1, "filters": {"must": {"field": "a"}}}),
        ("/kb/retrieve", {"query": "x", "num_results": 1, "filters": {"should": [{"field": [], "operator": "eq"}]}}),
    ],
    ids=str,
)
def test_values_of_the_wrong_type_are_refused_and_no_defects(path, fields):
    with Emulator(knowledge={"kb": ["x"]}) as emu:
        headers = {"authorization": f"Bearer {emu.api_key}"}
        assert httpx.post(emu.base_url + path, json=fields, headers=headers).status_code == 400


def test_conditions_on_values_of_another_kind_do_not_hold():
    with Emulator(knowledge={"kb": [{"text_content": "x", "metadata": {"year": 2020}}]}) as emu:
        for operator, value in (("gt", "x"), ("in", 5), ("contains", "a"), ("lt", {})):
            filters = {"must": [{"field": "year", "operator": operator, "value": value}]}
            asked = {"query": "x", "num_results": 1, "filters": filters}
            headers = {"authorization": f"Bearer {emu.api_key}"}
            response = httpx.post(f"{emu.base_url}/kb/retrieve", json=asked, headers=headers)
            assert (response.status_code, response.json()["results"]) == (200, [])


def test_long_answers_in_many_copies_are_refused(ask):
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        user("x"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "word " * 20_000},
    ]
    assert ask.post(messages).status_code == 200
    for fields in ({"n": 128}, {"logprobs": True, "top_logprobs": 20}):
        response = ask.post(messages, **fields)
        assert (response.status_code, "the answer would have about" in response.text) == (400, True)


# --- bodies and pipelining ---


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
@pytest.mark.parametrize("key", ["", "authorization: Bearer wrong\r\n"], ids=["no key", "wrong key"])
def test_large_bodies_without_a_key_are_refused_while_they_come(emu, framing, key):
    size = 4 * LARGEST_BODY_UNKNOWN
    header = f"content-length: {size}" if framing == "content-length" else "transfer-encoding: chunked"
    with connect(emu) as sock:
        sock.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{key}{header}\r\n\r\n".encode())
        piece = b"x" * 65536
        try:
            for _ in range(0 if framing == "content-length" else size // len(piece)):
                sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        except OSError:
            pass
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert emu.requests == []


def test_large_bodies_with_a_key_are_taken_up_to_a_limit(emu, ask, monkeypatch):
    ask.http.timeout = httpx.Timeout(30)
    assert ask.post("word " * 1_000_000).status_code in {200, 400}
    monkeypatch.setattr("inference_do.emulator._server.connection.LARGEST_BODY", 100_000)
    assert ask.post("word " * 40_000).status_code == 413


def test_pipelined_requests_wait_at_their_sender(emu):
    emu.quirks = emu.quirks.__class__(head_delay=0.5)
    line = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {emu.api_key}\r\n\r\n".encode()
    sent = 0

    def flood(sock: Any) -> None:
        nonlocal sent
        try:
            while True:
                sent += sock.send(line * 100)
        except OSError:
            pass

    with connect(emu) as sock:
        thread = threading.Thread(target=flood, args=(sock,))
        thread.start()
        time.sleep(1.2)
        [connection] = emu._open
        assert len(connection._parser.trailing_data[0]) < 2 * MOST_WAITING
        before = sent
        time.sleep(0.2)
        assert sent - before < 2 * MOST_WAITING  # the kernel's buffers are full; an answer makes room for one read
        assert 2 <= len(emu.requests) <= 5
        sock.shutdown(2)
        thread.join()


def test_two_requests_at_once_are_answered_in_order(emu):
    line = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {emu.api_key}\r\n"
    with connect(emu) as sock:
        sock.sendall(f"{line}\r\n{line}connection: close\r\n\r\n".encode())
        received = b""
        while data := sock.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_what_is_remembered_is_bounded(ask, emu, monkeypatch):
    monkeypatch.setattr("inference_do.emulator._server.emulator.KEPT_BYTES", 10_000)
    for number in range(5):
        ask.post(f"{number} " + "x" * 4_000)
    assert [request.json["messages"][0]["content"][0] for request in emu.requests] == ["3", "4"]


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--port", "99999999"], ["--cors", "localhost"]], ids=str)
def test_by_hand_a_mistake_is_one_sentence(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error: it cannot listen on" in capsys.readouterr().err
