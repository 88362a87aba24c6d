"""Pages in a browser: none may ask or read, unless the emulator was made to allow its origin."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from emulator_kit import body

from inference_do.emulator import Emulator, RawBody

ORIGIN = "http://localhost:3000"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def preflight(emu: Emulator, origin: str = ORIGIN, **headers: str) -> httpx.Response:
    given = {"origin": origin, **PREFLIGHT, **headers}
    return httpx.request("OPTIONS", f"{emu.base_url}/chat/completions", headers=given)


def ask(emu: Emulator, **headers: str) -> httpx.Response:
    given = {"authorization": f"Bearer {emu.api_key}", **headers}
    return httpx.post(f"{emu.base_url}/chat/completions", json=body(), headers=given)


def shared(response: httpx.Response) -> list[str]:
    return [name for name in response.headers if name.startswith("access-control-")]


def test_by_default_no_page_may_ask(emu):
    response = preflight(emu)
    assert (response.status_code, shared(response)) == (403, [])
    assert "Emulator(cors=['http://localhost:3000']) allows them" in response.json()["error"]["message"]
    refused = ask(emu, origin="https://evil.example")
    assert (refused.status_code, shared(refused)) == (403, [])
    assert shared(ask(emu)) == []


def test_a_page_takes_nothing_from_a_script(emu):
    emu.script(RawBody(b'"scripted"'))
    assert ask(emu, origin="null").status_code == 403
    assert ask(emu, host="evil.example").status_code == 403
    assert ask(emu).text == '"scripted"'


@pytest.mark.parametrize("cors", [[ORIGIN], ORIGIN, ["https://other.example", ORIGIN], "*"], ids=str)
def test_an_allowed_page_may_ask_and_read(cors):
    with Emulator(cors=cors) as emu:
        response = preflight(emu, **{"access-control-request-private-network": "true"})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-allow-methods"] == "GET, POST"
        assert response.headers["access-control-allow-headers"] == "authorization,content-type"
        assert response.headers["access-control-allow-private-network"] == "true"
        assert response.headers["vary"] == "origin"
        answer = ask(emu, origin=ORIGIN)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
        wrong = ask(emu, origin=ORIGIN, authorization="Bearer wrong")
        assert (wrong.status_code, wrong.headers["access-control-allow-origin"]) == (401, ORIGIN)
        evil = preflight(emu, "https://evil.example")
        assert evil.status_code == (200 if cors == "*" else 403)


def test_an_origin_is_one(emu):
    with pytest.raises(ValueError, match="cors takes origins such as"):
        Emulator(cors=["localhost:3000"])
    with pytest.raises(ValueError, match="cors takes origins such as"):
        Emulator(cors=["http://localhost:3000/app"])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "192.168.0.1",
        "[fe80::1]:80",
        "0.0.0.0",
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/health", "/v2/gen-ai/models/catalog"])
def test_names_that_are_not_this_machines_are_refused(emu, host, path):
    """DNS rebinding: a page's own name points here, so that for the browser it asks its own server."""
    url = emu.base_url.removesuffix("/v1") + path
    response = httpx.get(url, headers={"host": host, "authorization": f"Bearer {emu.api_key}"})
    assert response.status_code == 403
    assert repr(host) in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "app.localhost:8000",
        "127.0.0.2",
        "[::1]:9",
        "emulator",
        "api.test",
        "inference.do-ai.run",
    ],
)
def test_names_of_this_machine_are_answered(emu, host):
    assert ask(emu, host=host).status_code == 200


def test_further_names_can_be_added():
    with Emulator(hosts=["llm.example.com"]) as emu:
        assert ask(emu, host="llm.example.com:443").status_code == 200
        assert ask(emu, host="llm.example.org").status_code == 403


# --- scripted JSON where structured output is asked for ---

YEAR = {"type": "function", "function": {"name": "Year", "parameters": {"type": "object", "properties": {"year": {}}}}}
FORCED: list[Any] = [{"type": "function", "function": {"name": "Year"}}, "required"]


@pytest.mark.parametrize("choice", FORCED, ids=["named", "required"])
@pytest.mark.parametrize("stream", [False, True])
def test_json_scripted_as_a_text_is_the_forced_calls_arguments(emu, choice, stream):
    emu.reply('{"year": 1999}')
    fields = body(tools=[YEAR], tool_choice=choice, stream=stream)
    response = httpx.post(
        f"{emu.base_url}/chat/completions", json=fields, headers={"authorization": f"Bearer {emu.api_key}"}
    )
    if stream:
        assert '"name":"Year"' in response.text
        assert '"finish_reason":"tool_calls"' in response.text
        return
    [choice] = response.json()["choices"]
    [call] = choice["message"]["tool_calls"]
    assert (call["function"], choice["finish_reason"]) == (
        {"name": "Year", "arguments": '{"year": 1999}'},
        "tool_calls",
    )
    assert choice["message"]["content"] is None


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        ({"text": '{"year": 1999}'}, "auto"),
        ({"text": "the year 1999"}, "required"),
        ({"text": '{"year": 19'}, "required"),
        ({"text": '{"type": "function", "name": "Year", "parameters": {"year": 1999}}'}, "required"),
        ({"message": {"content": '{"year": 1999}'}}, "required"),
    ],
    ids=["not forced", "no JSON", "cut", "other properties", "message"],
)
def test_all_other_texts_stay_texts(emu, reply, choice):
    emu.reply(**reply)
    fields = body(tools=[YEAR], tool_choice=choice)
    response = httpx.post(
        f"{emu.base_url}/chat/completions", json=fields, headers={"authorization": f"Bearer {emu.api_key}"}
    )
    message = response.json()["choices"][0]["message"]
    assert "tool_calls" not in message
    assert message["content"] == (reply.get("text") or reply["message"]["content"])
