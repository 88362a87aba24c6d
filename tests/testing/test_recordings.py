"""Record and replay. The "real" API is an emulator on a port of its own, with a key of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference_do.emulator import Emulator, Status

pytest_plugins = ["pytester"]

KEY = "sk-do-v1-very-secret-0123456789"
RECORDED = """
@pytest.mark.digitalocean(recorded=True)
def test_it():
    assert ask("Hello") == EXPECTED
"""
STREAMED = """
@pytest.mark.digitalocean(recorded=True)
@pytest.mark.parametrize("model", ["gemma-4-31B-it", "anthropic-claude-opus-4.6", "openai-gpt-5.4"])
def test_it(model):
    with Client() as client:
        with client.stream(model=model, messages=[{"role": "user", "content": "Think and say hello"}]) as stream:
            texts = [chunk.text for chunk in stream]
        assert "".join(texts).startswith("You said: Think")
        assert client.embed(model="qwen3-embedding-0.6b", input=["a"]).data[0].embedding
"""


@pytest.fixture
def real(monkeypatch):
    """Run the real API, whose key and URL are in the environment that pytest is started in."""
    with Emulator(api_key=KEY) as emulator:
        monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", KEY)
        monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", emulator.base_url)
        yield emulator


def recording(pytester, name="test_it"):
    return pytester.path / "recordings" / "test_app" / f"{name}.json"


def pieces(*texts):
    """Return a stream of these pieces of text."""
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    return [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


def app(expected):
    return RECORDED.replace("EXPECTED", repr(expected))


def test_what_was_recorded_is_replayed_without_the_real_api(run, pytester, real, monkeypatch):
    real.reply("Bonjour")
    run(app("Bonjour"), "--digitalocean-record").assert_outcomes(passed=1)
    assert real.posts == 1
    monkeypatch.delenv("DIGITALOCEAN_INFERENCE_KEY")
    run(app("Bonjour")).assert_outcomes(passed=1)
    assert real.posts == 1
    [exchange] = json.loads(recording(pytester).read_text())["exchanges"]
    assert exchange["request"]["body"]["messages"] == [{"role": "user", "content": "Hello"}]
    assert exchange["response"]["json"]["choices"][0]["message"]["content"] == "Bonjour"


def test_a_recording_can_be_edited(run, pytester, real):
    real.reply("Bonjour")
    run(app("Bonjour"), "--digitalocean-record").assert_outcomes(passed=1)
    recording(pytester).write_text(recording(pytester).read_text().replace("Bonjour", "Guten Tag"))
    run(app("Guten Tag")).assert_outcomes(passed=1)


def test_streams_of_all_apis_and_embeddings(run, pytester, real):
    run(STREAMED, "--digitalocean-record").assert_outcomes(passed=3)
    assert real.posts == 6
    run(STREAMED).assert_outcomes(passed=3)
    assert real.posts == 6
    text = recording(pytester, "test_it-gemma-4-31B-it").read_text()
    lines = [line for line in text.splitlines() if line.strip().startswith('{"data":')]
    assert len(lines) > 3
    assert json.loads(lines[0].strip(" ,"))["data"]["object"] == "chat.completion.chunk"
    events = json.loads(recording(pytester, "test_it-openai-gpt-5.4").read_text())["exchanges"][0]["response"]["events"]
    assert events[-1]["event"] == "response.completed"


@pytest.mark.long
def test_frameworks_with_tools(run, pytester, real):
    source = """
@pytest.mark.digitalocean(recorded=True)
def test_langchain():
    from langchain_do import ChatDigitalOcean
    from langchain_core.messages import HumanMessage, ToolMessage

    properties = {"city": {"type": "string"}}
    tool = {"title": "get_weather", "description": "Get it", "type": "object", "properties": properties}
    model = ChatDigitalOcean(model="anthropic-claude-opus-4.6").bind_tools([tool], tool_choice="any")
    history = [HumanMessage("How is the weather in Paris?")]
    answer = model.invoke(history)
    [call] = answer.tool_calls
    history += [answer, ToolMessage("sunny", tool_call_id=call["id"])]
    assert len("".join(chunk.text for chunk in model.stream(history))) >= 0

@pytest.mark.digitalocean(recorded=True)
async def test_llamaindex():
    from llamaindex_do import DigitalOcean

    assert (await DigitalOcean(model=MODEL).acomplete("Hello")).text == "You said: Hello"
"""
    run(source, "--digitalocean-record", own_process=True).assert_outcomes(passed=2)
    assert real.posts == 3
    run(source, own_process=True).assert_outcomes(passed=2)
    assert real.posts == 3


def test_no_secret_is_written(run, pytester, real, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery-staple")
    real.reply(f"your key is {KEY}", extra={"request_id": "7f3-request", "api_key": "whatever-it-is"})
    source = f"""
@pytest.mark.digitalocean(recorded=True)
def test_it():
    text = ask("{KEY} and correct-horse-battery-staple and Bearer abcdefghijklmnop1234 and ghp_0123456789abcdef")
    assert text == "your key is (secret)"
"""
    run(source, "--digitalocean-record").assert_outcomes(passed=1)
    text = recording(pytester).read_text()
    for secret in (
        KEY,
        "battery",
        "abcdefghijklmnop",
        "ghp_0",
        "7f3-request",
        "whatever-it-is",
        "x-request-id",
        "uthorization",
    ):
        assert secret not in text
    assert "(secret) and (secret) and (secret) and (secret)" in text
    run(source).assert_outcomes(passed=1)


def test_a_changed_request_fails_with_the_difference(run, real):
    run(app("You said: Hello"), "--digitalocean-record").assert_outcomes(passed=1)
    result = run(app("You said: Hello").replace('ask("Hello")', 'ask("Hello!", temperature=0.5)'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*POST /v1/chat/completions is not in the recording:",
            "--- recorded",
            "+++ asked",
            '-        "content": "Hello",',
            '+        "content": "Hello!",',
            '+    "temperature": 0.5',
            "*FAILED*",
        ]
    )
    assert real.posts == 1


def test_a_changed_request_fails_a_test_that_hides_it(run, real):
    run(app("You said: Hello"), "--digitalocean-record").assert_outcomes(passed=1)
    result = run("""
@pytest.mark.digitalocean(recorded=True)
def test_it():
    ask("Hello")
    for text in ("Hello", "Other"):
        with pytest.raises(InferenceError, match="not in the recording"):
            ask(text)
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["every recorded answer has been given; this request is one more:"])


def test_what_is_recorded_and_not_asked_for_fails(run, real):
    run(app("You said: Hello"), "--digitalocean-record").assert_outcomes(passed=1)
    result = run("@pytest.mark.digitalocean(recorded=True)\ndef test_it(): pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*recorded, but not asked for: *Hello*"])


def test_failures_of_the_server_are_not_recorded(run, pytester, real):
    real.script(Status(503), Status(429, headers={"retry-after": "0"}))
    run(app("You said: Hello"), "--digitalocean-record").assert_outcomes(passed=1)
    assert len(json.loads(recording(pytester).read_text())["exchanges"]) == 1
    run(app("You said: Hello")).assert_outcomes(passed=1)


def test_a_refusal_is_recorded(run, real):
    source = """
@pytest.mark.digitalocean(recorded=True)
def test_it():
    with pytest.raises(InferenceError, match="model not found|no such model|not found"):
        with Client() as client:
            client.chat(model="no-such-model", messages=[{"role": "user", "content": "Hello"}])
"""
    run(source, "--digitalocean-record").assert_outcomes(passed=1)
    posts = real.posts
    run(source).assert_outcomes(passed=1)
    assert real.posts == posts


def test_a_test_that_fails_leaves_its_recording_as_it_was(run, pytester, real):
    run(app("You said: Hello"), "--digitalocean-record").assert_outcomes(passed=1)
    before = recording(pytester).read_text()
    run(app("other"), "--digitalocean-record").assert_outcomes(failed=1)
    assert recording(pytester).read_text() == before


def test_without_a_recording_or_a_key_the_test_says_what_to_do(run, pytester, monkeypatch):
    result = run(app("x"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["there is no recording recordings/test_app/test_it.json: run the test with --digitalocean-record*"]
    )
    result = run(app("x"), "--digitalocean-record")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--digitalocean-record needs the real API: *DIGITALOCEAN_INFERENCE_KEY*"])
    recording(pytester).parent.mkdir(parents=True)
    recording(pytester).write_text("[1]")
    result = run(app("x"))
    result.stdout.fnmatch_lines(["*test_it.json is no recording of this plugin*"])


def test_a_real_api_that_is_not_there(run, pytester, monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", KEY)
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", "http://127.0.0.1:9/v1")
    result = run(app("x"), "--digitalocean-record")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the real API could not be asked: ConnectError*"])
    assert not recording(pytester).exists()


def test_names_of_tests_become_names_of_files(run, pytester, real):
    source = """
class TestApp:
    @pytest.mark.digitalocean(recorded=True)
    @pytest.mark.parametrize("text", ["a/b", "a b", "../../x", "é" * 200])
    def test_it(self, text):
        assert ask(text) == f"You said: {text}"
"""
    run(source, "--digitalocean-record").assert_outcomes(passed=4)
    files = sorted(path.name for path in (pytester.path / "recordings" / "test_app").iterdir())
    assert len(files) == 4
    assert all(name.startswith("TestApp-test_it") and len(name) < 150 for name in files)
    run(source).assert_outcomes(passed=4)
    assert not list(Path(pytester.path).rglob("*.part"))


ODD = """
@pytest.mark.digitalocean(recorded=True)
def test_it():
    with Client() as client:
        fields = dict(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
        assert client.chat(**fields).text == "half \\ud83d"
        with client.stream(**fields) as stream:
            texts = [chunk.text for chunk in stream if chunk.text]
        assert texts == ["one\\u2028two\\x85", "three \\ud83d", "\\ude00\\x1c"]
"""


def test_line_ends_and_half_characters_that_texts_have(run, pytester, real):
    real.reply("half \ud83d")
    real.reply(pieces("one\u2028two\x85", "three \ud83d", "\ude00\x1c"))
    run(ODD, "--digitalocean-record").assert_outcomes(passed=1)
    run(ODD).assert_outcomes(passed=1)
    assert not list(pytester.path.glob("recordings/**/*.part"))


SPLIT = """
@pytest.mark.digitalocean(recorded=True)
def test_it():
    with Client() as client:
        stream = client.stream(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
        with stream:
            assert "".join(chunk.text for chunk in stream) == "It is (secret) and (secret), (secret)!"
"""


def test_a_secret_that_is_split_over_events_is_not_written(run, pytester, real, monkeypatch):
    monkeypatch.setenv("MY_PASSWORD", "correct horse battery")
    secrets = "cor", "rect ho", "rse battery and ", "sk-do-ab", "cdefghijklmnop", ", AKIAIOSF", "ODNN7EXAMPLE!"
    real.reply(pieces("It is ", *secrets))
    run(SPLIT, "--digitalocean-record").assert_outcomes(passed=1)
    run(SPLIT).assert_outcomes(passed=1)
    text = recording(pytester).read_text()
    assert not [part for part in ("rse bat", "cdefgh", "ODNN7", "sk-do", "IOSF") if part in text]
