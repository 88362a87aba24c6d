"""The JSON in an answer's text: found behind thoughts, prose and fences, never inside what is broken."""

from __future__ import annotations

import pytest

from inference_do._adapters.json_text import JSONTextError, ended_badly, parse_json, partial_json, read_json

FOUND = {
    "plain": '{"a": 1}',
    "thinking": '<think>maybe {"a": 0}</think>\n{"a": 1}',
    "another tag": '<reasoning effort="low">{"a": 0}</reasoning>{"a": 1}',
    "brackets as a tag": '[THINK]{"a": 0}[/THINK]{"a": 1}',
    "thinking twice": '<think>x</think><think>{"a": 0}</think>{"a": 1}',
    "thinking whose beginning is in the prompt": 'maybe {"a": 0}\n</think>\n\n{"a": 1}',
    "thinking after a word": 'Well. <thinking>{"a": 0}</thinking> {"a": 1}',
    "channels": '<|channel|>analysis<|message|>{"a": 0}<|end|><|start|>assistant<|channel|>final<|message|>{"a": 1}',
    "fence": '```json\n{"a": 1}\n```',
    "fence without its end": '```json\n{"a": 1}',
    "prose with brackets and a fence": 'Here is the JSON [as requested]:\n```json\n{"a": 1}\n```\nThat is it.',
    "a fence of something else": 'First ```python\nprint({1: 2})\n``` then\n```\n{"a": 1}\n```',
    "thinking and a fence": '<think>```json\n{"a": 0}\n```</think>```json\n{"a": 1}\n```',
    "a note in brackets": 'As [1] says, it is {"a": 1}.',
    "braces in prose": 'Fill in {name} and {"Paris", "Rome"}: {"a": 1}',
    "prose after it": '{"a": 1} I hope that {this} helps.',
    "a broken one before": '{"a": {"b": 1},} Sorry: {"a": 1}',
    "a tag of a tool call": '<tool_call>\n{"a": 1}\n</tool_call>',
}


@pytest.mark.parametrize("name", FOUND)
def test_what_stands_around_the_json_is_looked_through(name):
    assert read_json(FOUND[name]) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "</think>"}', {"a": "</think>"}),
        ('Here: {"a": "</think>", "b": {"c": 1}}', {"a": "</think>", "b": {"c": 1}}),
        ('Here: {"a": "<think>x</think>"}', {"a": "<think>x</think>"}),
        ('{"a": "```json\\n{}\\n```"} Done.', {"a": "```json\n{}\n```"}),
        ('{"code": "a\nb"}', {"code": "a\nb"}),
        ('Here: [{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ("The numbers: [1, 2]", [1, 2]),
        ('"text"', "text"),
        ("null", None),
    ],
)
def test_what_stands_inside_a_value_is_a_part_of_it(text, value):
    assert read_json(text) == value


BROKEN = {
    '{"a": 1,}': r"a comma before '}'",
    '{"a": [1, 2,]}': r"a comma before '\]'",
    '{"a": {"b": 1},}': r"a comma before '}'",
    '{name: {"b": 1}}': "property name enclosed in double quotes",
    "{'a': {\"b\": 1}}": "property name enclosed in double quotes",
    '{"a" 1}': "':'",
    '{"a": "x "y" z", "c": {"b": 1}}': "not valid",
    'Here: {"a": {"b": 1}': "ends before its JSON",
    '{"a": "x': "ends before its JSON",
    '{"a": 1': "ends before its JSON",
    '[{"a": 1}': "ends before its JSON",
    '```json\n{"a": {"b": 1}': "ends before its JSON",
    '<think>{"a": 1}': "there is no JSON",
    "I would rather talk.": "there is no JSON",
    "": "there is no JSON",
    "[" * 100_000: "ends before its JSON|cannot be read",
    '{"a": "b", "c" "```\n{}\n```"}': "not valid",
}


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:30])
def test_what_is_wrong_is_said_and_nothing_inside_is_taken(text):
    with pytest.raises(JSONTextError, match=BROKEN[text]):
        read_json(text)


def test_arguments_are_nothing_but_json():
    assert parse_json(' {"a": "b\nc"} ') == {"a": "b\nc"}
    with pytest.raises(JSONTextError, match="not valid"):
        parse_json('Here: {"a": 1}')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "Par', {"a": "Par"}),
        ('{"a": [1, 2', {"a": [1]}),
        ('Here is it [as asked]: {"a": "P', {"a": "P"}),
        ('```json\n{"a": "P', {"a": "P"}),
        ('<think>{"a": "x"}', None),
        ('<think>{"a": "x"}</think>{"a": "P', {"a": "P"}),
        ("As [1] says", None),
        ('{"a": 1} and so', {"a": 1}),
        ("", None),
        ("no", None),
    ],
)
def test_the_beginning_of_an_answer_is_read_as_far_as_it_goes(text, value):
    found = partial_json(text)
    assert found == value or (value == {"a": [1]} and found == {"a": [1, 2]})


def test_long_texts_are_read_in_time():
    """Each of them took minutes if every bracket were tried to the end."""
    spaces = "```" + " " * 100_000 + "x"
    texts = (
        "<think>x</think>" * 20_000,
        "{a " * 50_000,
        '["a" ' * 50_000,
        "[a " * 50_000,
        "```json\n{x" * 20_000,
        spaces,
    )
    for text in texts:
        with pytest.raises(JSONTextError):
            read_json(text)


def test_an_answer_that_ended_badly_is_none():
    assert "refused: No" in ended_badly("stop", "No.")
    assert "'length'" in ended_badly("length", None)
    assert "token limit" in ended_badly("MAX_TOKENS", None)
    assert "ended early" in ended_badly("insufficient_system_resource", None)
    assert "content_filter" in ended_badly("content_filter", None)
    assert ended_badly("stop", None) is None
    assert ended_badly(None, "") is None
