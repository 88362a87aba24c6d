"""The fixture and the marker: what a test of an application gets, and what fails it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest_plugins = ["pytester"]


def test_a_model_made_without_arguments_asks_the_emulator(run, monkeypatch):
    monkeypatch.setenv("MODEL_ACCESS_KEY", "sk-do-of-the-developer")
    result = run(
        """
        def test_it(digitalocean_emulator):
            assert "MODEL_ACCESS_KEY" not in os.environ
            assert ask("Hello") == "You said: Hello"
            assert digitalocean_emulator.requests[-1].messages == [{"role": "user", "content": "Hello"}]

        def test_each_has_its_own(digitalocean_emulator):
            assert digitalocean_emulator.requests == []

        def test_the_environment_is_as_before():
            assert os.environ["MODEL_ACCESS_KEY"] == "sk-do-of-the-developer"
            assert "DIGITALOCEAN_INFERENCE_BASE_URL" not in os.environ
    """.replace("\n        ", "\n")
    )
    result.assert_outcomes(passed=3)


def test_langchain_and_llamaindex(run):
    result = run(
        """
def test_langchain(digitalocean_emulator):
    from langchain_do import ChatDigitalOcean
    from langchain_do.testing import sent_messages
    from langchain_core.messages import HumanMessage

    digitalocean_emulator.reply(tool_calls=[("get_weather", {"city": "Paris"})], when="weather")
    answer = ChatDigitalOcean(model=MODEL).invoke("How is the weather?")
    assert answer.tool_calls[0]["args"] == {"city": "Paris"}
    assert sent_messages(digitalocean_emulator.requests[-1]) == [HumanMessage("How is the weather?")]

def test_llamaindex(digitalocean_emulator):
    from llamaindex_do import DigitalOcean
    from llamaindex_do.testing import sent_messages
    from llama_index.core.llms import ChatMessage

    digitalocean_emulator.reply("Paris")
    assert DigitalOcean(model=MODEL).complete("The capital of France?").text == "Paris"
    assert sent_messages(digitalocean_emulator.requests[-1]) == [ChatMessage("The capital of France?", role="user")]
""",
        own_process=True,
    )
    result.assert_outcomes(passed=2)


def test_replies_are_matched_to_prompts_in_whatever_order(run):
    result = run(
        """
@pytest.mark.digitalocean(replies=[
    ("France", "Paris"),
    (re.compile(r"capital of (Italy|Spain)"), "Rome"),
    (lambda request: request["temperature"] == 0.5, "warm"),
    reply("any", when="Norway", finish_reason="length"),
    "the rest",
])
def test_it():
    assert ask("The capital of Norway") == "any"
    assert ask("Tell me", temperature=0.5) == "warm"
    assert ask("The capital of Italy?") == "Rome"
    assert ask("The capital of France?") == "Paris"
    assert ask("The capital of France?", temperature=0.1) == "the rest"
""".replace('request["temperature"]', 'request.get("temperature")')
    )
    result.assert_outcomes(passed=1)


def test_a_fault_does_not_use_up_the_reply(run):
    run("""
@pytest.mark.digitalocean(faults=[Status(503)], replies=["Paris"])
def test_it():
    assert ask("The capital of France?") == "Paris"
""").assert_outcomes(passed=1)


def test_what_is_not_used_fails_the_test_with_what_was_asked(run):
    result = run("""
@pytest.mark.digitalocean(replies=[("Italy", "Rome")], strict=False, faults=[None, Status(503)])
def test_it():
    ask("The capital of Spain?")
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "not used: reply('Rome', when='Italy')",
            "not used: the fault Status(status=503*",
            "What was asked:",
            "1. POST /v1/chat/completions gemma-4-31B-it user: 'The capital of Spain?'",
        ]
    )


def test_a_request_for_which_there_is_no_reply_fails_the_test_even_if_the_app_hides_it(run):
    result = run("""
@pytest.mark.digitalocean(replies=[("Italy", "Rome")])
def test_hidden():
    ask("The capital of Italy?")
    with pytest.raises(InferenceError, match="no scripted reply"):
        ask("The capital of Spain?")

@pytest.mark.digitalocean(replies=[(lambda request: request["nothing"], "x")], strict=False)
def test_a_function_that_fails():
    with pytest.raises(InferenceError):
        ask("Hello")
""")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "no scripted reply is for a request that ends in 'The capital of Spain?'; waiting: none",
            "a function that was given as when= failed: KeyError('nothing')",
        ]
    )


def test_a_failing_test_shows_what_was_asked(run):
    result = run("""
def test_it(digitalocean_emulator):
    assert ask("Hello") == "Bonjour"
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*requests to DigitalOcean's emulator*", "1. POST /v1/chat/completions *user: 'Hello'"]
    )


def test_faults_and_options_of_the_emulator(run):
    result = run("""
@pytest.mark.digitalocean(faults=[Status(503)], quirks=Quirks(empty_role=True), models=["mine"])
class TestIt:
    def test_it(self, digitalocean_emulator):
        with Client() as client:
            assert client.chat(model="mine", messages=[{"role": "user", "content": "Hi"}]).text == "You said: Hi"
        assert digitalocean_emulator.posts == 2

    @pytest.mark.digitalocean(faults=[])
    def test_the_nearest_marker_holds(self, digitalocean_emulator):
        ask("Hi")
        assert digitalocean_emulator.posts == 1
""")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("['Paris']", "*takes its arguments by name*"),
        ("recorded=True, replies=['x']", "*either recorded or has scripted replies*"),
        ("replies=[3]", "*a scripted answer is text*not 3*"),
        ("replies=[(3, 'x')]", "*when= is a text, a compiled pattern or a function*not 3*"),
        ("replies='Paris'", "*replies are a list: *'Paris'*"),
        ("replies={'France': 'Paris'}", "*replies are a list*"),
        ("faults=[503]", "*a fault is one of*Status(503), not 503"),
        ("faults=[None, [Status]]", "*a fault is one of*not *Status*"),
        ("faults=Status(503)", "*faults are a list*"),
        ("reply=['x']", "*has no argument 'reply'; it has: *, replies, *"),
    ],
)
def test_a_wrong_marker_says_so(run, arguments, message):
    result = run(f"@pytest.mark.digitalocean({arguments})\ndef test_it(): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_unittest(run):
    result = run("""
@pytest.mark.usefixtures("digitalocean_emulator")
class Plain(unittest.TestCase):
    def test_it(self):
        self.digitalocean_emulator.reply("Paris")
        self.assertEqual(ask("Hello"), "Paris")

    def test_unused(self):
        self.digitalocean_emulator.reply("Paris")

    def test_its_own_failure(self):
        self.digitalocean_emulator.reply("Paris")
        self.assertEqual(1, 2)

@pytest.mark.digitalocean(replies=["Rome"])
class Marked(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        async with AsyncClient() as client:
            answer = await client.chat(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
        self.assertEqual(answer.text, "Rome")
""")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*AssertionError: 1 != 2", "not used: reply('Paris')"])


def test_pytest_asyncio_and_xdist(run):
    result = run(
        """
@pytest.mark.parametrize("word", ["a", "b", "c", "d"])
@pytest.mark.digitalocean(replies=["Rome"])
async def test_it(word, digitalocean_emulator):
    async with AsyncClient() as client:
        answer = await client.chat(model=MODEL, messages=[{"role": "user", "content": word}])
    assert answer.text == "Rome"
    assert [request.messages[-1]["content"] for request in digitalocean_emulator.requests] == [word]
""",
        "-p",
        "xdist.plugin",
        "-n2",
        own_process=True,
    )
    result.assert_outcomes(passed=4)


def test_xfail_and_skip_stay_what_they_are(run):
    result = run("""
@pytest.mark.xfail(strict=True)
@pytest.mark.digitalocean(replies=["Rome"])
def test_it():
    pass

@pytest.mark.digitalocean(replies=["Rome"])
def test_skipped():
    pytest.skip("not today")
""")
    result.assert_outcomes(xfailed=1, skipped=1)


def test_a_suite_that_does_not_use_it_loads_nothing_of_it(pytester):
    pytester.makepyfile(test_plain="def test_it(): pass")
    heavy = "('inference_do.emulator', 'inference_do.config', 'langchain', 'llama_index', 'httpx', 'pydantic', 'h11')"
    code = (
        "import sys, pytest; pytest.main(['-q', '-p', 'inference_do.testing.plugin', '-p', 'no:cacheprovider']);"
        "ours = [name for name in sys.modules if name.startswith('inference_do')];"
        f"print(*(name for name in sys.modules if name.startswith({heavy})), len(ours))"
    )
    environment = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=150, env=environment
    )
    *_, passed, last = done.stdout.splitlines()
    assert "1 passed" in passed
    assert int(last) <= 8


def test_a_marker_that_a_conftest_adds(run, pytester):
    pytester.makeconftest("""
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.digitalocean(replies=["Added"]))
""")
    run("def test_it(): assert ask('Hi') == 'Added'").assert_outcomes(passed=1)


def test_a_model_of_the_session_is_without_an_emulator_from_the_first_test_on(run, monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", "sk-do-of-the-developer")
    result = run("""
@pytest.fixture(scope="session")
def client():
    return Client()

@pytest.mark.digitalocean
@pytest.mark.parametrize("number", [1, 2])
def test_it(client, number):
    ask("Hi", client)
""")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*RealCallError: a test would have called the real API*"] * 2)


def test_no_proxy_and_no_undo_stand_between_the_test_and_the_emulator(run, monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    run("""
import httpx

def test_it(digitalocean_emulator, monkeypatch):
    monkeypatch.setenv("OF_THE_TEST", "1")
    monkeypatch.undo()
    url, key = os.environ["DIGITALOCEAN_INFERENCE_BASE_URL"], os.environ["DIGITALOCEAN_INFERENCE_KEY"]
    assert httpx.get(f"{url}/models", headers={"authorization": f"Bearer {key}"}).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://other.example")
""").assert_outcomes(passed=1)
