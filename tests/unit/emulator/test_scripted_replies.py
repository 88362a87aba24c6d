"""Which scripted answer a request gets, on each of the three APIs, and what a strict emulator refuses."""

from __future__ import annotations

import re
import threading

import pytest
from emulator_kit import Asker, user
from emulator_wires import CLAUDE, PLAIN_OPENAI

from inference_do import BadRequestError, Client, StreamError
from inference_do.emulator import Drop, Emulator, RateLimited, RawBody, Reset, Status, reply

MODELS = ["gemma-4-31B-it", CLAUDE, PLAIN_OPENAI]


def ask(emulator, text, model="gemma-4-31B-it"):
    with Client(emulator.api_key, base_url=emulator.base_url) as client:
        return client.chat(model=model, messages=[user(text)]).text


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_goes_to_the_request_that_it_is_for(model):
    replies = [
        ("Rome?", "a"),
        (re.compile("^Osl[o]"), "b"),
        (lambda chat: chat["messages"][0]["content"] == "Bern", "c"),
    ]
    with Emulator(replies=replies) as emulator:
        assert [ask(emulator, text, model) for text in ("Bern", "Oslo", "Rome", "Rome?")] == [
            "c",
            "b",
            "You said: Rome",
            "a",
        ]
        assert not emulator.replies


def test_the_last_message_decides_whoever_wrote_it(request):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        user("question"),
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ]
    with Emulator(replies=[("r", {"content": "of the result"})]) as emulator:
        emulator.reply("of the question", when="question")
        asker = Asker(emulator)
        request.addfinalizer(asker.http.close)
        assert asker.says("question", tools=[tool]) == "of the question"
        assert asker.says(history, tools=[tool]) == "of the result"


def test_one_without_a_condition_is_for_the_next_request():
    with Emulator(replies=[("Rome", "a"), "b", reply("c", reasoning="hm")]) as emulator:
        assert [ask(emulator, text) for text in ("x", "Rome", "y")] == ["b", "a", "c"]


@pytest.mark.parametrize(
    "fault", [Status(503), RateLimited(reset_after=0.01), RawBody(b"{", status=500), Drop(before_head=True), Reset()]
)
def test_a_request_of_which_a_fault_lets_nothing_through_takes_none(fault):
    with Emulator(replies=["Paris"], faults=[fault], strict=True) as emulator:
        assert ask(emulator, "The capital of France?") == "Paris"
        assert emulator.posts == 2
        assert not emulator.unexpected


def test_a_stream_that_is_cut_in_the_middle_takes_one():
    with Emulator(replies=["one two three four"], faults=[Reset(after_events=3)]) as emulator:
        with Client(emulator.api_key, base_url=emulator.base_url) as client, pytest.raises(StreamError) as caught:
            list(client.stream(model="gemma-4-31B-it", messages=[user("Count")]))
        assert "one" in caught.value.partial.text
        assert not emulator.replies


@pytest.mark.parametrize("model", MODELS)
def test_a_strict_emulator_refuses_what_no_answer_is_for(model):
    with Emulator(replies=[("Rome", "a")], strict=True) as emulator:
        with pytest.raises(
            BadRequestError, match=r"no scripted reply is for a request that ends in 'Oslo'.*when='Rome'"
        ):
            ask(emulator, "Oslo", model)
        assert ask(emulator, "Rome", model) == "a"
        [message] = emulator.unexpected
        assert "'Oslo'" in message
        emulator.reset()
        assert emulator.unexpected == []


def test_a_function_that_fails_is_reported():
    with Emulator(replies=[(lambda chat: chat["temprature"], "a")]) as emulator:
        with pytest.raises(BadRequestError, match=r"when= failed: KeyError\('temprature'\)"):
            ask(emulator, "Oslo")
        assert emulator.unexpected


def test_each_is_given_once_to_many_at_once():
    with Emulator(replies=[(f"no. {n};", str(n)) for n in range(40)], strict=True) as emulator:
        answers = {}
        threads = [
            threading.Thread(target=lambda n=n: answers.update({n: ask(emulator, f"no. {n};")})) for n in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {n: str(n) for n in range(40)}


@pytest.mark.parametrize("model", MODELS)
def test_messages_are_canonical_whichever_api_was_asked(model):
    with Emulator() as emulator:
        ask(emulator, "Oslo", model)
        assert emulator.requests[-1].messages == [user("Oslo")]


def test_an_embedding_has_no_messages():
    with Emulator() as emulator, Client(emulator.api_key, base_url=emulator.base_url) as client:
        client.embed(model="qwen3-embedding-0.6b", input=["a"])
        client.models()
        for request in emulator.requests:
            with pytest.raises(ValueError, match="is no chat request"):
                _ = request.messages


@pytest.mark.parametrize("value", [3, (3, "x"), None])
def test_what_is_no_answer_is_refused(value):
    with pytest.raises(TypeError, match=r"a scripted answer is|when= is"):
        Emulator(replies=[value])
