"""The playground's list of requests: what it shows, what it hides, and how much it keeps."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest
from emulator_kit import body, connect, raw_request

from inference_do.emulator import DelayEvents, Drop, Status
from inference_do.emulator._server.playground.journal import LARGEST, MOST
from inference_do.emulator._server.playground.masks import HIDDEN, Masks

WIRES = {
    "chat/completions": body("Hello"),
    "responses": {"model": "openai-gpt-5.4", "input": "Hello"},
    "messages": {"model": "anthropic-claude-opus-4.5", "max_tokens": 2000, "messages": body("Hello")["messages"]},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_each_request_is_listed_with_its_response_and_without_the_key(emu, page, wire, stream, ask):
    sent = WIRES[wire] | ({"stream": True} if stream else {})
    if stream and wire == "chat/completions":
        sent |= {"stream_options": {"include_usage": True}}
    response = ask.http.post(f"/{wire}", json=sent)
    assert response.status_code == 200, response.text
    [entry] = page.ended()
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", f"/v1/{wire}", 200)
    assert (entry["end"], entry["model"], entry["is_stream"]) == ("complete", sent["model"], stream)
    assert entry["client"].startswith("python-httpx/")
    assert entry["bytes"] == len(response.content)
    assert 0 <= entry["first"] <= entry["seconds"] < 5
    assert {"prompt_tokens", "input_tokens"} & entry["usage"].keys()
    assert {"completion_tokens", "output_tokens"} & entry["usage"].keys()
    found = page.details()
    assert json.loads(found["body"]) == sent
    assert found["response"] == response.text
    assert ["authorization", f"Bearer {HIDDEN}"] in found["headers"]
    assert dict(found["response_headers"])["x-request-id"] == response.headers["x-request-id"]


def test_keys_are_shown_nowhere(emu, page):
    """Neither its own, nor one that somebody sent by mistake; wherever they stand, whether they are taken or not."""
    real = "sk-do-v1-a-real-key-of-somebody"
    for key, name in [
        (emu.api_key, "authorization"),
        (real, "authorization"),
        (real, "x-api-key"),
        (real, "X-My-Token"),
    ]:
        value = f"Bearer {key}" if name == "authorization" else key
        sent = body(f"my key is {key}") | {"user": key}
        headers = {name: value, "x-note": f"{key}!", "cookie": "session=secret-cookie"}
        httpx.post(f"{emu.base_url}/chat/completions?key={key}", json=sent, headers=headers)
    page.ended(4)
    texts = [page.ask("GET", "state").text, *(page.ask("GET", f"requests/{id_}").text for id_ in page.state()["ids"])]
    assert len(texts) == 5
    for text in texts:
        assert emu.api_key not in text
        assert real not in text
        assert "secret-cookie" not in text
    assert f"You said: my key is {HIDDEN}" in texts[1]


def test_a_key_that_no_header_has_is_hidden_by_its_name_or_its_shape(emu, page):
    sent = body("Hello") | {"api_key": "sk-ant-of-another-service", "user": "dop_v1_0123456789abcdef"}
    url = f"{emu.base_url}/chat/completions?x=1&api_key=plain+text&key=short&access_token=a%2Fb&model=m"
    httpx.post(url, json=sent, headers={"authorization": f"Bearer {emu.api_key}"})
    [entry] = page.ended(1)
    fields = f"x=1&api_key={HIDDEN}&key={HIDDEN}&access_token={HIDDEN}&model=m"
    assert entry["path"] == f"/v1/chat/completions?{fields}"
    found = json.loads(page.details()["body"])
    assert (found["api_key"], found["user"]) == (HIDDEN, HIDDEN)


def test_a_key_that_a_bound_cuts_is_hidden_as_well():
    key = "sk-0123456789"
    for before in range(30):
        shown = Masks(frozenset({key})).body(b"x" * before + key.encode() * 4, 20)
        assert "sk-0" not in shown.replace(HIDDEN, "")
        assert len(shown) <= 20


def test_what_went_wrong_is_listed(emu, page, ask):
    emu.script(Status(503), Drop(after_events=2), Drop(before_head=True))
    ask.post()
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            ask.post(stream=True)
    ask.http.post("/chat/completions", content=b"{no json")
    ask.http.get("/nothing")
    listed = page.ended(5)
    assert [(entry["status"], entry["end"], entry["faults"]) for entry in listed] == [
        (503, "complete", ["Status"]),
        (200, "cut", ["Drop"]),
        (None, "cut", ["Drop"]),
        (400, "complete", []),
        (404, "complete", []),
    ]
    assert listed[1]["events"] == 2
    assert page.details(1)["response"].count("data: ") == 2
    assert page.details(3)["body"] == "{no json"


def test_a_client_that_leaves_is_seen_while_and_after(emu, page):
    with connect(emu) as sock:
        emu.script(DelayEvents(5))
        sock.sendall(raw_request(emu, body("Hello", stream=True)))
        sock.recv(1000)
        [entry] = page.state()["requests"]
        assert (entry["status"], entry["end"], entry["seconds"]) == (200, None, None)
    [entry] = page.ended()
    assert entry["end"] == "client left"
    assert len(emu.disconnects) == 1


def test_the_list_is_bounded(emu, page, ask):
    large = ask.post("x" * (LARGEST + 1_000))
    assert large.status_code == 200
    page.ended()
    found = page.details()
    assert (len(found["body"]) <= LARGEST, found["body_bytes"] > LARGEST) == (True, True)
    for _ in range(MOST + 5):
        ask.http.get("/models/none")
    ids = page.state()["ids"]
    assert (len(ids), ids[-1] - ids[0]) == (MOST, MOST - 1)
    assert page.ask("GET", "requests/0").status_code == 404


def test_clearing_forgets_all(emu, page, ask):
    ask.post()
    assert page.ask("DELETE", "requests").status_code == 200
    state = page.state()
    assert (state["ids"], state["requests"]) == ([], [])


def test_a_question_waits_for_a_change(emu, page, ask):
    version = page.state()["version"]
    answers: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: answers.append(page.state(version, 20)))
    waiter.start()
    time.sleep(0.3)
    assert not answers
    ask.post()
    waiter.join(10)
    assert answers[0]["version"] > version
    assert len(answers[0]["requests"]) == 1
    page.ended()
    latest = page.state()["version"]
    started = time.monotonic()
    assert page.state(latest, 0.3)["requests"] == []
    assert time.monotonic() - started >= 0.3
