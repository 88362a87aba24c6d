"""Arguments of tool calls: what can be read without guessing, and what cannot."""

from __future__ import annotations

import pytest

from inference_do._tool_calls import read_arguments

READABLE = {
    "an object": ('{"a": 1, "b": [null, "é"]}', {"a": 1, "b": [None, "é"]}),
    "white space around": (' \n{"a": 1}\r\n', {"a": 1}),
    "nothing": ("", {}),
    "white space": (" \n", {}),
    "None": (None, {}),
    "null": (" null ", {}),
    "a raw newline in a string": ('{"code": "a = 1\nb = 2\n"}', {"code": "a = 1\nb = 2\n"}),
    "other control characters": ('{"a\t": "\x00\x1b\r"}', {"a\t": "\x00\x1b\r"}),
    "half an emoji": ('{"a": "\\ud83d"}', {"a": "\ud83d"}),
}
UNREADABLE = {
    "cut in a string": '{"table": "orders", "where": "id = ',
    "cut in a raw newline": '{"code": "a = 1\n',
    "cut before its brace": '{"a": 1',
    "cut after a key": '{"a":',
    "no comma": '{"a": 1 "b": 2}',
    "a comma too many": '{"a": 1,}',
    "two objects": '{"a": 1}{"a": 2}',
    "text behind": '{"a": 1} done',
    "text": "a is 1",
    "a list": "[1]",
    "a number": "1",
    "a string": '"{}"',
    "a boolean": "false",
    "too deep": '{"a":' * 100_000,
}


@pytest.mark.parametrize(("text", "arguments"), READABLE.values(), ids=READABLE)
def test_what_means_one_thing_only_is_read(text, arguments):
    assert read_arguments(text) == arguments


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_nothing_is_completed_or_guessed(text):
    assert read_arguments(text) is None
