"""Names of tools on the wire: what it takes, kept apart, and read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_do import ConfigError
from inference_do._adapters.tool_names import ToolNames, send_names, wire_name

VALID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("get_weather", "get_weather"),
        ("weather.get", "weather_get"),
        ("Page[int]", "Page_int_"),
        ("My Answer", "My_Answer"),
        ("straße", "stra_e"),
    ],
)
def test_characters_that_the_wire_does_not_take_become_underscores(name, sent):
    assert wire_name(name) == sent


@pytest.mark.parametrize("name", ["x" * 65, "天気", "…", "", "a" * 60 + ".b.c.d.e"])
def test_a_name_that_would_be_too_long_or_empty_has_a_hash(name):
    sent = wire_name(name)
    assert VALID.fullmatch(sent)
    assert re.search(r"_[0-9a-f]{8}$", sent)
    assert wire_name(name) == sent
    assert wire_name(name + "y") != sent


@given(st.lists(st.text(max_size=80), unique=True, max_size=12))
def test_any_names_are_valid_distinct_and_read_back(names):
    known = ToolNames(names)
    sent = [known.to_wire(name) for name in names]
    assert all(VALID.fullmatch(name) for name in sent)
    assert len(set(sent)) == len(names)
    assert [known.from_wire(name) for name in sent] == names
    assert [name for name in names if VALID.fullmatch(name)] == [name for name in sent if name in names]


def test_a_valid_name_stays_whatever_comes_before_it():
    known = ToolNames(["a.b", "a_b"])
    assert known.to_wire("a_b") == "a_b"
    assert known.to_wire("a.b") != "a_b"


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two tools are called 'a'"):
        ToolNames(["a", "a"])


def test_a_request_is_renamed_everywhere_and_what_was_given_stays():
    tool = {"type": "function", "function": {"name": "weather.get", "parameters": {}}}
    call = {"id": "1", "type": "function", "function": {"name": "weather.get", "arguments": "{}"}}
    gone = {"id": "2", "type": "function", "function": {"name": "news.get", "arguments": "{}"}}
    message = {"role": "assistant", "tool_calls": [call, gone]}
    params = {
        "tools": [tool, {"type": "web_search"}],
        "tool_choice": {"type": "function", "function": {"name": "weather.get"}},
        "messages": [{"role": "user", "content": "?"}, message],
    }
    names = send_names(params)
    assert [item.get("function", {}).get("name") for item in params["tools"]] == ["weather_get", None]
    assert params["tool_choice"]["function"]["name"] == "weather_get"
    assert [item["function"]["name"] for item in params["messages"][1]["tool_calls"]] == ["weather_get", "news_get"]
    assert names.from_wire("weather_get") == "weather.get"
    assert (tool["function"]["name"], call["function"]["name"]) == ("weather.get", "weather.get")
