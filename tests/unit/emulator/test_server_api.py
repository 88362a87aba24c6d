"""The API's front: key, routes, models, headers, counters, lifespan."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from emulator_kit import MODEL, body, connect, raw_request, user

from inference_do.emulator import Emulator, Quirks
from inference_do.emulator.__main__ import main

if TYPE_CHECKING:
    from emulator_kit import Asker


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic sk-do-v1-emulator"])
def test_a_bad_key_is_refused_before_the_body_is_looked_at(emu: Emulator, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    response = httpx.post(f"{emu.base_url}/chat/completions", content=b"not json", headers=headers)
    assert response.status_code == 401
    assert response.json() == {"id": "Unauthorized", "message": "Unable to authenticate you."}
    assert httpx.get(f"{emu.base_url}/models", headers=headers).status_code == 401


def test_further_keys_and_any_key() -> None:
    with Emulator(api_key="one", api_keys=["two"]) as emu:
        for key, status in (("one", 200), ("two", 200), ("three", 401)):
            response = httpx.get(f"{emu.base_url}/models", headers={"authorization": f"Bearer {key}"})
            assert response.status_code == status
    with Emulator(api_key=None) as emu:
        assert httpx.get(f"{emu.base_url}/models", headers={"authorization": "Bearer x"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/chat/completions", 405),
        ("POST", "/models", 405),
        ("GET", "/embeddings", 405),
    ],
)
def test_routes(ask: Asker, method: str, path: str, status: int) -> None:
    response = ask.http.request(method, path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type"}


@pytest.mark.parametrize(
    ("model", "status", "kind", "detail"),
    [
        ("no-such-model", 404, "not_found_error", "model not found"),
        ("Gemma-4-31b-it", 404, "not_found_error", "model not found"),
        ("bge-m3", 400, "invalid_request_error", "/v1/embeddings"),
        ("openai-gpt-5.5", 400, "invalid_request_error", "/v1/responses"),
        ("locked-one", 403, "forbidden_error", "subscription tier"),
        (7, 400, "invalid_request_error", "model"),
    ],
)
def test_models_that_cannot_be_used(model: Any, status: int, kind: str, detail: str) -> None:
    with Emulator(locked_models=["locked-one"]) as emu:
        headers = {"authorization": f"Bearer {emu.api_key}"}
        response = httpx.post(f"{emu.base_url}/chat/completions", json=body(model=model), headers=headers)
        assert response.status_code == status
        assert response.json()["error"]["type"] == kind
        assert detail in response.json()["error"]["message"]


def test_the_listing_holds_listed_and_own_models() -> None:
    with Emulator(models=["my-model"], locked_models=["locked-one"]) as emu:
        headers = {"authorization": f"Bearer {emu.api_key}"}
        listing = httpx.get(f"{emu.base_url}/models", headers=headers).json()
        entries = {entry["id"]: entry for entry in listing["data"]}
        assert {MODEL, "my-model", "locked-one", "router:general", "bge-m3"} <= set(entries)
        assert "llama3.3-70b-instruct" not in entries
        assert entries[MODEL].keys() == {"id", "object", "created", "owned_by", "max_output_tokens"}
        answer = httpx.post(f"{emu.base_url}/chat/completions", json=body(model="my-model"), headers=headers)
        assert answer.json()["model"] == "my-model"


def test_headers_of_a_success(ask: Asker) -> None:
    first, second = ask.post(), ask.post(stream=True)
    for response in (first, second):
        names = [name for name in response.headers if name.startswith("x-ratelimit-")]
        assert len(names) == 9
        assert int(response.headers["x-ratelimit-reset-tokens-per-day"]) > time.time()
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.headers["content-type"] == "text/event-stream"


def test_a_whole_completion_has_the_documented_fields(ask: Asker) -> None:
    completion = ask.post().json()
    assert completion["id"] == ""
    assert completion["object"] == "chat.completion"
    assert completion["model"] == MODEL
    assert completion["choices"][0]["message"]["role"] == "assistant"
    assert completion["choices"][0]["finish_reason"] == "stop"
    usage = completion["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 2
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 0}
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}


def test_a_router_answers_with_another_model(ask: Asker) -> None:
    response = ask.post(model="router:general")
    assert response.json()["model"] not in {"router:general", ""}
    assert response.headers["x-model-router-selected-route"] == "general"


def test_too_long_a_prompt(ask: Asker) -> None:
    response = ask.post("word " * 100_000, model="nemotron-3-nano-omni")
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert message.startswith("the token count: [")
    assert message.endswith("exceeds the model: [nemotron-3-nano-omni]'s maximum token count: [65536]")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object(ask: Asker, data: bytes) -> None:
    response = ask.http.post("/chat/completions", content=data)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_requests_are_recorded_and_connections_kept(emu: Emulator, ask: Asker) -> None:
    for _ in range(3):
        ask.post()
    ask.http.get("/models?limit=1")
    assert (emu.posts, emu.connections, emu.open_connections, len(emu.requests)) == (3, 1, 1, 4)
    post, get = emu.requests[0], emu.requests[3]
    assert (post.method, post.path, post.connection) == ("POST", "/v1/chat/completions", 1)
    assert post.json["messages"] == [user("Hello")]
    assert post.headers["content-type"] == "application/json"
    assert (get.path, get.query, get.body) == ("/v1/models", "limit=1", b"")
    assert post.time <= get.time <= time.monotonic()
    emu.reset()
    assert (emu.posts, emu.connections, emu.requests) == (0, 0, [])


def test_only_the_latest_requests_are_remembered() -> None:
    with Emulator(keep_requests=2) as emu:
        for number in range(4):
            httpx.get(f"{emu.base_url}/models?{number}")
        assert [request.query for request in emu.requests] == ["2", "3"]


def test_pipelined_requests_are_answered_in_order(emu: Emulator) -> None:
    with connect(emu) as sock:
        two = raw_request(emu, body("first"), close=False) + raw_request(emu, body("second"))
        sock.sendall(two[:100])
        time.sleep(0.02)
        sock.sendall(two[100:])
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert received.index(b"You said: first") < received.index(b"You said: second")
    assert emu.posts == 2


def test_expect_continue_and_broken_http(emu: Emulator) -> None:
    with connect(emu) as sock:
        request = raw_request(emu).replace(b"host: localhost", b"host: localhost\r\nexpect: 100-continue")
        head, _, rest = request.partition(b"\r\n\r\n")
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(rest)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    with connect(emu) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")


def test_embeddings(emu: Emulator, ask: Asker) -> None:
    def embed(texts: Any, **fields: Any) -> Any:
        response = ask.http.post("/embeddings", json={"model": "all-mini-lm-l6-v2", "input": texts, **fields})
        assert response.status_code == 200, response.text
        return response.json()

    response = embed(["red cats sleep", "cats that slept, red", "quarterly revenue"])
    assert [entry["index"] for entry in response["data"]] == [0, 1, 2]
    one, two, other = (entry["embedding"] for entry in response["data"])
    assert len(one) == 384
    assert sum(x * x for x in one) == pytest.approx(1)
    assert sum(x * y for x, y in zip(one, two, strict=True)) > 0.5 > sum(x * y for x, y in zip(one, other, strict=True))
    packed = embed("red cats sleep", encoding_format="base64", user="u")["data"][0]["embedding"]
    assert list(struct.unpack("<384f", base64.b64decode(packed))) == one
    assert embed("")["data"][0]["embedding"][0] == 1.0
    assert set(response["usage"]) == {"prompt_tokens", "total_tokens"}
    emu.quirks = Quirks(shuffle_embeddings=True)
    assert [entry["index"] for entry in embed(["a", "b", "c"])["data"]] == [1, 2, 0]


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"input": "x", "dimensions": 8}, "dimensions"),
        ({"input": []}, "input"),
        ({"input": [1, 2]}, "input"),
        ({}, "input"),
        ({"input": ["x"] * 2049}, "2048"),
        ({"input": "x", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "x", "user": 1}, "user"),
    ],
)
def test_embeddings_refuse(ask: Asker, fields: dict[str, Any], detail: str) -> None:
    response = ask.http.post("/embeddings", json={"model": "bge-m3", **fields})
    assert response.status_code == 400
    assert detail in response.json()["error"]["message"]


def test_only_loopback() -> None:
    for host in ("0.0.0.0", "example.com", "192.168.0.1", ""):
        with pytest.raises(ValueError, match="loopback"):
            Emulator(host=host)
    with Emulator(host="localhost") as emu:
        assert emu.base_url.startswith("http://127.0.0.1:")


def test_lifespan() -> None:
    emulator = Emulator()
    emulator.stop()
    before = threading.active_count()
    with emulator, pytest.raises(ValueError, match="already running"):
        emulator.start()
    assert threading.active_count() == before
    with emulator as again, pytest.raises(OSError, match="in use"):
        Emulator(port=int(again.base_url.split(":")[2].split("/")[0])).start()


async def _many(emulator: Emulator, count: int) -> list[int]:
    limits = httpx.Limits(max_connections=count)
    headers = {"authorization": f"Bearer {emulator.api_key}"}
    async with httpx.AsyncClient(base_url=emulator.base_url, headers=headers, limits=limits, timeout=20) as client:
        responses = await asyncio.gather(
            *(client.post("/chat/completions", json=body(stream=True)) for _ in range(count))
        )
    return [response.text.count("data:") for response in responses]


def test_many_streams_at_once_in_one_thread() -> None:
    async def run() -> tuple[list[int], int]:
        async with Emulator(event_delay=0.02) as emulator:
            return await _many(emulator, 150), emulator.connections

    counts, connections = asyncio.run(run())
    assert len(set(counts)) == 1
    assert connections == 150


def test_the_command_line_says_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert main(["--port", "0"], wait=interrupt) == 0
    assert "DIGITALOCEAN_INFERENCE_KEY=sk-do-v1-emulator" in capsys.readouterr().out


def test_a_defect_of_the_emulator_is_loud(ask: Asker, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("inference_do.emulator._server.api.PretendModel.answer", fail)
    response = ask.post()
    assert response.status_code == 500
    assert "the emulator itself failed: ZeroDivisionError" in response.json()["error"]["message"]
    assert "please report it" in caplog.text


def test_stopping_drops_streams_that_are_open() -> None:
    with Emulator(event_delay=5) as emu:
        sock = connect(emu)
        sock.sendall(raw_request(emu, body(stream=True)))
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    with sock, suppress(ConnectionResetError):
        while sock.recv(1000):
            pass
    assert emu.disconnects == []  # the emulator ended it, not the client


def test_ipv6_loopback() -> None:
    try:
        with Emulator(host="::1") as emu:
            assert emu.base_url.startswith("http://[::1]:")
    except OSError:
        pytest.skip("this machine has no IPv6")


def test_the_command_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "inference_do.emulator", "--port", "0", "--api-key", "k"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        url = lines[2].strip().partition("=")[2]
        assert httpx.get(f"{url}/models", headers={"authorization": "Bearer k"}).status_code == 200
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0


def test_lone_surrogates_survive(ask: Asker) -> None:
    response = ask.http.post("/chat/completions", content=json.dumps(body("half \ud83d pair")))
    assert response.json()["choices"][0]["message"]["content"] == "You said: half \ud83d pair"


def test_one_model_of_the_list(ask: Asker) -> None:
    listed = ask.http.get("/models").json()["data"]
    for entry in (listed[0], next(entry for entry in listed if "router:" in entry["id"])):
        assert ask.http.get(f"/models/{entry['id']}").json() == entry
        assert ask.http.get(f"/models/{entry['id'].replace(':', '%3A')}").json() == entry
    missing = ask.http.get("/models/nobody")
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    assert ask.http.post("/models/nobody").status_code == 405
    with Emulator(models=["mine/small"]) as emu:
        own = httpx.get(f"{emu.base_url}/models/mine/small", headers={"authorization": f"Bearer {emu.api_key}"})
        assert own.json()["id"] == "mine/small"
