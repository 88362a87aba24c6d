"""The playground's page and control API over HTTP: who may ask, and how it refuses."""

from __future__ import annotations

import re

import httpx
import pytest
from emulator_kit import body, connect
from playground_kit import PlaygroundPage

from inference_do.emulator import Emulator, RawBody

EVIL = "https://evil.example"


def test_without_the_playground_there_is_none():
    with Emulator() as emulator:
        key = {"authorization": f"Bearer {emulator.api_key}"}
        for path in ("", "_playground/state", "_playground/main.js"):
            assert httpx.get(emulator.page_url + path).status_code == 401
            assert httpx.get(emulator.page_url + path, headers=key).status_code == 404
        own = {"origin": emulator.page_url.rstrip("/"), **key}
        assert httpx.get(f"{emulator.base_url}/models", headers=own).status_code == 403


def test_the_page_is_whole_and_asks_nobody_else(page):
    response = page.http.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    seen, left = set(), set(re.findall(r'(?:href|src)="(/[^"]+)"', response.text))
    while left:
        path = left.pop()
        found = page.http.get(path)
        seen.add(path)
        assert (found.status_code, found.headers["x-content-type-options"]) == (200, "nosniff")
        assert found.headers["content-type"].split(";")[0] == (
            "text/css" if path.endswith("css") else "text/javascript"
        )
        assert not re.search(r"https?://(?!www\.w3\.org)", found.text)
        left |= {f"/_playground/{name}" for name in re.findall(r'from "\./([^"]+)"', found.text)} - seen
    assert len(seen) > 8
    assert not re.search(r"https?://(?!www\.w3\.org)", response.text)
    assert not re.search(r" on\w+=|<style|innerHTML", response.text)


def test_the_page_holds_no_key_and_may_not_be_framed_or_kept(emu, page):
    response = page.http.get("/")
    assert emu.api_key not in response.text
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"


def test_what_the_page_asks_for_is_no_request_of_a_client(emu, page, ask):
    emu.script(RawBody(b'"scripted"'))
    page.ask("PUT", "limits", {"requests": 5})
    page.ask("POST", "faults", {"fault": "Status", "fields": {"status": 500}})
    assert (emu.requests, emu.posts) == ([], 0)
    assert ask.post().text == '"scripted"'


# --- who may ask ---


@pytest.mark.parametrize("cors", [[], [EVIL], "*"], ids=str)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.nip.io"},
    ],
    ids=str,
)
def test_other_pages_are_refused_whatever_cors_allows(cors, headers):
    with Emulator(playground=True, cors=cors) as emulator, PlaygroundPage(emulator) as page:
        for path in ("setup", "state", "limits", "faults", "main.js"):
            method = {"limits": "PUT", "faults": "POST"}.get(path, "GET")
            refused = page.ask(method, path, {} if method != "GET" else None, **headers)
            assert refused.status_code == 403
            assert not [name for name in refused.headers if name.startswith("access-control")]
        assert page.http.get("/", headers=headers).status_code == 403
        assert page.http.get("/").headers.get("access-control-allow-origin") is None


def test_a_preflight_is_refused(page):
    asked = {
        "origin": EVIL,
        "access-control-request-method": "GET",
        "access-control-request-headers": "x-playground-token",
    }
    refused = page.http.options("/_playground/state", headers=asked)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_a_link_from_elsewhere_leads_to_the_page(page):
    arrived = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert page.http.get("/", headers=arrived).status_code == 200
    assert page.http.get("/_playground/setup", headers=arrived | {"x-playground-token": page.token}).status_code == 403


@pytest.mark.parametrize("token", ["", "wrong", "\xe9"])
def test_the_control_api_needs_the_pages_token(page, token):
    given = {"x-playground-token": token.encode()}
    for method, path in [("GET", "setup"), ("GET", "state"), ("GET", "requests/0"), ("DELETE", "faults")]:
        assert page.http.request(method, f"/_playground/{path}", headers=given).status_code == 403
    assert page.ask("GET", "state", origin=page.url.rstrip("/")).status_code == 200


def test_tokens_are_of_one_emulator(page):
    with Emulator(playground=True) as emulator, PlaygroundPage(emulator) as other:
        assert other.ask("GET", "setup", **{"x-playground-token": page.token}).status_code == 403


def test_the_page_may_ask_the_api_and_other_pages_may_not(emu, page):
    def asked(origin: str) -> int:
        headers = {"authorization": f"Bearer {emu.api_key}", "origin": origin}
        return httpx.post(f"{emu.base_url}/chat/completions", json=body(), headers=headers).status_code

    port = page.url.rsplit(":", 1)[1].rstrip("/")
    assert asked(f"http://127.0.0.1:{port}") == 200
    for other in (EVIL, "null", "http://127.0.0.1:1", f"https://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert asked(other) == 403


# --- honest refusals ---


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "nothing", 404, None),
        ("GET", "index.html", 404, None),
        ("GET", "..%2fendpoint.py", 404, None),
        ("GET", "requests/123", 404, None),
        ("GET", "requests/x", 404, None),
        ("DELETE", "faults/always/0", 404, None),
        ("POST", "state", 405, "GET"),
        ("PATCH", "limits", 405, "PUT, DELETE"),
        ("POST", "main.js", 405, "GET"),
        ("GET", "state?after=x", 400, None),
        ("GET", "state?wait=-1", 400, None),
        ("GET", "state?after=1e9", 400, None),
    ],
)
def test_wrong_paths_and_methods(page, method, path, status, allow):
    response = page.ask(method, path)
    assert (response.status_code, response.headers.get("allow")) == (status, allow)
    assert response.json()["error"]["message"]


def test_the_pages_own_address_takes_only_get(page):
    response = page.http.post("/")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"requests": 5}', "text/plain", 415),
        (b'{"requests": 5}', "application/json; charset=utf-8", 200),
        (b" " * 70_000, "application/json", 413),
        (b" " * 2_000_000, "application/json", 413),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bodies_are_bounded_json(emu, page, content, kind, status):
    """With the key too: a taken key is no reason to hold 200 MiB."""
    headers = {"x-playground-token": page.token, "content-type": kind, "authorization": f"Bearer {emu.api_key}"}
    response = page.http.put("/_playground/limits", content=content, headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize("path", ["/", "/_playground/state", "/v1/models", "/nothing"])
def test_head_gets_a_head_alone_and_the_connection_goes_on(emu, path):
    """A body would be read as the beginning of the next response."""
    ask = f"HEAD {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with connect(emu) as sock:
        sock.sendall(ask.encode() + b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        received = b""
        while data := sock.recv(65536):
            received += data
    first, second, _ = received.split(b"\r\n\r\n", 2)
    assert first.startswith(b"HTTP/1.1 4")
    assert second.startswith(b"HTTP/1.1 200 OK")
