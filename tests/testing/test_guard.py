"""No real calls: a test without the fixture does not reach DigitalOcean, whatever library it calls with."""

from __future__ import annotations

import os
import socket

import pytest

pytest_plugins = ["pytester"]

KEY = "sk-do-v1-of-the-developer"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", KEY)


@pytest.mark.parametrize(
    "call",
    [
        "ask('Hello')",
        "ask('Hello', Client(base_url='https://x.agents.do-ai.run'))",
        "ask('Hello', Client(base_url='https://x-dedicated-inference.do-infra.ai/v1'))",
        "httpx.get('https://inference.do-ai.run/v1/models')",
    ],
)
def test_a_real_call_fails_with_what_to_do(run, call):
    result = run(f"import httpx\n\ndef test_it():\n    {call}\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*a test would have called the real API at '*do-*', and nothing was sent. Use the fixture *real-calls*"]
    )


def test_through_a_framework_as_well(run):
    result = run(
        """
def test_langchain():
    from langchain_do import ChatDigitalOcean
    ChatDigitalOcean(model=MODEL).invoke("Hello")

def test_llamaindex():
    from llamaindex_do import DigitalOcean
    DigitalOcean(model=MODEL).complete("Hello")
""",
        own_process=True,
    )
    result.assert_outcomes(failed=2)
    said = "*a test would have called the real API at 'inference.do-ai.run'*"
    result.stdout.fnmatch_lines(["*_ test_langchain _*", said, "*_ test_llamaindex _*", said])


def test_in_event_loops(run):
    result = run("""
async def test_it():
    async with AsyncClient() as client:
        await client.chat(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RealCallError*a test would have called the real API at 'inference.do-ai.run'*"])


def test_through_a_proxy_as_well(run, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    result = run("""
def test_ours():
    ask("Hello")

def test_httpx():
    import httpx
    httpx.get('https://inference.do-ai.run/v1/models')
""")
    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("RealCallError: a test would have called") == 2
    assert "NO_PROXY" not in os.environ


def test_one_that_the_app_hides_fails_the_test(run):
    result = run("""
def test_it():
    try:
        ask("Hello")
    except Exception:
        pass

def test_the_next_one_is_not_blamed():
    pass
""")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["a test would have called the real API*"])


@pytest.mark.parametrize(
    "allowed",
    [
        ("--digitalocean-real-calls", "", ""),
        ("-v", "digitalocean_real_calls = true", ""),
        ("-v", "", "@pytest.mark.digitalocean(real_calls=True)"),
    ],
)
def test_real_calls_can_be_allowed(run, pytester, monkeypatch, allowed):
    option, ini, mark = allowed
    asked = []

    def resolve(host, *args, **kwargs):
        asked.append(host)
        raise socket.gaierror(-2, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    pytester.makepyfile(helpers="")
    pytester.makeini(f"[pytest]\nasyncio_default_fixture_loop_scope = function\n{ini}\n")
    result = run(
        f"""
import pytest
from inference_do import Client, InferenceError
{mark}
def test_it():
    with Client(max_retries=0) as client, pytest.raises(InferenceError, match="name was not found"):
        client.chat(model="gemma-4-31B-it", messages=[{{"role": "user", "content": "Hello"}}])
""",
        option,
    )
    result.assert_outcomes(passed=1)
    assert asked == ["inference.do-ai.run"]
    assert socket.getaddrinfo is resolve


def test_what_mocks_http_is_not_disturbed(run):
    result = run("""
import httpx
import respx

CHAT = {"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}

def test_respx():
    with respx.mock(using="httpx") as router:
        router.post("https://inference.do-ai.run/v1/chat/completions").mock(return_value=httpx.Response(200, json=CHAT))
        assert ask("Hello") == "Paris"

def test_pytest_httpx(httpx_mock):
    httpx_mock.add_response(json=CHAT)
    assert ask("Hello") == "Paris"

def test_other_hosts_are_none_of_its_business():
    import socket
    assert socket.getaddrinfo("localhost", 80)
    assert socket.getaddrinfo(b"127.0.0.1", 80)
""")
    result.assert_outcomes(passed=3)


def test_pytest_socket_leaves_the_emulator_reachable(run):
    result = run(
        "async def test_it(digitalocean_emulator):\n    assert ask('Hello') == 'You said: Hello'\n",
        "-p",
        "pytest_socket",
        "--disable-socket",
        "--allow-hosts=127.0.0.1",
        own_process=True,
    )
    result.assert_outcomes(passed=1)


def test_it_is_gone_after_the_run(run):
    before = socket.getaddrinfo
    run(
        "def test_it():\n    import socket\n    assert socket.getaddrinfo.__module__ == 'inference_do.testing._guard'\n"
    ).assert_outcomes(passed=1)
    assert socket.getaddrinfo is before
